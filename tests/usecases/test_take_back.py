"""A count that finds fewer units than are promised: whose parcels cannot be packed is said by name."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from incidents_rig import IncidentRig
from usecase_rig import MUG, TEA

from core.flow import decode
from core.store import orders
from core.usecases import book_units
from core.usecases.count_stock import Counted, count_stock
from core.usecases.take_back import take_back_found


async def count(market: IncidentRig, units: int) -> None:
    market.clock.forward(seconds=1)
    await count_stock(market.hub, market.merchant_id, [Counted(MUG, units)], cause="Mia counted")


async def test_units_a_count_did_not_find_are_missing_from_the_cheapest_orders(market: IncidentRig) -> None:
    await market.counted(mug=6)
    await market.sold(1, 2)
    await market.sold(2, 2, at=market.second)
    await market.sold(3, 2, status="pending")  # not paid

    await count(market, 3)

    assert await market.stock() == (3, 3)
    assert await market.held() == {"1": 1, "2": 2}
    assert await market.lines() == {"3": (2, "ask", ""), "1": (1, "ask", "")}
    assert [await market.holds(number) for number in (1, 2, 3)] == [{"short_stock"}, set(), {"short_stock"}]


async def test_the_incident_says_who_counted_and_the_shortage_why_it_is_that_order(
    market: IncidentRig,
) -> None:
    await market.counted(mug=2)
    await market.sold(1)
    await market.sold(2, at=market.second)

    await count(market, 1)

    (incident,) = await market.incidents()
    assert (incident["kind"], incident["missing"], incident["units"]) == ("count_below_reserved", 1, 1)
    cause = decode(incident["cause"].encode())
    assert (cause["kind"], cause["reason"], cause["lowered_by"]) == ("count", "count", "Mia counted")
    assert "a shop of your own" in cause["chosen_because"]


async def test_a_second_count_below_changes_the_open_incident(market: IncidentRig) -> None:
    await market.counted(mug=5)
    await market.sold(1, 5)

    await count(market, 4)
    await count(market, 1)

    (incident,) = await market.incidents()
    assert (incident["missing"], incident["units"], incident["closed_at"]) == (4, 4, None)
    assert [kind for kind, _, _ in await market.said()] == ["opened", "grew"]


async def test_units_that_are_found_again_close_the_incident_with_a_word(market: IncidentRig) -> None:
    await market.counted(mug=3)
    await market.sold(1, 3)
    await count(market, 1)

    await count(market, 3)
    await market.work()

    (incident,) = await market.incidents()
    assert incident["missing"] == 0
    assert incident["closed_at"] is not None
    assert (await market.said())[-1] == (
        "closed",
        "hub",
        {"units": 2, "orders": [await market.order_id(1)], "because": "units came"},
    )
    assert await market.holds(1) == set()
    assert await market.held() == {"1": 3}


async def test_an_order_that_is_cancelled_takes_its_part_of_the_incident_along(market: IncidentRig) -> None:
    await market.counted(mug=2)
    await market.sold(1, 2)
    await count(market, 1)

    await market.sold(1, 2, minute=5, status="cancelled")

    (incident,) = await market.incidents()
    assert incident["missing"] == 0
    assert (await market.said())[-1][2]["because"] == "the order was cancelled"
    assert await market.stock() == (1, 0)


async def test_a_count_that_still_covers_what_is_promised_opens_nothing(market: IncidentRig) -> None:
    await market.counted(mug=5)
    await market.sold(1, 3)

    await count(market, 3)

    assert await market.incidents() == []
    assert await market.stock() == (3, 3)


async def test_what_is_missing_at_one_location_is_taken_from_the_other(market: IncidentRig) -> None:
    await market.counted(mug=2)
    depot = await market.location("Depot")
    await market.admin.execute(
        "INSERT INTO connection_locations VALUES ($1, $2, '', $3)", market.merchant_id, market.first, depot
    )
    await market.sold(1, 2)
    await market.put(depot, 5)

    await count(market, 0)
    short = await market.lines()
    await market.work()

    assert short == {"1": (2, "ask", "")}
    assert await market.lines() == {}
    assert await market.held() == {"1": 2}


async def test_a_shelf_left_below_by_a_process_that_ended_is_found_by_the_next(market: IncidentRig) -> None:
    await market.counted(mug=2)
    await market.sold(1, 2)
    main = await market.admin.fetchval("SELECT location_id FROM locations WHERE name = 'Main'")
    await market.put(main, -2)

    assert "promised_more_than_is_there" in await market.violations(at_rest=True)
    assert await take_back_found(market.hub) == 2
    assert await take_back_found(market.hub) == 0
    assert await market.stock() == (0, 0)


async def test_a_count_is_booked_even_where_the_database_lets_nothing_be_taken_back(
    market: IncidentRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await market.counted(mug=2)
    await market.sold(1, 2)

    async def refused(*_: Any) -> None:
        raise asyncpg.SerializationError("could not serialize access")

    with monkeypatch.context() as patched:
        patched.setattr(book_units, "take_back", refused)
        await count(market, 1)

    assert await market.stock() == (1, 2)
    assert await take_back_found(market.hub) == 1
    assert await market.stock() == (1, 1)


async def test_of_two_variants_each_has_its_incident(market: IncidentRig) -> None:
    await market.counted(mug=2, tea=2)
    await market.deliver(market.order(1, (MUG, 2), (TEA, 2)))
    await market.drain()

    await count_stock(market.hub, market.merchant_id, [Counted(MUG, 1), Counted(TEA, 0)], cause="Mia counted")

    assert [row["missing"] for row in await market.incidents()] == [1, 2]
    assert await market.holds(1) == {"short_stock"}


async def test_an_order_that_is_cancelled_while_units_are_taken_back_gives_them_itself(
    market: IncidentRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The victim is chosen before it is locked: what it held then is not what it holds now."""
    await market.counted(mug=2)
    await market.sold(1)
    await market.sold(2, at=market.second)
    lock_ids = orders.lock_ids

    async def cancelled_before(tx: Any, merchant_id: int, victims: Any) -> None:
        assert victims == [await market.order_id(1)]
        await market.sold(1, minute=1, status="cancelled")
        await lock_ids(tx, merchant_id, victims)

    monkeypatch.setattr(orders, "lock_ids", cancelled_before)
    await count(market, 1)

    assert await market.incidents() == []
    assert await market.held() == {"2": 1}
    assert await market.stock() == (1, 1)
