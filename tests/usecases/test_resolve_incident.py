"""A person decides which order goes without, and the units go to the other."""

from __future__ import annotations

from typing import Any

import pytest
from incidents_rig import IncidentRig

from core.errors import Missing, UsageProblem
from core.rules.incidents import Policy
from core.usecases.resolve_incident import Resolved, resolve_incident


async def resolve(market: IncidentRig, policy: Policy, *, victim: int | None = None, **more: Any) -> Resolved:
    [incident] = [row for row in await market.incidents() if row["closed_at"] is None]
    return await resolve_incident(
        market.hub,
        market.merchant_id,
        incident["incident_id"],
        policy,
        victim=await market.order_id(victim) if victim else None,
        by="Mia",
        **more,
    )


async def oversold(market: IncidentRig) -> None:
    """Two mugs; order 1 and 2 of the own shop have one each, order 3 of the marketplace has none."""
    await market.counted(mug=2)
    await market.sold(1, 1)
    await market.sold(2, 1)
    await market.sold(3, 1, at=market.second)


async def test_letting_the_short_order_wait_moves_nothing(market: IncidentRig) -> None:
    await oversold(market)

    done = await resolve(market, Policy.BACKORDER)

    assert done == Resolved(decided=1, moved=0, missing=1)
    assert await market.lines() == {"3": (1, "backorder", "Mia")}
    assert await market.held() == {"1": 1, "2": 1}


async def test_another_order_can_be_made_to_wait_instead(market: IncidentRig) -> None:
    await oversold(market)

    done = await resolve(market, Policy.BACKORDER, victim=1)

    assert done == Resolved(decided=1, moved=1, missing=1)
    assert await market.held() == {"2": 1, "3": 1}
    assert await market.lines() == {"1": (1, "backorder", "Mia")}
    assert [await market.holds(number) for number in (1, 2, 3)] == [{"short_stock"}, set(), set()]
    assert await market.stock() == (2, 2)


async def test_the_move_is_in_the_ledger_and_in_the_incidents_history(market: IncidentRig) -> None:
    await oversold(market)

    await resolve(market, Policy.BACKORDER, victim=1)

    (incident,) = await market.incidents()
    moves = await market.admin.fetch(
        "SELECT reason, reserved_delta, on_hand_delta FROM stock_ledger WHERE cause = $1 ORDER BY entry_id",
        f"incident:{incident['incident_id']}",
    )
    assert [tuple(row) for row in moves] == [("release", -1, 0), ("reserve", 1, 0)]
    assert (incident["missing"], incident["units"]) == (1, 1)  # as many as before
    said = await market.said()
    assert [(kind, actor) for kind, actor, _ in said] == [
        ("opened", "hub"),
        ("grew", "Mia"),
        ("shrank", "Mia"),
        ("decided", "Mia"),
    ]
    assert said[2][2]["because"] == "order W-1 goes without"


async def test_cancelling_without_naming_an_order_takes_the_one_that_costs_least(market: IncidentRig) -> None:
    await oversold(market)

    done = await resolve(market, Policy.CANCEL)

    assert (done.moved, done.missing) == (1, 1)
    assert await market.held() == {"1": 1, "3": 1}  # the later of the own shop's orders goes without
    assert await market.holds(2) == {"short_stock", "cancel_proposed"}


async def test_an_order_of_a_marketplace_is_not_cancelled_while_an_own_shop_has_the_unit(
    market: IncidentRig,
) -> None:
    await oversold(market)

    with pytest.raises(UsageProblem, match="sold at a marketplace"):
        await resolve(market, Policy.CANCEL, victim=3)

    assert await market.lines() == {"3": (1, "ask", "")}


async def test_an_order_of_a_marketplace_may_be_cancelled_when_nobody_else_has_the_unit(
    market: IncidentRig,
) -> None:
    await market.sold(3, 1, at=market.second)

    done = await resolve(market, Policy.CANCEL, victim=3)

    assert done == Resolved(decided=1, moved=0, missing=1)
    assert await market.holds(3) == {"short_stock", "cancel_proposed"}


async def test_another_location_is_used_when_a_person_says_so(market: IncidentRig) -> None:
    await oversold(market)
    await market.put(await market.location("Depot"), 4)

    done = await resolve(market, Policy.OTHER_LOCATION)

    assert done == Resolved(decided=1, moved=0, missing=0)
    assert await market.held() == {"1": 1, "2": 1, "3": 1}


async def test_an_order_that_has_nothing_to_do_with_it_is_refused(market: IncidentRig) -> None:
    await oversold(market)
    await market.sold(4, 1, status="cancelled")

    with pytest.raises(UsageProblem, match="has none of the units"):
        await resolve(market, Policy.BACKORDER, victim=4)


async def test_a_decision_can_be_changed(market: IncidentRig) -> None:
    await oversold(market)
    await resolve(market, Policy.CANCEL, victim=2)

    await resolve(market, Policy.BACKORDER, victim=2)

    assert await market.lines() == {"2": (1, "backorder", "Mia")}
    assert await market.holds(2) == {"short_stock"}


async def test_what_is_closed_or_unknown_cannot_be_resolved(market: IncidentRig) -> None:
    await oversold(market)
    await market.counted(mug=3)
    (incident,) = await market.incidents()
    where = (market.hub, market.merchant_id)

    with pytest.raises(UsageProblem, match="is closed"):
        await resolve_incident(*where, incident["incident_id"], Policy.BACKORDER, by="Mia")
    with pytest.raises(Missing, match="There is no incident"):
        await resolve_incident(*where, 4711, Policy.BACKORDER, by="Mia")


@pytest.mark.parametrize(("policy", "victim"), [(Policy.ASK, None), (Policy.OTHER_LOCATION, 1)])
async def test_a_word_that_decides_nothing_is_refused(
    market: IncidentRig, policy: Policy, victim: int | None
) -> None:
    await oversold(market)

    with pytest.raises(UsageProblem, match="decides nothing"):
        await resolve(market, policy, victim=victim)


async def test_of_several_short_orders_the_costliest_gets_what_the_victim_gives(market: IncidentRig) -> None:
    await market.counted(mug=2)
    await market.sold(1, 2)
    await market.sold(2, 2)
    await market.sold(3, 1, at=market.second)

    await resolve(market, Policy.BACKORDER, victim=1)

    assert await market.held() == {"3": 1, "2": 1}
    assert await market.lines() == {"1": (2, "backorder", "Mia"), "2": (1, "ask", "")}
