"""Starts the hub's own processes, watches them, and stops them in the right order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.home import CHECKOUT
from core.errors import FairwayError

STOP_S = 20.0  # what a process may take to finish its work
LOOK_S = 0.1  # between two looks whether a process still runs
PAUSE_S = (0.2, 5.0)  # before one that does not start is tried again: the first time, at most


@dataclass(slots=True)
class Process:
    """One role's process, or another that *command* starts. *address* is what it announced on standard output, if
    anything.
    """

    role: str
    environment: Mapping[str, str]
    log: Path
    command: Sequence[str] = ()
    child: asyncio.subprocess.Process | None = None
    address: str = ""

    async def start(self) -> None:
        """Start, and wait until it says that it is ready; raises `FairwayError` when it ends before."""
        with self.log.open("ab") as log:
            self.child = await asyncio.create_subprocess_exec(
                *(self.command or (sys.executable, "-m", "console.cli", self.role)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=CHECKOUT,
                env={
                    **os.environ,
                    **self.environment,
                    "PYTHONPATH": str(CHECKOUT),
                    "FAIRWAY_PARENT": str(os.getpid()),
                },
                start_new_session=True,
            )
        assert self.child.stdout is not None  # noqa: S101 - asked for above
        line = await self.child.stdout.readline()
        if not line:
            tail = self.log.read_text("utf-8", "replace").splitlines()[-3:]
            raise FairwayError(f"The {self.role} process did not start: {' / '.join(tail)}")
        self.address = line.decode().strip()

    def memory_mb(self) -> float:
        """Resident memory now, in megabytes (Linux; 0 elsewhere)."""
        try:
            pages = int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1]) if self.child else 0
        except (OSError, IndexError):
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def ended(self) -> bool:
        return self.child is not None and self.child.returncode is not None

    def send(self, what: signal.Signals) -> None:
        """Send the running process and its children a signal, if one is running."""
        if self.child is not None and not self.ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, what)

    async def crash(self) -> None:
        """End the process as a crash would, and start another."""
        if self.child is not None and not self.ended:
            self.send(signal.SIGKILL)
            await self.child.wait()
        await self.start()

    async def stop(self) -> None:
        if self.child is None or self.ended:
            return
        self.child.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await self.child.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.child.wait()


@contextlib.asynccontextmanager
async def running(*processes: Process) -> AsyncIterator[None]:
    """Run *processes* while the block runs; the first given stops first."""
    try:
        for process in processes:
            await process.start()
        yield
    finally:
        for process in processes:
            await process.stop()


async def keep_running(processes: Iterable[Process], say: Callable[[str], None]) -> None:
    """Start again whatever ends, until cancelled. What does not start, for the database may be away, is tried again."""

    async def keep(process: Process) -> None:
        pause_s = PAUSE_S[0]
        while True:
            await asyncio.sleep(LOOK_S)
            if not process.ended:
                continue
            say(f"the {process.role} process ended; starting it again")
            try:
                await process.start()
                pause_s = PAUSE_S[0]
            except FairwayError as error:
                say(str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, PAUSE_S[1])

    async with asyncio.TaskGroup() as group:
        for process in processes:
            group.create_task(keep(process))


def die_with_parent() -> None:
    """Make this process stop when the one that started it ends, however it ends (Linux)."""
    if parent := os.environ.get("FAIRWAY_PARENT"):
        die_with(int(parent), signal.SIGTERM)


def die_with(parent: int, how: signal.Signals) -> None:
    """Have this process sent *how* when its *parent* ends (Linux)."""
    import ctypes  # noqa: PLC0415 - only child processes need it

    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(1, int(how), 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(0)


def collect_less_often() -> None:
    """Look for garbage in cycles less often: orders make none, and a full look stops everything for tens of ms."""
    import gc  # noqa: PLC0415 - only processes that run for long

    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
