"""Where a parcel is: by the time of the scans, whatever order callbacks come in, and told to the channel."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from effects_rig import POST, Carrier, Shop, World, allow_shipments, link_carrier, tell
from test_ship_order import ship
from usecase_rig import MUG, Rig

from connectors import discover
from core.connector import Connector
from core.usecases.relevel import relevel
from core.usecases.ship_order import Box

SCANS = [
    ["2026-11-24T12:00:00+00:00", "in_transit"],
    ["2026-11-25T08:00:00+00:00", "out_for_delivery"],
    ["2026-11-25T11:30:00+00:00", "delivered"],
]


@pytest.fixture
def registry() -> dict[str, Any]:
    shop: Connector = discover()["woocommerce"]
    return {"woocommerce": Shop(shop), POST: Carrier()}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any, world: World) -> AsyncIterator[Rig]:
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=world), clock, admin)
    await made.open()
    await made.counted(mug=10)
    await made.deliver(made.order(1, (MUG, 1)))
    await made.drain()
    await allow_shipments(made, made.first)
    made.carrier = await link_carrier(made)
    await ship(made, 1)
    await tell(made)
    await made.drain()
    yield made
    await made.drain()
    await relevel(made.hub)
    assert await made.violations(at_rest=True) == {}
    await admin.close()


async def call_back(rig: Rig, *scans: list[str], number: str = "1Z999AA1", **more: Any) -> None:
    await rig.deliver(
        {"number": number, "scans": list(scans), **more}, connection=rig.carrier, topic="callback"
    )


async def parcel(rig: Rig) -> tuple[str, str | None]:
    row = await rig.admin.fetchrow("SELECT status, status_at FROM parcels")
    return (row["status"], row["status_at"] and row["status_at"].isoformat()) if row else ("", None)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_callbacks_in_any_order_and_twice_end_in_the_same_place(
    rig: Rig, world: World, order: tuple[int, ...]
) -> None:
    for number in [*order, *order]:
        await call_back(rig, *SCANS[: number + 1])
        await rig.drain()
        await tell(rig)

    assert await parcel(rig) == ("delivered", "2026-11-25T11:30:00+00:00")
    assert await rig.admin.fetchval("SELECT count(*) FROM scans") == 3
    told = [row["status"] for row in world.ways]
    assert told[-1] == "delivered"
    assert len(told) == len(set(told))


async def test_only_the_newest_word_is_told_where_several_wait(rig: Rig, world: World) -> None:
    for number in range(1, 4):
        await call_back(rig, *SCANS[:number])
    await rig.drain()
    await tell(rig)

    assert world.ways == [{"number": "1Z999AA1", "status": "delivered", "to": "id-0"}]


async def test_a_number_that_no_parcel_has_changes_nothing(rig: Rig, world: World) -> None:
    await call_back(rig, *SCANS, number="OTHER")
    await rig.drain()
    await tell(rig)

    assert await parcel(rig) == ("pending", None)
    assert world.ways == []


async def test_where_a_parcel_is_waits_until_the_channel_has_the_parcel(rig: Rig, world: World) -> None:
    await rig.deliver(rig.order(2, (MUG, 1)))
    await rig.drain()
    await ship(rig, 2, box=Box("UPS", "TWO"))
    await call_back(rig, *SCANS, number="TWO")
    await rig.drain()

    await tell(rig)

    assert [row["number"] for row in world.shipments] == ["1Z999AA1", "TWO"]
    assert world.ways == [{"number": "TWO", "status": "delivered", "to": "id-1"}]
