"""Buyers who want the same last units at the same moment: as many get one as there are, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from usecase_rig import MUG, Rig

from core.flow import decode
from core.usecases.drain import drain

UNITS = 100


def nobody_got_a_unit_twice(promised: int, *, buyers: int) -> None:
    """What both ways of selling are held against."""
    assert promised == min(UNITS, buyers)


async def sell_by_draining(rig: Rig, make_hub: Callable[..., Any], *, buyers: int, workers: int) -> None:
    """As many orders of one mug, taken in by workers that all want the same shelf."""
    for start in range(0, buyers, 500):
        orders = [rig.order(number, (MUG, 1)) for number in range(start + 1, min(buyers, start + 500) + 1)]
        await rig.deliver(*orders[: len(orders) // 2], connection=rig.first)
        await rig.deliver(*orders[len(orders) // 2 :], connection=rig.second)
    hubs = [await make_hub() for _ in range(workers)]

    async def work(hub: Any) -> None:
        while (await drain(hub, limit=13)).claimed:
            pass

    await asyncio.gather(*(work(hub) for hub in hubs))
    await rig.drain()  # what was given back after a deadlock


async def sell_naively(url: str, *, buyers: int, at_once: int) -> int:
    """Look whether there is one, then take it: READ COMMITTED lets everybody look before anybody takes. Returns what was
    promised.
    """
    sessions = [await asyncpg.connect(url) for _ in range(at_once)]
    await sessions[0].execute("CREATE TABLE shelf AS SELECT $1::int AS on_hand, 0 AS reserved", UNITS)

    async def buy(session: Any, looked: asyncio.Barrier) -> None:
        async with session.transaction():
            free = await session.fetchval("SELECT on_hand - reserved FROM shelf")
            await looked.wait()
            if free > 0:
                await session.execute("UPDATE shelf SET reserved = reserved + 1")

    for _ in range(buyers // at_once):
        looked = asyncio.Barrier(at_once)
        await asyncio.gather(*(buy(session, looked) for session in sessions))
    promised: int = await sessions[0].fetchval("SELECT reserved FROM shelf")
    for session in sessions:
        await session.close()
    return promised


async def explained(rig: Rig) -> tuple[int, int]:
    """(units short, orders among them whose shortage has a cause, an incident and a hold)."""
    rows = await rig.admin.fetch(
        """SELECT s.quantity, s.cause, l.missing, o.holds FROM shortages s JOIN orders o USING (merchant_id, order_id)
           JOIN incident_lines l USING (merchant_id, order_id, line_id) WHERE s.quantity > 0"""
    )
    told = [
        row
        for row in rows
        if decode(row["cause"].encode())["kind"] in ("not_pushed", "count", "channel_lag", "our_lag")
        and row["missing"] == row["quantity"]
        and "short_stock" in row["holds"]
    ]
    return sum(row["quantity"] for row in rows), len(told)


async def test_500_orders_at_once_for_100_units_leave_100_promised_and_400_explained(
    rig: Rig, make_hub: Callable[..., Any]
) -> None:
    await rig.counted(mug=UNITS)
    await rig.switch_push(rig.first)
    await rig.switch_push(rig.second)

    await sell_by_draining(rig, make_hub, buyers=500, workers=6)

    on_hand, promised = await rig.stock()
    nobody_got_a_unit_twice(promised, buyers=500)
    assert on_hand == UNITS
    assert await explained(rig) == (400, 400)
    (incident,) = await rig.admin.fetch("SELECT missing, units, closed_at FROM stock_incidents")
    assert tuple(incident) == (400, 400, None)


async def test_looking_first_and_taking_then_promises_units_that_are_not_there(fresh: str) -> None:
    promised = await sell_naively(fresh, buyers=504, at_once=8)

    with pytest.raises(AssertionError):
        nobody_got_a_unit_twice(promised, buyers=504)
    assert promised == 104  # the last eight looked when four were left


@pytest.mark.soak
async def test_10000_orders_at_once_for_100_units(rig: Rig, make_hub: Callable[..., Any]) -> None:
    await rig.counted(mug=UNITS)
    await rig.switch_push(rig.first)
    await rig.switch_push(rig.second)

    await sell_by_draining(rig, make_hub, buyers=10_000, workers=8)

    nobody_got_a_unit_twice((await rig.stock())[1], buyers=10_000)
    assert await explained(rig) == (9_900, 9_900)
