"""A count that finds fewer units than are promised: whose parcels cannot be packed is said by name."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from incidents_rig import IncidentRig
from usecase_rig import MUG, TEA

from core.flow import decode
from core.usecases.count_stock import Counted, count_stock
from core.usecases.take_back import take_back, take_back_found


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
    await market.admin.execute(
        """INSERT INTO stock_ledger (merchant_id, op_key, variant_id, location_id, on_hand_delta, reserved_delta, reason,
             cause, recorded_at) SELECT merchant_id, 'crash', variant_id, location_id, -2, 0, 'count', 'test', now()
           FROM stock JOIN variants USING (merchant_id, variant_id) WHERE sku = $1""",
        MUG,
    )
    await market.admin.execute("UPDATE stock SET on_hand = on_hand - 2 WHERE reserved > 0")

    assert "promised_more_than_is_there" in await market.violations(at_rest=True)
    assert await take_back_found(market.hub) == 2
    assert await take_back_found(market.hub) == 0
    assert await market.stock() == (0, 0)


async def test_of_two_variants_each_has_its_incident(market: IncidentRig) -> None:
    await market.counted(mug=2, tea=2)
    await market.deliver(market.order(1, (MUG, 2), (TEA, 2)))
    await market.drain()

    await count_stock(market.hub, market.merchant_id, [Counted(MUG, 1), Counted(TEA, 0)], cause="Mia counted")

    assert [row["missing"] for row in await market.incidents()] == [1, 2]
    assert await market.holds(1) == {"short_stock"}


async def test_an_order_that_is_cancelled_while_units_are_taken_back_gives_them_itself(
    market: IncidentRig, fresh: str
) -> None:
    """The victim was chosen before it was locked: what it held then is not what it holds now."""
    await market.counted(mug=2)
    await market.sold(1)
    await market.sold(2, at=market.second)
    [variant] = await market.admin.fetch("SELECT variant_id FROM variants WHERE sku = $1", MUG)
    other = await asyncpg.connect(fresh)
    blocking = other.transaction()
    await blocking.start()
    await other.execute("SELECT FROM orders WHERE channel_order_id = '1' FOR UPDATE")

    counting = asyncio.create_task(count(market, 1))
    await until_somebody_waits(market)
    # The order that was chosen is cancelled and lets go by itself.
    await other.execute(
        """WITH let_go AS (UPDATE reservations r SET held = 0 FROM orders o
             WHERE o.order_id = r.order_id AND o.channel_order_id = '1' RETURNING r.*),
           cancelled AS (UPDATE orders SET cancelled_at = now() WHERE channel_order_id = '1'),
           freed AS (UPDATE stock s SET reserved = s.reserved - 1 FROM let_go WHERE s.variant_id = let_go.variant_id)
           INSERT INTO stock_ledger (merchant_id, op_key, variant_id, location_id, on_hand_delta, reserved_delta, reason,
             cause, recorded_at)
           SELECT merchant_id, 'meanwhile', variant_id, location_id, 0, -1, 'release', 'test', now() FROM let_go"""
    )
    await blocking.commit()
    await counting
    await other.close()

    assert await market.incidents() == []
    assert await market.stock() == (1, 1)
    assert await take_back(market.hub, market.merchant_id, [variant[0]]) == []


async def until_somebody_waits(market: IncidentRig) -> None:
    for _ in range(500):
        waiting = await market.admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        if waiting:
            return
        await asyncio.sleep(0.01)
    pytest.fail("nobody waits for the lock")
