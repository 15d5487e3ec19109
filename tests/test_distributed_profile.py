"""The suites of the store and the use cases on spread tables (`--distributed`): an eighth of their files, another one each
day. Which one is in the name of the test, and `FAIRWAY_EIGHTH=3` asks for the third.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.clock import wall_clock

ROOT = Path(__file__).resolve().parents[1]
SUITES = ("tests/store", "tests/usecases")
ALWAYS = ["tests/store/test_schema.py", "tests/usecases/test_distributed.py"]  # that it is the profile at all
EIGHTH = int(os.environ.get("FAIRWAY_EIGHTH") or wall_clock().toordinal() % 8 + 1)


def share(eighth: int) -> list[str]:
    found = sorted(
        str(path.relative_to(ROOT)) for suite in SUITES for path in (ROOT / suite).glob("test_*.py")
    )
    return [*ALWAYS, *(path for path in found[eighth - 1 :: 8] if path not in ALWAYS)]


@pytest.mark.one_machine("it starts the tests with the profile")
@pytest.mark.parametrize("eighth", [EIGHTH])
def test_what_holds_on_one_machine_holds_on_spread_tables(eighth: int) -> None:
    words = [sys.executable, "-P", "-m", "pytest", "--distributed", *share(eighth)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}

    ended = subprocess.run(words, check=False, cwd=ROOT, env=environment, capture_output=True, text=True)

    said = "\n".join([" ".join(words[1:]), ended.stdout, ended.stderr])
    assert ended.returncode == 0, said
    assert "a transaction was taken back: " in ended.stdout, said


def test_every_file_has_its_day() -> None:
    there = {str(path.relative_to(ROOT)) for suite in SUITES for path in (ROOT / suite).rglob("test_*.py")}

    assert {path for eighth in range(1, 9) for path in share(eighth)} == there
