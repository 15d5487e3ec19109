"""What is expected to be oversold, against a simulation that draws every sale and every piece of news; and the buffers
that follow from it.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.rules.buffers import (
    MOST,
    Outlet,
    alike,
    expected_oversold,
    judged,
    limit_per_sell_out,
    lost_listing_hours,
    smallest_buffers,
)
from core.rules.chances import chances
from core.rules.demand import HALF_LIVES, Tally, Velocity, fastest
from core.rules.lags import BUCKETS, LagModel, bucket_of, middle_of
from core.rules.oversell import Lags, Race

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
SEED = 20261127


def outlet(per_hour: float, seconds: float, dispersion: float = 1.0) -> Outlet:
    """Half of the lag is news, half is publishing."""
    half = LagModel.of([seconds / 2])
    return Outlet(Velocity(per_hour, dispersion), half, half)


def drawn_oversold(
    rates: Sequence[float],
    news: Sequence[Lags],
    publish: Sequence[Lags],
    buffers: Sequence[int],
    quantities: Sequence[int] = (1,),
) -> float:
    """Units oversold per sell-out of 40, on average: each channel sells while what it has heard of leaves an offer. Each
    sale's news takes its own time; how long a channel takes to be told is drawn once per sell-out.
    """
    draw = random.Random(SEED)
    orders = [rate * len(quantities) / sum(quantities) for rate in rates]
    over = 0
    for _ in range(SELL_OUTS):
        told = [drawn_lag(draw, lags) for lags in publish]
        shown = [POOL - buffer for buffer in buffers]
        coming: list[tuple[float, int, int]] = []
        now, sold = 0.0, 0
        while any(each > 0 for each in shown):
            now += draw.expovariate(sum(orders))
            while coming and coming[0][0] <= now:
                _, place, units = heapq.heappop(coming)
                shown[place] -= units
            seller = draw.choices(range(len(orders)), orders)[0]
            units = min(draw.choice(quantities), max(0, shown[seller]))
            if units:
                shown[seller] -= units
                sold += units
                came = drawn_lag(draw, news[seller])
                for other in range(len(orders)):
                    if other != seller:
                        heapq.heappush(coming, (now + came + told[other], other, units))
        over += max(0, sold - POOL)
    return over / SELL_OUTS


def drawn_lag(draw: random.Random, lags: Lags) -> float:
    return draw.choices([hours for hours, _ in lags], [share for _, share in lags])[0]


def race(
    rates: Sequence[float], news: Sequence[Lags], publish: Sequence[Lags], dispersion: float = 1.0
) -> Race:
    return Race([Velocity(rate, dispersion) for rate in rates], news, publish)


def always(hours: float) -> Lags:
    return [(hours, 1.0)]


POOL, SELL_OUTS = 40, 2500
HEAVY: Lags = [(0.005, 0.9), (0.05, 0.08), (0.3, 0.02)]  # hours: sometimes a pull has to find it
EVEN, STEEP, THREE = (10.0, 10.0), (40.0, 10.0, 5.0, 2.0), (20.0, 10.0, 5.0)


@pytest.mark.parametrize(
    ("rates", "hours", "buffers"),
    [
        (EVEN, 1 / 60, (0, 0)),
        (EVEN, 0.1, (0, 0)),
        (EVEN, 0.1, (2, 2)),
        (EVEN, 0.1, (0, 2)),
        (EVEN, 0.1, (4, 0)),
        (STEEP, 0.05, (0, 0, 0, 0)),
        (STEEP, 0.05, (2, 2, 2, 2)),
        (STEEP, 0.05, (0, 4, 4, 4)),
        (STEEP, 0.05, (4, 4, 4, 0)),
        (STEEP, 0.01, (0, 2, 2, 2)),
        ((60.0, 60.0), 0.1, (0, 0)),
        ((60.0, 60.0), 0.1, (0, 6)),
    ],
)
def test_what_is_expected_is_what_happens(
    rates: tuple[float, ...], hours: float, buffers: tuple[int, ...]
) -> None:
    lags = [always(hours / 2)] * len(rates)
    expected = race(rates, lags, lags).oversold(buffers)
    happened = drawn_oversold(rates, lags, lags, buffers)
    assert happened - 0.02 - 0.05 * happened <= expected <= happened + 0.03 + 0.15 * happened


@pytest.mark.parametrize("buffers", [(0, 0, 0), (3, 3, 3), (0, 4, 4), (2, 0, 2), (4, 4, 0)])
def test_a_channel_that_is_told_late_now_and_then_oversells_what_is_expected(
    buffers: tuple[int, ...],
) -> None:
    news, publish = [always(0.005)] * 3, [HEAVY] * 3
    expected = race(THREE, news, publish).oversold(buffers)
    assert expected == pytest.approx(drawn_oversold(THREE, news, publish, buffers), rel=0.2, abs=0.03)


@pytest.mark.parametrize("buffers", [(0, 0, 0), (3, 3, 3), (0, 4, 4), (2, 0, 2), (4, 4, 0)])
def test_news_that_comes_late_now_and_then_oversells_what_is_expected(buffers: tuple[int, ...]) -> None:
    news, publish = [HEAVY] * 3, [always(0.005)] * 3
    expected = race(THREE, news, publish).oversold(buffers)
    assert expected == pytest.approx(drawn_oversold(THREE, news, publish, buffers), rel=0.25, abs=0.04)


@pytest.mark.parametrize("buffers", [(0, 0, 0), (0, 2, 2), (0, 4, 4), (0, 8, 8), (8, 8, 0)])
def test_orders_of_several_units_oversell_what_is_expected(buffers: tuple[int, ...]) -> None:
    quantities = (1, 1, 1, 1, 1, 1, 2, 2, 2, 4)
    dispersion = sum(q * q for q in quantities) / sum(quantities)
    lags = [always(0.05)] * 3
    expected = race(THREE, lags, lags, dispersion).oversold(buffers)
    assert expected == pytest.approx(
        drawn_oversold(THREE, lags, lags, buffers, quantities), rel=0.15, abs=0.03
    )


@pytest.mark.parametrize("buffers", [(0, 0, 0), (0, 4, 4), (4, 0, 4), (4, 4, 0), (3, 3, 3), (0, 2, 4)])
def test_where_one_hears_later_than_another_rather_more_is_expected_than_happens(
    buffers: tuple[int, ...],
) -> None:
    news = [always(hours) for hours in (0.005, 0.2, 0.01)]
    publish = [always(hours) for hours in (0.005, 0.01, 0.05)]
    expected = race(THREE, news, publish).oversold(buffers)
    happened = drawn_oversold(THREE, news, publish, buffers)
    assert happened - 0.02 - 0.05 * happened <= expected <= 2.5 * happened + 0.02


per_hour = st.floats(0.01, 60)
lag_s = st.floats(1, 600)
outlets = st.lists(st.builds(outlet, per_hour, lag_s, st.floats(1, 4)), min_size=2, max_size=4)


@settings(max_examples=60, deadline=None)
@given(outlets, st.integers(0, 8), st.integers(0, 3))
def test_holding_more_back_never_oversells_more(many: list[Outlet], units: int, keeper: int) -> None:
    def others_hold(buffer: int) -> list[int]:
        return [0 if j == keeper % len(many) else buffer for j in range(len(many))]

    assert (
        expected_oversold(many, others_hold(units + 1)) <= expected_oversold(many, others_hold(units)) + 1e-6
    )
    everyone = [units] * len(many)
    more = [units + 1] * len(many)
    assert expected_oversold(many, more) <= expected_oversold(many, everyone) + 1e-6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(per_hour, lag_s), min_size=2, max_size=4), st.floats(1.1, 4))
def test_slower_news_never_oversells_less(many: list[tuple[float, float]], times: float) -> None:
    nothing = [0] * len(many)
    now = expected_oversold([outlet(rate, seconds) for rate, seconds in many], nothing)
    slower = expected_oversold([outlet(rate, seconds * times) for rate, seconds in many], nothing)
    assert slower >= now * 0.98  # buckets are a tenth wide


@settings(max_examples=40, deadline=None)
@given(outlets, st.sampled_from((0.001, 0.01, 0.1)))
def test_the_buffers_found_keep_the_limit_and_let_one_outlet_sell_the_last_unit(
    many: list[Outlet], limit: float
) -> None:
    found = smallest_buffers(many, limit)
    assert found.expected_oversold <= limit or max(found.units) == MOST
    assert found.expected_oversold == pytest.approx(expected_oversold(many, found.units))
    assert found.unsold == min(found.units) == 0
    if any(found.units):
        less = [max(0, units - 1) for units in found.units]
        assert expected_oversold(many, less) > limit


def test_a_pool_sold_at_one_place_holds_nothing_back() -> None:
    assert smallest_buffers([outlet(500, 3600)], 0.0001) == judged([outlet(500, 3600)], [0])
    assert smallest_buffers([], 0.0001).units == ()


def test_what_sells_slowly_where_news_is_fast_holds_nothing_back() -> None:
    assert smallest_buffers([outlet(0.2, 10), outlet(0.1, 10)], 0.002).units == (0, 0)
    assert max(smallest_buffers([outlet(20, 10), outlet(10, 10)], 0.002).units) > 0


def test_bursts_and_doubt_hold_more_back() -> None:
    calm = [outlet(20, 120), outlet(20, 120)]
    bursts = [outlet(20, 120, dispersion=3), outlet(20, 120, dispersion=3)]
    doubt = [Outlet(Velocity(20, 1, seen=1), each.news, each.publish) for each in calm]
    held = [sum(smallest_buffers(each, 0.01).units) for each in (calm, bursts, doubt)]
    assert held[0] < held[1]
    assert held[0] < held[2]


def test_a_fixed_buffer_leaves_units_unsold_where_the_measured_one_does_not() -> None:
    many = [outlet(20, 60), outlet(10, 60), outlet(5, 60)]
    found = smallest_buffers(many, 0.01)
    fixed = next(
        fixed for units in range(20) if (fixed := judged(many, [units] * 3)).expected_oversold <= 0.01
    )
    assert found.unsold == 0 < fixed.unsold


def test_lost_hours_are_those_in_which_the_others_sell_the_rest() -> None:
    many = [outlet(10, 60), outlet(5, 60), outlet(5, 60)]
    assert lost_listing_hours(many, [0, 0, 0]) == 0
    assert lost_listing_hours(many, [0, 4, 0]) == pytest.approx(4 / 15)
    assert lost_listing_hours(many, [0, 4, 4]) == pytest.approx(2 * 4 / 10)
    assert lost_listing_hours(many, [2, 2, 2]) == pytest.approx(3 * 2 / 20)


@settings(max_examples=40, deadline=None)
@given(outlets, st.floats(1e-3, 0.5))
def test_pools_made_alike_sell_no_slower_and_accept_no_more(many: list[Outlet], limit: float) -> None:
    rounded, stricter = alike(many, limit)
    assert limit / 1.26 <= stricter <= limit * (1 + 1e-6)
    for before, after in zip(many, rounded, strict=True):
        rate = before.velocity.units_per_hour
        assert rate * (1 - 1e-6) <= after.velocity.units_per_hour <= 1.26 * rate
        assert before.velocity.dispersion <= after.velocity.dispersion <= before.velocity.dispersion + 0.5
        assert (after.news, after.publish) == (before.news, before.publish)
    assert alike(rounded, stricter)[0] == rounded


def test_what_never_sells_is_alike() -> None:
    assert alike([outlet(0, 10)], 0)[0][0].velocity.units_per_hour == 0


def test_a_limit_counts_the_orders_of_one_sell_out() -> None:
    assert limit_per_sell_out(2, 20) == pytest.approx(0.004)


# Lags ---------------------------------------------------------------------------------------------------------------


@given(st.floats(0.01, 100_000))
def test_a_bucket_stands_for_what_falls_into_it(seconds: float) -> None:
    assert middle_of(bucket_of(seconds)) == pytest.approx(seconds, rel=0.1) or seconds <= 1
    assert 0 <= bucket_of(seconds) < BUCKETS


@given(st.lists(st.floats(0, 5000)), st.lists(st.floats(0, 5000)))
def test_lags_measured_apart_add_up_to_those_measured_together(one: list[float], other: list[float]) -> None:
    assert LagModel.of(one).merged(LagModel.of(other)) == LagModel.of([*one, *other])


@given(st.lists(st.floats(2, 5000), min_size=1), st.floats(0, 1))
def test_a_quantile_is_one_of_the_measured(seconds: list[float], share: float) -> None:
    model = LagModel.of(seconds)
    ordered = sorted(seconds)
    exact = (
        ordered[min(len(ordered) - 1, int(share * len(ordered)))],
        ordered[max(0, int(share * len(ordered)) - 1)],
    )
    assert min(exact) * 0.9 <= model.quantile(share) <= max(exact) * 1.1


def test_bands_keep_the_mean() -> None:
    model = LagModel.of([10, 20, 40, 80, 5000])
    assert sum(seconds * share for seconds, share in model.bands()) == pytest.approx(model.mean)
    assert sum(share for _, share in model.bands()) == pytest.approx(1)


def test_what_was_measured_little_is_assumed_to_be_slow_and_what_was_measured_much_is_believed() -> None:
    assert LagModel().assured().quantile(0.5) > 50
    assert LagModel.of([2] * 3).assured().quantile(0.9) > 200
    assert LagModel.of([2] * 200).assured() == LagModel.of([2] * 200)


def test_a_clock_that_is_ahead_makes_no_negative_lag() -> None:
    assert LagModel.of([-30]).mean < 1


# Demand -------------------------------------------------------------------------------------------------------------


@given(st.floats(0.001, 40), st.floats(1, 5))
def test_chances_have_the_mean_and_the_variance_asked_for(mean: float, dispersion: float) -> None:
    odds = chances(mean, mean * dispersion)
    found = sum(k * chance for k, chance in enumerate(odds))
    assert sum(odds) == pytest.approx(1)
    assert found == pytest.approx(mean, rel=1e-2)
    spread = sum(k * k * chance for k, chance in enumerate(odds)) - found**2
    assert spread == pytest.approx(mean * dispersion, rel=2e-2)


def test_a_steady_seller_has_its_rate_whichever_half_life_counts_it() -> None:
    for half_life in HALF_LIVES:
        tally = Tally(half_life, NOON, NOON)
        for minute in range(0, 60 * 24 * 7, 6):
            tally = tally.after(1, NOON + timedelta(minutes=minute))
        between = tally.at + timedelta(minutes=3)
        assert tally.velocity(between).units_per_hour == pytest.approx(10, rel=0.1)
        assert tally.velocity(tally.at).dispersion == pytest.approx(1)


def test_a_burst_is_believed_within_the_hour_and_forgotten_within_the_day() -> None:
    tallies = [Tally(half_life, NOON - timedelta(days=7), NOON) for half_life in HALF_LIVES]
    for second in range(0, 1800, 30):
        tallies = [tally.after(1, NOON + timedelta(seconds=second)) for tally in tallies]
    soon, later = NOON + timedelta(minutes=30), NOON + timedelta(hours=24)
    assert fastest(tally.velocity(soon) for tally in tallies).units_per_hour > 25
    assert fastest(tally.velocity(later) for tally in tallies).units_per_hour < 2


def test_orders_of_several_units_count_as_bursts_and_a_late_one_by_its_age() -> None:
    tally = Tally(timedelta(hours=1), NOON, NOON).after(4, NOON)
    assert tally.velocity(NOON).dispersion == pytest.approx(4)
    hour_old = tally.after(4, NOON - timedelta(hours=1))
    assert hour_old.units == pytest.approx(6)
    assert hour_old.at == NOON


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(-9_000, 9_000)), max_size=20), st.integers(0, 20))
def test_orders_may_be_counted_in_one_go_or_in_several(orders: list[tuple[int, int]], cut: int) -> None:
    sales = [(units, NOON + timedelta(seconds=second)) for units, second in orders]
    at_once = Tally(timedelta(hours=1), NOON, NOON).after_all(sales)
    one_by_one = Tally(timedelta(hours=1), NOON, NOON).after_all(sales[:cut])
    for units, sold_at in sales[cut:]:
        one_by_one = one_by_one.after(units, sold_at)
    assert at_once == one_by_one
    ages = [(at_once.at - sold_at) / at_once.half_life for _, sold_at in sales]
    assert at_once.orders == pytest.approx(sum(0.5**age for age in ages))


def test_a_clock_that_goes_back_changes_no_tally() -> None:
    tally = Tally(timedelta(hours=1), NOON, NOON).after(4, NOON)
    assert tally.aged(NOON - timedelta(hours=3)) == tally
