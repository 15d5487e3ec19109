"""Sabotages still fit the code, and one of them is tried: which one changes from day to day."""

from __future__ import annotations

import pytest

from console.chaos.sabotage import sabotage, without
from console.chaos.safety_lines import LINES, SafetyLine
from console.home import CHECKOUT
from core.clock import wall_clock
from core.errors import FairwayError


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_every_safety_line_is_still_there_once_and_its_tests_too(line: SafetyLine) -> None:
    source = (CHECKOUT / line.file).read_text("utf-8")
    compile(without(line, source), line.file, "exec")
    for word in line.tests:
        path, _, name = word.partition("::")
        if path.endswith(".py"):
            assert f"def {name}(" in (CHECKOUT / path).read_text("utf-8") or not name


def test_a_line_that_is_not_there_is_refused_loudly() -> None:
    with pytest.raises(FairwayError, match="0 times"):
        without(SafetyLine("none", "a.py", "gone", "", ()), "x = 1")


async def test_the_sabotage_of_the_day_is_caught() -> None:
    line = LINES[wall_clock().toordinal() % len(LINES)]
    found = await sabotage(lambda _what, _share: None, [line])
    assert (found["sabotages"], found["caught"]) == (1, 1), found
