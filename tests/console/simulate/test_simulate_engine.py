"""The simulated world keeps its own truth, says what each unit was oversold by, and asks what the hub asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulate_rig import MARKET, SHOP, play, world

from console.simulate.books import EPOCH
from console.simulate.buyers import Buyer
from console.simulate.channels import PULL_EVERY_S, Channel, news_of, queue_runs
from console.simulate.policies import Policy, Ruled, pooled
from console.simulate.stock import POLICIES
from core.rules.levelling import Goods, Standing, level_all
from core.rules.offers import ListingRule, Mode
from core.rules.quotas import BLIND


@st.composite
def buyers(draw: st.DrawFn) -> list[Buyer]:
    """Rushes of buyers for two SKUs at three channels; most want the same one."""
    at, found = 0.0, []
    pace = draw(st.sampled_from([2.0, 20.0, 400.0]))
    for gap, sku, place, luck in draw(
        st.lists(
            st.tuples(
                st.floats(0.01, pace), st.sampled_from([0, 0, 0, 1]), st.integers(0, 2), st.floats(0, 0.999)
            ),
            min_size=10,
            max_size=150,
        )
    ):
        at += gap
        found.append((at, sku, place, 1, luck))
    return found


@st.composite
def channel_lists(draw: st.DrawFn, kinds: Sequence[Channel] = (SHOP, MARKET)) -> list[Channel]:
    """Three channels of *kinds* whose news takes what it takes."""
    return [
        replace(
            draw(st.sampled_from(kinds)),
            name=name,
            call_s=draw(st.floats(0.05, 3)),
            visible_after_s=draw(st.floats(0, 200)),
            webhooks_lost=draw(st.floats(0, 1)),
        )
        for name in ("one", "two", "three")
    ]


@given(
    st.tuples(st.integers(0, 30), st.integers(0, 6)),
    buyers(),
    channel_lists(),
    st.sampled_from(sorted(POLICIES)),
)
@settings(deadline=None, max_examples=25)
def test_every_unit_sold_or_left_was_supplied(
    supply: tuple[int, int], wanted: list[Buyer], channels: list[Channel], policy: str
) -> None:
    run, books = play(world(supply, wanted), channels, POLICIES[policy](channels))

    for item, units in zip(run.items, supply, strict=True):
        assert units == item.left + sum(listing.sold for listing in item.listings)
        assert item.free == units - sum(listing.heard for listing in item.listings)
    assert books.units == sum(listing.sold for item in run.items for listing in item.listings)
    assert books.oversold.total() == sum(max(0, -item.left) for item in run.items)
    assert books.orders + books.refused == len(wanted)
    assert books.lost_s >= 0


def test_where_news_takes_no_time_a_common_count_oversells_nothing() -> None:
    at_once = replace(
        SHOP, webhook_median_s=1e-6, webhook_p99_s=2e-6, call_s=1e-6, points_per_s=1e9, burst=1e9
    )
    both = [at_once, replace(at_once, name="other")]
    wanted = [(60.0 * n, 0, n % 2, 1, 0.5) for n in range(1, 60)]

    _, books = play(world([20], wanted), both, pooled(both), replies_lost=0.0)

    assert (books.units, books.oversold.total()) == (20, 0)


def test_a_unit_is_oversold_while_news_of_the_sale_elsewhere_is_on_its_way() -> None:
    wanted = [(100.0, 0, 1, 1, 0.5), (101.0, 0, 0, 1, 0.5)]

    _, books = play(world([1], wanted), [SHOP, MARKET], pooled([SHOP, MARKET]), replies_lost=0.0)

    assert books.oversold == {"channel_lag": 1, "our_lag": 0, "crossing": 0, "lost_reply": 0}


def test_a_unit_is_oversold_by_us_when_we_knew_and_had_not_told_the_channel() -> None:
    slow = replace(MARKET, call_s=200.0)
    wanted = [(100.0, 0, 0, 1, 0.001), (130.0, 0, 1, 1, 0.5)]

    _, books = play(world([1], wanted), [SHOP, slow], pooled([SHOP, slow]), replies_lost=0.0)

    assert books.oversold["our_lag"] == 1


def test_hours_count_in_which_units_are_there_and_a_channel_with_buyers_shows_none() -> None:
    wanted = [(HALF_DAY, 0, 0, 2, 0.5), (HALF_DAY + 1, 0, 1, 2, 0.5)]

    _, books = play(world([3], wanted), [SHOP, MARKET], pooled([SHOP, MARKET], 3), replies_lost=0.0)

    assert books.refused_though_free == 2
    assert books.lost_s == pytest.approx(2 * 2 * HALF_DAY)  # both channels, all day


HALF_DAY = 12 * 3600.0


def test_orders_of_a_polled_channel_come_with_the_first_pull_that_can_see_them() -> None:
    news = news_of(MARKET, "s", 86400.0, 100)

    for placed in (0.0, 17.0, 5000.0):
        waited = news.arrives(placed, 0.5) - placed
        assert MARKET.visible_after_s < waited <= MARKET.visible_after_s + PULL_EVERY_S + 1


def test_a_queue_that_visitors_start_stands_still_without_them() -> None:
    from random import Random

    busy = queue_runs(Random(1), 60.0, 6 * 3600.0, visits_per_s=5.0)
    quiet = queue_runs(Random(1), 60.0, 6 * 3600.0, visits_per_s=1e-9)

    assert len(busy) > 300
    assert [at for at in quiet if at < 6 * 3600.0] == []


@given(
    st.integers(-3, 40),
    st.lists(st.integers(0, 12), min_size=3, max_size=3),
    st.sampled_from([ListingRule(buffer=2), ListingRule(mode=Mode.STRICT), ListingRule(strict_below=6)]),
)
def test_a_policy_asks_what_the_hub_asks(free: int, possible: list[int], rule: ListingRule) -> None:
    channels = [SHOP, MARKET, replace(SHOP, name="third")]
    run, _ = play(world([10], []), channels, pooled(channels))
    item = run.items[0]
    item.free = free
    for listing, units in zip(item.listings, possible, strict=True):
        listing.possible = units
    policy: Policy = Ruled(rule, channels)

    asked = policy.wishes(item, 0.0)

    standings = [
        Standing(
            (1, 1, place, ""),
            1,
            (1,),
            rule=rule,
            possible=listing.possible,
            shows=10,
            blind=0 if channels[place].compares else BLIND,
        )
        for place, listing in enumerate(item.listings)
    ]
    assert asked == [wish.quantity for wish in level_all(standings, Goods({1: {1: free}}), EPOCH)]
