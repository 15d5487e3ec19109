"""What the tests of the command line share: `fairway` as it is called from a terminal."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from console.cli.main import main
from core.flow import decode

ROOT = Path(__file__).parents[2]
_STAY = [("listen",), ("log",), ("up",), ("web",), ("worker",)]


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return decode(self.out.encode())


@dataclass(frozen=True, slots=True)
class Shell:
    """A terminal whose environment holds *variables* and nothing else of Fairway's.

    Commands run in a thread of the test's own process, since starting Python costs more than most of them; those that
    stay until they are stopped get a process of their own.
    """

    variables: dict[str, str]

    async def __call__(self, *words: str, typed: bytes = b"") -> Said:
        bare = {
            k: v for k, v in os.environ.items() if not k.startswith(("FAIRWAY_", "DATABASE_URL", "REDIS_URL"))
        }
        environment = {**bare, "PYTHONPATH": str(ROOT), **self.variables}
        if words[:1] not in _STAY:
            return await asyncio.wait_for(asyncio.to_thread(_here, words, environment, typed), 30)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "console.cli",
            *words,
            cwd=ROOT,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(typed), 30)
        return Said(process.returncode or 0, out.decode(), err.decode())


def _here(words: Sequence[str], environment: Mapping[str, str], typed: bytes) -> Said:
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code = 0
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed), "utf-8")),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main(list(words))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    said = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    return Said(code, *said)
