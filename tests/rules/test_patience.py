"""Which variants wait for further sales before they are levelled, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.rules.patience import LONGEST, Mark, patience, waiting

NOW = datetime(2025, 11, 28, 9, tzinfo=UTC)
AGES = st.timedeltas(timedelta(seconds=-1), timedelta(seconds=10))
MARKS = st.builds(
    Mark,
    merchant_id=st.integers(1, 3),
    variant_id=st.integers(1, 1_000_000),
    since=AGES.map(lambda age: NOW - age),
    left=st.integers(-50, 2_000),
    sold=st.booleans(),
    strict=st.booleans(),
)
MANY = st.lists(MARKS, max_size=30, unique_by=lambda mark: (mark.merchant_id, mark.variant_id))


def key(mark: Mark) -> tuple[int, int]:
    return mark.merchant_id, mark.variant_id


@given(MANY)
def test_nobody_waits_for_longer_than_two_seconds(marks: list[Mark]) -> None:
    left = waiting(marks, NOW)
    assert all(NOW - mark.since < timedelta(seconds=2) for mark in marks if key(mark) in left)


@given(MANY)
def test_what_is_sold_out_or_strict_or_marked_for_more_than_sales_never_waits(marks: list[Mark]) -> None:
    marks = [mark for mark in marks if mark.since <= NOW]
    left = waiting(marks, NOW)
    assert not any(key(mark) in left for mark in marks if mark.strict or not mark.sold or mark.left <= 0)


@given(MARKS, st.integers(0, 2_000))
def test_the_fewer_are_left_the_sooner_channels_are_told(mark: Mark, more: int) -> None:
    plenty = Mark(mark.merchant_id, mark.variant_id, mark.since, mark.left + more, mark.sold, mark.strict)
    assert patience(mark) <= patience(plenty) <= LONGEST


@given(MANY, MANY)
def test_nobody_waits_for_what_another_merchant_sells(mine: list[Mark], theirs: list[Mark]) -> None:
    own = [mark for mark in mine if mark.merchant_id == 1]
    others = [mark for mark in theirs if mark.merchant_id != 1]
    assert waiting(own, NOW) == {pair for pair in waiting(own + others, NOW) if pair[0] == 1}


def test_who_has_waited_half_as_long_as_it_may_goes_with_one_whose_time_has_come() -> None:
    first, half, fresh = (
        Mark(1, number, NOW - timedelta(seconds=age), left=1_000)
        for number, age in ((1, 1.9), (2, 1), (3, 0.8))
    )
    assert waiting([first, half, fresh], NOW) == {(1, 1), (1, 2), (1, 3)}
    assert waiting([first, half, fresh], NOW + timedelta(seconds=0.1)) == {(1, 3)}
