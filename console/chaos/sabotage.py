"""Takes one safety line out of a copy of the code at a time, and sees whether the tests notice.

A proof that cannot fail proves nothing. Touches no file of the checkout.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.chaos.safety_lines import LINES, SafetyLine
from console.home import CHECKOUT
from core.errors import FairwayError, UsageProblem

FOLDERS = ("bench", "connectors", "console", "core", "jobs", "mappings", "simulators", "tests", "webhooks")
PATIENCE_S = 180.0  # for the tests of one line
FAILED = 1  # pytest's exit code when tests ran and some failed; anything else proves nothing

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Tried:
    """Whether the tests of one line were *green* with it, and *red* without it."""

    line: SafetyLine
    green: bool
    red: bool

    @property
    def caught(self) -> bool:
        return self.green and self.red


def without(line: SafetyLine, source: str) -> str:
    """*source* without the safety line; raises `FairwayError` where its text is not there exactly once."""
    if source.count(line.text) != 1:
        raise FairwayError(
            f"{line.name}: {line.file} has its safety line {source.count(line.text)} times, not once.",
            fix="The code was changed: name the line anew in console/chaos/safety_lines.py.",
        )
    return source.replace(line.text, line.instead)


async def sabotage(tell: Tell, lines: Sequence[SafetyLine] = LINES) -> dict[str, Any]:
    """Try every line of *lines*, two at a time; raises `UsageProblem` without the tests."""
    if not (CHECKOUT / "tests").is_dir():
        raise UsageProblem("The tests are not here.", fix="Run it in a checkout.")
    begun, done = time.monotonic(), 0
    desks = asyncio.Semaphore(2)

    async def one(line: SafetyLine) -> Tried:
        nonlocal done
        async with desks:
            tried = await _try(line)
        done += 1
        tell(line.name, done / len(lines))
        return tried

    found = await asyncio.gather(*(one(line) for line in lines))
    return {
        "sabotages": len(found),
        "caught": sum(tried.caught for tried in found),
        "seconds": round(time.monotonic() - begun, 1),
        "each": [
            {
                "name": tried.line.name,
                "file": tried.line.file,
                "green_with": tried.green,
                "red_without": tried.red,
                "caught_by": " ".join(tried.line.tests) if tried.caught else "",
            }
            for tried in found
        ],
        "passed": all(tried.caught for tried in found),
    }


async def _try(line: SafetyLine) -> Tried:
    with tempfile.TemporaryDirectory(prefix="fairway-sabotage-") as directory:
        copy = _copy(Path(directory))
        green = await _run(copy, line) == 0
        _spoil(copy / line.file, line)
        return Tried(line, green, await _run(copy, line) == FAILED)


def _copy(directory: Path) -> Path:
    directory.chmod(0o711)  # as root, PostgreSQL runs as another user
    for folder in FOLDERS:
        shutil.copytree(CHECKOUT / folder, directory / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", directory)
    return directory


def _spoil(path: Path, line: SafetyLine) -> None:
    path.write_text(without(line, path.read_text("utf-8")), "utf-8")


async def _run(copy: Path, line: SafetyLine) -> int:
    """The exit code of the line's tests, -1 when they took too long."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "pytest", "-x", "-p", "no:cacheprovider", *line.tests),
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await process.wait()
    except TimeoutError:
        process.terminate()
        await process.wait()
        return -1
