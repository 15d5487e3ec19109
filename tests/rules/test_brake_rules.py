"""When a person is asked before many listings change at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.brakes import FEW, wave_of, waves


@pytest.mark.parametrize(
    ("counts", "listings", "held"),
    [
        ({"zero": 50}, 1000, set()),
        ({"zero": 51}, 1000, {"zero"}),
        ({"raise": 200}, 1000, set()),
        ({"raise": 201}, 1000, {"raise"}),
        ({"zero": 1000, "raise": 1000}, 1000, {"zero", "raise"}),
    ],
)
def test_more_than_its_part_of_the_listings_is_held(
    counts: dict[str, int], listings: int, held: set[str]
) -> None:
    assert waves(counts, listings) == held


@given(st.integers(0, FEW), st.integers(0, FEW), st.integers(0, 100_000))
def test_a_few_listings_are_never_asked_about(zero: int, raised: int, listings: int) -> None:
    assert waves({"zero": zero, "raise": raised}, listings) == set()


@pytest.mark.parametrize(
    ("before", "shows", "desired", "stopped", "kind"),
    [
        (5, 5, 0, False, "zero"),
        (5, 5, 0, True, None),
        (5, 0, 0, False, None),
        (5, 5, 4, False, None),
        (5, 5, 9, False, "raise"),
        (None, 5, 0, False, None),
        (5, None, 9, False, None),
    ],
)
def test_a_change_is_of_a_kind_only_where_a_channel_sells_other_than_it_was_told(
    before: int | None, shows: int | None, desired: int, stopped: bool, kind: str | None
) -> None:
    assert wave_of(before=before, shows=shows, desired=desired, stopped=stopped) == kind
