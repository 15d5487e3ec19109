"""The arithmetic minimum of catching up, held against buckets that are really drained."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.bench.catchup import BEGAN
from console.bench.outage import PUBLISHED, Need, Published, computed_s, least_s, pages
from console.bench.paced import PacedGate, Time
from core.connector import Limits
from core.errors import ChannelError, ErrorCode
from core.flow import Request

limits = st.builds(Limits, points_per_s=st.floats(0.5, 200), burst=st.floats(20, 2_000))


async def _in_turn(gate: PacedGate, time: Time, cost: float) -> None:
    """One call, put off as often as the gate wants it."""
    while True:
        try:
            return await gate.allow(Request("GET", "/", cost=cost))
        except ChannelError as held:
            if held.code is not ErrorCode.PAUSED or not held.retry_after_s:
                raise
            time.sleep(held.retry_after_s)


@given(st.integers(0, 100_000), st.integers(1, 500))
def test_pages_hold_everything_and_no_page_is_in_vain(items: int, size: int) -> None:
    assert pages(items, size) * size >= items
    assert (pages(items, size) - 1) * size < max(1, items)


@given(limits, st.lists(st.floats(0.5, 20), min_size=1, max_size=200))
async def test_no_pace_is_faster_than_the_minimum_and_ours_never_takes_what_the_channel_does_not_have(
    bucket: Limits, costs: list[float]
) -> None:
    time = Time(BEGAN)
    gate = PacedGate({"api": bucket}, None, time)
    there, at = bucket.burst, BEGAN  # the channel's own count
    for cost in costs:
        await _in_turn(gate, time, cost)
        there = min(bucket.burst, there + (time.now - at).total_seconds() * bucket.points_per_s) - cost
        at = time.now
        assert there > -1e-3
    passed = (time.now - BEGAN).total_seconds()
    assert passed >= least_s([Need(1, sum(costs), bucket)]) - 1e-3


@given(
    st.builds(Limits, points_per_s=st.floats(0.5, 200), burst=st.floats(20, 60)),
    st.integers(200, 400),
    st.floats(1, 5),
)
async def test_a_long_row_of_calls_takes_hardly_longer_than_the_minimum(
    bucket: Limits, calls: int, cost: float
) -> None:
    time = Time(BEGAN)
    gate = PacedGate({"api": bucket}, None, time)
    for _ in range(calls):
        await _in_turn(gate, time, cost)
    passed = (time.now - BEGAN).total_seconds()
    # A quarter of the burst is left to what is on its way, and one wait may be rounded up to a second.
    least = least_s([Need(calls, cost, bucket)])
    assert passed <= 1.25 * least + bucket.burst / 4 / bucket.points_per_s + calls * 0.002 + 1


@pytest.mark.parametrize("channel", PUBLISHED, ids=lambda channel: channel.name)
@given(orders=st.integers(0, 100_000), listings=st.integers(0, 100_000), more=st.integers(1, 10_000))
def test_more_to_tell_is_never_told_sooner(channel: Published, orders: int, listings: int, more: int) -> None:
    once = computed_s(channel, orders, listings, 0.2)
    twice = computed_s(channel, orders + more, listings + more, 0.2)
    assert once[0] <= twice[0]
    assert once[1] <= twice[1]


def test_amazon_by_hand() -> None:
    amazon = next(one for one in PUBLISHED if one.name == "Amazon")
    orders, stock = computed_s(amazon, 5_000, 20_000, 0.0)
    assert orders == pytest.approx((50 - 20) / 0.0056)
    assert stock == pytest.approx((20_000 - 5) / 5)


def test_a_gate_that_is_told_to_wait_long_says_so_instead_of_waiting() -> None:
    time = Time(BEGAN)
    time.sleep(1.5)
    assert time() - BEGAN == timedelta(seconds=1.5)
