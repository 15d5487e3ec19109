"""What a merchant wants to become of orders whose units no shelf has."""

from __future__ import annotations

import pytest
from incidents_rig import IncidentRig
from usecase_rig import MUG

from core.rules.offers import Allowance, ListingRule
from core.store.listing_rules import Scope, put_rule
from core.usecases.count_stock import Counted, count_stock
from core.usecases.relevel import relevel
from core.usecases.settle_incidents import settle_incidents


async def test_a_backorder_waits_held_and_nobody_has_to_be_asked(market: IncidentRig) -> None:
    await market.policy("backorder")
    await market.counted(mug=1)

    await market.sold(1, 2)
    await market.work()

    assert await market.lines() == {"1": (1, "backorder", "policy")}
    assert await market.holds(1) == {"short_stock"}


async def test_a_connections_own_policy_wins_over_the_merchants(market: IncidentRig) -> None:
    await market.policy("backorder")
    await market.policy("ask", market.second)

    await market.sold(1, 1)
    await market.sold(2, 1, at=market.second)

    assert await market.lines() == {"1": (1, "backorder", "policy"), "2": (1, "ask", "")}


async def test_units_are_taken_from_another_location_where_the_merchant_said_so(market: IncidentRig) -> None:
    await market.policy("other_location")
    depot = await market.location("Depot")
    await market.put(depot, 5)
    await market.counted(mug=1)

    await market.sold(1, 3)
    short = await market.lines()
    await market.work()

    assert short == {"1": (2, "other_location", "policy")}
    assert await market.lines() == {}
    assert await market.holds(1) == set()
    where = await market.admin.fetch("SELECT location_id, held FROM reservations ORDER BY held")
    assert [(row[0] == depot, row[1]) for row in where] == [(False, 1), (True, 2)]
    assert (await market.said())[-1][0] == "closed"


@pytest.mark.parametrize("policy", ["ask", "backorder"])
async def test_without_that_word_no_other_location_is_touched(market: IncidentRig, policy: str) -> None:
    await market.policy(policy)
    await market.put(await market.location("Depot"), 5)

    await market.sold(1, 1)
    await market.work()
    await relevel(market.hub)

    assert await market.held() == {}
    assert await market.violations(at_rest=True) == {}


async def test_only_the_locations_that_were_named_are_used(market: IncidentRig) -> None:
    near, far = await market.location("Near"), await market.location("Far")
    await market.policy("other_location", locations=(far,))
    await market.put(near, 5)

    await market.sold(1, 1)
    await market.work()
    untouched = await market.held()
    await market.put(far, 5)
    await market.work()

    assert untouched == {}
    assert await market.held() == {"1": 1}


async def test_a_location_that_a_channel_runs_is_not_used_unless_it_was_named(market: IncidentRig) -> None:
    await market.policy("other_location")
    await market.put(await market.location("A marketplace's own", master="channel"), 5)

    await market.sold(1, 1)
    await market.work()

    assert await market.held() == {}


async def test_by_policy_the_cheapest_order_is_proposed_for_cancellation(market: IncidentRig) -> None:
    """The marketplace's order came last, and an own shop's holds the unit: that one goes without."""
    await market.policy("cancel")
    await market.counted(mug=1)
    await market.sold(1, 1)
    await market.sold(2, 1, at=market.second)

    await market.work()

    assert await market.held() == {"2": 1}
    assert await market.lines() == {"1": (1, "cancel", "policy")}
    assert [await market.holds(number) for number in (1, 2)] == [{"short_stock", "cancel_proposed"}, set()]
    assert await market.stock() == (1, 1)
    kind, actor, detail = (await market.said())[-1]
    assert (kind, actor, detail["policy"]) == ("decided", "policy", "cancel")
    assert "a shop of your own" in detail["why"]


async def test_cancelling_is_only_ever_proposed(market: IncidentRig) -> None:
    await market.policy("cancel")

    await market.sold(1, 1)
    await market.work()

    assert (await market.stored(1))["cancelled_at"] is None
    assert await market.admin.fetchval("SELECT count(*) FROM outbox") == 0
    holds = (await market.stored(1))["holds"]
    assert "the channel has not been told" in holds


