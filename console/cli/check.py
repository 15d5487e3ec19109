"""`./fairway check`: what can be known about the code without running the hub. Runs no test."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

TOOLS = Path(sys.executable).parent

STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff check", (str(TOOLS / "ruff"), "check", ".")),
    ("ruff format", (str(TOOLS / "ruff"), "format", "--check", ".")),
    ("mypy", (str(TOOLS / "mypy"),)),
    ("import-linter", (str(TOOLS / "lint-imports"),)),
    ("pytest can collect every test", (sys.executable, "-m", "pytest", "--collect-only", "-q")),
)


def main() -> int:
    """Run every step, even after one has failed, and name the failed ones last."""
    failed = []
    for heading, command in STEPS:
        print(f"\n== {heading}", flush=True)
        begun = time.monotonic()
        done = subprocess.run(command, check=False, env={**os.environ, "NO_COLOR": "1"})  # noqa: S603 - our own words
        if done.returncode:
            failed.append(heading)
        print(f"   {'failed' if done.returncode else 'holds'}, {time.monotonic() - begun:.1f} s", flush=True)
    print(f"\ncheck: {'failed: ' + ', '.join(failed) if failed else 'everything holds'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
