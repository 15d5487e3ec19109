"""Runs a command of ours as its users do, with servers of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from core.flow import decode

CHECKOUT = Path(__file__).resolve().parents[2]


async def run_command(home: Path, *words: str, patience_s: float) -> tuple[dict[str, Any], int]:
    """What the command said in its one JSON object, and its exit code."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "console.cli", *words),
        cwd=CHECKOUT,
        env={**kept, "HOME": str(home), "PYTHONPATH": str(CHECKOUT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(patience_s):
        out, errors = await child.communicate()
    assert child.returncode is not None
    assert out, errors.decode()
    told: dict[str, Any] = decode(out)  # refuses a second object or any other text
    return told, child.returncode
