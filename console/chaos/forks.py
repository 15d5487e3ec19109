"""Runs fairway's commands as processes that start within milliseconds: forked from one that has imported everything.

What runs is the same command line in a process of its own, which can be killed and stopped as any other.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from console.home import CHECKOUT
from core.errors import FairwayError
from core.flow import decode

START_S = 30.0  # until the first of them has imported everything, or one says that it is ready


@dataclass(slots=True)
class Fork:
    """A command that runs. *out* is where its standard output goes; *ended* is its exit code, below zero for a signal."""

    words: tuple[str, ...]
    out: Path
    pid: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def send(self, what: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if not self.ended.done() and self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, what)

    def kill_child(self) -> None:
        """Kill what it has forked itself (Linux)."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        for child in children.read_text("ascii").split() if children.exists() else ():
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)

    async def ready(self) -> str:
        """The first line it says; raises `FairwayError` when it ends before or takes too long."""
        async with asyncio.timeout(START_S):
            while True:
                said, whole, _ = self.out.read_text("utf-8").partition("\n")
                if whole:
                    return said
                if self.ended.done():
                    raise FairwayError(f"{' '.join(self.words)} ended with {self.ended.result()}.")
                await asyncio.sleep(0.01)


class Forks:
    """The process that all others are forked from."""

    def __init__(self, mother: asyncio.subprocess.Process, directory: Path) -> None:
        self._mother = mother
        self._directory = directory
        self._forks: dict[int, Fork] = {}

    async def fork(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> Fork:
        """Run `fairway` with *words* and *environment* added to ours; its standard error goes to the end of *log*."""
        number = len(self._forks)
        fork = self._forks[number] = Fork(tuple(words), self._directory / f"{number}.out")
        fork.out.touch()
        asked = {
            "n": number,
            "words": list(words),
            "environment": {**environment, "FAIRWAY_PARENT": str(self._mother.pid)},
            "out": str(fork.out),
            "log": str(log),
        }
        assert self._mother.stdin is not None  # noqa: S101 - asked for below
        self._mother.stdin.write(json.dumps(asked).encode() + b"\n")
        await fork.begun.wait()
        return fork

    async def listen(self) -> None:
        """Hear of forks that begin and end, until the mother is gone."""
        assert self._mother.stdout is not None  # noqa: S101 - as above
        while line := await self._mother.stdout.readline():
            said = decode(line)
            fork = self._forks[said["n"]]
            if "code" in said:
                fork.ended.set_result(said["code"])
            else:
                fork.pid = said["pid"]
                fork.begun.set()


@asynccontextmanager
async def open_forks(directory: Path) -> AsyncIterator[Forks]:
    """Fork while the block runs; what still runs at its end is killed. What they say is kept in *directory*."""
    await asyncio.to_thread(directory.mkdir)
    with (directory / "mother.log").open("ab") as log:
        mother = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "console.chaos.mother"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            start_new_session=True,
        )
    forks = Forks(mother, directory)
    listening = asyncio.create_task(forks.listen())
    try:
        yield forks
    finally:
        assert mother.stdin is not None  # noqa: S101 - asked for above
        mother.stdin.close()
        await mother.wait()
        await listening
