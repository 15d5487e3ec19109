"""Oversold units have an incident: one for each variant, with the orders it is about, until the units are there."""

from __future__ import annotations

from datetime import timedelta

from incidents_rig import IncidentRig
from usecase_rig import TEA

from core.flow import decode


async def test_an_oversold_order_opens_an_incident_that_asks(market: IncidentRig) -> None:
    await market.counted(mug=3)

    await market.sold(1, 5)

    (incident,) = await market.incidents()
    assert (incident["kind"], incident["location_id"], incident["missing"]) == ("oversold", 0, 2)
    assert decode(incident["cause"].encode())["kind"] == "not_pushed"
    assert await market.lines() == {"1": (2, "ask", "")}
    assert await market.said() == [("opened", "hub", {"units": 2, "orders": [await market.order_id(1)]})]


async def test_further_orders_change_the_incident_that_is_open(market: IncidentRig) -> None:
    await market.counted(mug=1)
    await market.sold(1, 2)
    await market.sold(2, 3, at=market.second)

    (incident,) = await market.incidents()

    assert (incident["missing"], incident["units"]) == (4, 4)
    assert await market.lines() == {"1": (1, "ask", ""), "2": (3, "ask", "")}


async def test_an_incident_ends_when_the_last_order_wants_its_units_no_more(market: IncidentRig) -> None:
    await market.counted(mug=1)
    await market.sold(1, 2)
    await market.sold(2, 2)

    await market.sold(2, 2, minute=1, status="cancelled")
    shrunk = await market.incidents()
    await market.sold(1, 1, minute=1)  # one of two was taken out of the order

    assert (shrunk[0]["missing"], shrunk[0]["closed_at"]) == (1, None)
    (ended,) = await market.incidents()
    assert (ended["missing"], ended["units"]) == (0, 3)
    assert ended["closed_at"] is not None
    assert [(kind, detail.get("because")) for kind, _, detail in await market.said()] == [
        ("opened", None),
        ("grew", None),
        ("shrank", "the order was cancelled"),
        ("closed", "the order does not want them any more"),
    ]


async def test_units_that_were_shipped_all_the_same_end_it_as_well(market: IncidentRig) -> None:
    await market.counted(mug=1)
    await market.sold(1, 2)

    await market.sold(1, 2, minute=1, status="completed")

    assert (await market.said())[-1][2]["because"] == "the units left all the same"


async def test_an_order_that_is_gone_at_its_channel_takes_its_part_along(market: IncidentRig) -> None:
    await market.counted(mug=1)
    await market.sold(1, 2)
    market.clock.forward(minutes=1)

    await market.deliver({"id": "1"}, topic="pull/missing", via="fetch")
    await market.drain()

    (incident,) = await market.incidents()
    assert incident["missing"] == 0
    assert (await market.said())[-1][0] == "closed"


async def test_what_is_missing_again_later_is_another_incident(market: IncidentRig) -> None:
    await market.counted(mug=1)
    await market.sold(1, 2)
    await market.counted(mug=2)
    await market.sold(2, 1)

    first, second = await market.incidents()

    assert first["closed_at"] is not None
    assert (second["missing"], second["closed_at"]) == (1, None)


async def test_an_order_that_is_oversold_and_then_loses_units_to_a_count_is_in_both_incidents(
    market: IncidentRig,
) -> None:
    await market.counted(mug=3)
    await market.sold(1, 5)
    await market.counted(mug=1)  # two more are missing

    by_kind = {row["kind"]: row["missing"] for row in await market.incidents()}
    await market.counted(mug=4)  # three came: the older incident ends first

    assert by_kind == {"oversold": 2, "count_below_reserved": 2}
    assert {row["kind"]: row["missing"] for row in await market.incidents()} == {
        "oversold": 0,
        "count_below_reserved": 1,
    }


async def test_units_that_come_go_to_the_order_that_has_to_ship_first(market: IncidentRig) -> None:
    for number in (1, 2, 3):
        await market.sold(number, placed=market.clock())
    await market.admin.execute(
        "UPDATE orders SET ship_by = $1 WHERE channel_order_id = '3'", market.clock() + timedelta(days=1)
    )

    await market.counted(mug=1)
    first = await market.held()
    await market.counted(mug=2)

    assert first == {"3": 1}
    assert await market.held() == {"3": 1, "1": 1}


async def test_shortages_that_only_an_unused_location_could_fill_do_not_keep_the_others_waiting(
    market: IncidentRig, monkeypatch: object
) -> None:
    depot = await market.location("Depot")
    await market.put(depot, 5)
    await market.sold(1, 1)
    await market.deliver(market.order(2, (TEA, 1)))
    await market.drain()
    await market.admin.execute("UPDATE orders SET ship_by = now() WHERE channel_order_id = '1'")
    monkeypatch.setattr("core.usecases.fill_shortages.BATCH", 1)  # type: ignore[attr-defined]

    await market.counted(tea=1)

    assert await market.held() == {"2": 1}
    assert await market.violations(at_rest=True) == {"dirty_left": 2}
