"""What the tests of the command line share: `fairway` as a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.flow import decode

ROOT = Path(__file__).parents[2]


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
    """A terminal whose environment holds *variables* and nothing else of Fairway's."""

    variables: dict[str, str]

    async def __call__(self, *words: str, typed: bytes = b"") -> Said:
        bare = {
            k: v for k, v in os.environ.items() if not k.startswith(("FAIRWAY_", "DATABASE_URL", "REDIS_URL"))
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "console.cli",
            *words,
            cwd=ROOT,
            env={**bare, "PYTHONPATH": str(ROOT), **self.variables},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(typed), 30)
        return Said(process.returncode or 0, out.decode(), err.decode())