async def test_an_order_of_a_channel_without_that_policy_is_never_proposed(market: IncidentRig) -> None:
    await market.policy("cancel", market.second)  # and the own shop asks
    await market.counted(mug=1)
    await market.sold(1, 1)
    await market.sold(2, 1, at=market.second)

    await market.work()

    assert await market.held() == {"1": 1}
    assert await market.lines() == {"2": (1, "ask", "")}
    assert await market.holds(2) == {"short_stock"}
    why = await market.admin.fetchval("SELECT why FROM incident_lines WHERE missing > 0")
    assert "W-1 should go without" in why
    assert await settle_incidents(market.hub) == 0


async def test_an_order_that_is_proposed_stays_so_when_its_channel_changes_it_otherwise(
    market: IncidentRig,
) -> None:
    await market.policy("cancel")
    await market.sold(1, 1)
    await market.work()

    await market.sold(1, 1, minute=1, customer_note="ring twice")

    assert await market.holds(1) == {"short_stock", "cancel_proposed"}


async def test_units_that_come_after_all_lift_the_proposal_when_nobody_else_waits(
    market: IncidentRig,
) -> None:
    await market.policy("cancel", market.first)
    await market.sold(1, 1)
    await market.work()
    await market.sold(2, 1, at=market.second)

    await market.counted(mug=1)
    first = await market.held()
    await market.counted(mug=2)

    assert first == {"2": 1}  # the one that is to be cancelled is the last to get units
    assert await market.held() == {"1": 1, "2": 1}
    assert await market.holds(1) == set()


async def test_an_order_proposed_and_then_cancelled_at_its_channel_is_over(market: IncidentRig) -> None:
    await market.policy("cancel")
    await market.sold(1, 1)
    await market.work()

    await market.sold(1, 1, minute=1, status="cancelled")

    assert await market.holds(1) == set()
    assert (await market.said())[-1][:2] == ("closed", "hub")


async def test_units_lost_to_a_count_follow_the_policy_too(market: IncidentRig) -> None:
    await market.policy("cancel", market.first)
    await market.counted(mug=2)
    await market.sold(1, 1)
    await market.sold(2, 1, at=market.second)

    await count_stock(market.hub, market.merchant_id, [Counted(MUG, 1)], cause="Mia counted again")
    await market.work()

    assert await market.held() == {"2": 1}
    assert await market.holds(1) == {"short_stock", "cancel_proposed"}


async def test_many_orders_short_at_once_are_settled_so_that_the_costliest_keep_the_units(
    market: IncidentRig,
) -> None:
    await market.policy("cancel")
    await market.counted(mug=3)
    for number in range(1, 5):
        await market.sold(number, 1)
    for number in range(5, 8):
        await market.sold(number, 1, at=market.second)

    await market.work()

    assert await market.held() == {"5": 1, "6": 1, "7": 1}
    assert set(await market.lines()) == {"1", "2", "3", "4"}
    assert {(policy, by) for _, policy, by in (await market.lines()).values()} == {("cancel", "policy")}


async def test_what_a_listing_may_sell_ahead_waits_whatever_the_policy_says(market: IncidentRig) -> None:
    """The merchant cancels what is oversold, and lets the own shop sell three units before they are there."""
    await market.policy("cancel")
    await market.counted(mug=1)
    async with market.hub.database.transaction([market.merchant_id]) as tx:
        allowed = ListingRule(backorder=Allowance(up_to=3))
        await put_rule(
            tx, market.merchant_id, Scope(connection_id=market.first), allowed, "Mia", market.clock()
        )
    await relevel(market.hub)

    await market.sold(1, 3)
    await market.sold(2, 2)
    await market.work()

    assert await market.lines() == {"1": (2, "backorder", "listing rule"), "2": (2, "cancel", "policy")}
    assert [await market.holds(number) for number in (1, 2)] == [
        {"short_stock"},
        {"short_stock", "cancel_proposed"},
    ]
    kinds = await market.admin.fetch("SELECT cause ->> 'kind' FROM shortages ORDER BY order_id")
    assert [row[0] for row in kinds] == ["sold_ahead", "not_pushed"]


async def test_a_proposal_ends_with_its_incident_though_another_still_misses_units_of_the_order(
    market: IncidentRig,
) -> None:
    await market.policy("cancel")
    await market.counted(mug=1)
    await market.sold(1, 3)
    await market.work()
    await market.policy("ask")
    await market.counted(mug=0)
    both = await market.holds(1)

    await market.sold(1, 1, minute=1)  # what was oversold was taken out of the order

    assert both == {"short_stock", "cancel_proposed"}
    assert await market.lines() == {"1": (1, "ask", "")}
    assert await market.holds(1) == {"short_stock"}
