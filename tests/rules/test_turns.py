"""Those who have little go before those who have much, in few turns."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.rules.turns import ALIKE, turns

SLICES = st.dictionaries(st.integers(1, 1_000), st.integers(1, 300), max_size=30)


@given(SLICES)
def test_every_merchant_has_one_turn(counts: dict[int, int]) -> None:
    assert sorted(merchant for turn in turns(counts) for merchant in turn) == sorted(counts)


@given(SLICES)
def test_nobody_waits_for_more_than_a_few_times_what_it_has_itself(counts: dict[int, int]) -> None:
    sizes = [sorted(counts[merchant] for merchant in turn) for turn in turns(counts)]
    assert all(turn[-1] <= ALIKE * turn[0] for turn in sizes)
    assert all(sooner[-1] < later[0] for sooner, later in pairwise(sizes))


@given(SLICES)
def test_a_slice_has_five_turns_at_most(counts: dict[int, int]) -> None:
    assert len(turns(counts)) <= 4


def test_where_all_have_about_the_same_there_is_one_turn() -> None:
    assert turns({1: 15, 2: 14, 3: 15, 4: 10}) == [{1, 2, 3, 4}]
    assert turns({1: 1, 2: 2, 3: 100}) == [{1, 2}, {3}]
    assert turns({}) == []
