"""A gate is passed at its very figure, missed beside it, and never passed unmeasured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.bench.gates import Gate, middle


@pytest.mark.parametrize(
    ("got", "most", "ok"), [(2, False, True), (1.9, False, False), (2, True, True), (2.1, True, False)]
)
def test_a_gate_is_passed_at_its_figure_and_on_its_right_side(got: float, most: bool, ok: bool) -> None:
    assert Gate("x", 2, got, most=most).ok is ok


@pytest.mark.parametrize("most", [True, False])
def test_what_was_not_measured_is_missed(most: bool) -> None:
    assert Gate("x", 0, None, most=most).row() == {
        "name": "x",
        "want": "<= 0" if most else ">= 0",
        "got": None,
        "ok": False,
    }


@given(st.lists(st.floats(0.001, 1e6), min_size=1))
def test_the_middle_lies_between_the_ends(values: list[float]) -> None:
    assert min(values) * 0.99 <= middle(values) <= max(values) * 1.01 + 1
