"""What is kept for a channel that cannot be told: never more than it shows, and rarely less than it sells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.demand import HALF_LIVES, Tally
from core.rules.levelling import Goods, Standing, level_all
from core.rules.offers import ListingRule, Mode
from core.rules.untold import OUTAGE, RISK, set_aside

NOW = datetime(2026, 11, 27, 15, tzinfo=UTC)
SINCE = NOW - timedelta(hours=3)


def tallies(sales: list[timedelta]) -> list[Tally]:
    """Single units sold that long ago, counted as the hub does."""
    counted = []
    for half_life in HALF_LIVES:
        tally = Tally(half_life, SINCE, SINCE)
        for ago in sorted(sales, reverse=True):
            tally = tally.after(1, NOW - ago)
        counted.append(tally)
    return counted


agos = st.lists(st.timedeltas(timedelta(0), timedelta(hours=3)), max_size=60)


@given(st.integers(0, 50), agos)
def test_no_more_is_kept_than_it_shows(shown: int, sales: list[timedelta]) -> None:
    assert 0 <= set_aside(shown, tallies(sales), 1.0, NOW) <= shown


@given(agos)
def test_who_sells_twice_as_much_keeps_as_much_or_more(sales: list[timedelta]) -> None:
    assert set_aside(10_000, tallies(sales), 0.5, NOW) <= set_aside(10_000, tallies(sales * 2), 0.5, NOW)


@given(agos, st.floats(0.01, 1.0))
def test_who_has_the_smaller_share_keeps_no_more(sales: list[timedelta], share: float) -> None:
    assert set_aside(10_000, tallies(sales), share, NOW) <= set_aside(10_000, tallies(sales), 1.0, NOW)


def test_sales_elsewhere_tell_how_fast_it_sells_here() -> None:
    here, elsewhere = [timedelta(minutes=90)], [timedelta(minutes=9 * n) for n in range(19)]

    both = set_aside(10_000, [*tallies(here), *tallies(elsewhere)], 0.05, NOW)

    assert both <= set_aside(10_000, tallies(here), 1.0, NOW)


def test_a_few_are_kept_where_nothing_was_measured_yet() -> None:
    new = [Tally(half_life, NOW, NOW) for half_life in HALF_LIVES]

    assert set_aside(2, new, 1.0, NOW) == 2
    assert 2 < set_aside(100, new, 1.0, NOW) < 9


def test_of_plenty_little_is_kept() -> None:
    assert set_aside(24_000, tallies([timedelta(minutes=5 * n) for n in range(36)]), 1.0, NOW) < 150


def test_a_channel_that_sold_nothing_so_far_keeps_a_few() -> None:
    assert 1 <= set_aside(40, tallies([]), 1.0, NOW) <= 12


@pytest.mark.parametrize("per_hour", [0.5, 3.0, 20.0, 120.0])
def test_steady_sellers_hardly_ever_sell_more_than_is_kept_for_them(per_hour: float) -> None:
    dice, tries, beyond = Random(per_hour), 400, 0
    for _ in range(tries):
        before = [timedelta(hours=3) * dice.random() for _ in range(_poisson(dice, per_hour * 3))]
        sold = _poisson(dice, per_hour * (OUTAGE / timedelta(hours=1)))
        beyond += sold > set_aside(10**6, tallies(before), 1.0, NOW)
    assert beyond <= tries * RISK + 2  # two more that were bad luck


def _poisson(dice: Random, mean: float) -> int:
    count, left = 0, dice.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + dice.expovariate(1.0)
    return count


def standings(*asides: int, rule: ListingRule | None = None) -> list[Standing]:
    return [
        Standing(
            (1, number, number, ""),
            7,
            (1,),
            rule=rule or ListingRule(),
            possible=20,
            paused=aside > 0,
            aside=aside,
        )
        for number, aside in enumerate(asides)
    ]


def test_the_others_sell_what_is_not_kept_and_are_told_so() -> None:
    wishes = level_all(standings(8, 0, 0), Goods({1: {7: 20}}), NOW)

    assert [wish.quantity for wish in wishes] == [20, 12, 12]
    assert [step.words for step in wishes[1].offer.steps] == [
        "free 20",
        "8 kept for a channel that cannot be told → 12",
    ]


def test_a_kit_leaves_the_components_that_are_kept() -> None:
    kit, part = 9, 7
    kept = Standing((1, 1, 1, ""), kit, (1,), possible=3, paused=True, aside=3)
    other = Standing((1, 2, 2, ""), part, (1,))

    wishes = level_all([kept, other], Goods({1: {part: 10}}, needs={kit: {part: 2}}), NOW)

    assert [wish.quantity for wish in wishes] == [5, 4]


@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from([None, Mode.POOLED]))
def test_offers_and_what_is_kept_never_sum_to_more_than_is_free(
    free: int, aside: int, mode: Mode | None
) -> None:
    _, other = level_all(standings(aside, 0, rule=ListingRule(mode=mode)), Goods({1: {7: free}}), NOW)

    assert other.quantity == max(0, free - aside)
