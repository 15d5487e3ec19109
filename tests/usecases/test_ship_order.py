"""Goods leave: stock, history, channel and carrier agree, and saying it twice changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from effects_rig import POST, Carrier, Shop, World, allow_shipments, link_carrier, tell
from usecase_rig import MUG, TEA, Rig

from connectors import discover
from core.connector import Connector
from core.errors import UsageProblem
from core.usecases.relevel import relevel
from core.usecases.ship_order import Box, Shipped, ship_order

UPS = Box("UPS", "1z 999 aa1")


@pytest.fixture
def registry() -> dict[str, Any]:
    shop: Connector = discover()["woocommerce"]
    return {"woocommerce": Shop(shop), POST: Carrier()}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any, world: World) -> AsyncIterator[Rig]:
    """A shelf with 10 mugs and 10 teas, and an order of 3 mugs and 2 teas."""
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=world), clock, admin)
    await made.open()
    await made.counted(mug=10, tea=10)
    await made.deliver(made.order(1, (MUG, 3), (TEA, 2)))
    await made.drain()
    await allow_shipments(made, made.first)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def ship(rig: Rig, number: int = 1, box: Box = UPS, **more: Any) -> Shipped:
    order = await rig.stored(number)
    return await ship_order(rig.hub, rig.merchant_id, order["order_id"], box, cause="test", **more)


async def test_everything_open_leaves_the_shelf_and_the_channel_is_told_once(rig: Rig, world: World) -> None:
    done = await ship(rig)
    await tell(rig)

    assert done.units == {"71": 3, "72": 2}
    assert (await rig.stock(MUG), await rig.stock(TEA)) == ((7, 0), (8, 0))
    assert (await rig.stored(1))["fulfillment_status"] == "fulfilled"
    assert world.shipments == [
        {"number": "1Z999AA1", "order": "1", "units": {"71": 3, "72": 2}, "completes": True}
    ]
    await relevel(rig.hub)
    assert await rig.violations(at_rest=True) == {}


async def test_the_same_shipment_said_twice_is_one(rig: Rig, world: World) -> None:
    first = await ship(rig)
    again = await ship(rig, box=Box("ups", "1Z999AA1"))
    await tell(rig)

    assert (first.repeated, again.repeated) == (False, True)
    assert again.fulfillment_id == first.fulfillment_id
    assert again.units == first.units
    assert len(world.shipments) == 1
    assert await rig.stock(MUG) == (7, 0)


async def test_two_parcels_are_two_shipments_and_only_the_last_completes_the_order(
    rig: Rig, world: World
) -> None:
    await ship(rig, units={"71": 1})
    assert (await rig.stored(1))["fulfillment_status"] == "partially_fulfilled"
    assert await rig.stock(MUG) == (9, 2)
    await ship(rig, box=Box("UPS", "1Z2"))
    await tell(rig)

    assert [(row["number"], row["units"], row["completes"]) for row in world.shipments] == [
        ("1Z999AA1", {"71": 1}, False),
        ("1Z2", {"71": 2, "72": 2}, True),
    ]


async def test_more_than_is_open_or_an_unknown_line_is_refused_and_nothing_moves(rig: Rig) -> None:
    with pytest.raises(UsageProblem, match=r"4 of line 71 .* cannot be shipped: 3 are left"):
        await ship(rig, units={"71": 4})
    with pytest.raises(UsageProblem, match="has no line '99'"):
        await ship(rig, units={"99": 1})
    await ship(rig)
    with pytest.raises(UsageProblem, match="Nothing of this order is left"):
        await ship(rig, box=Box("UPS", "OTHER"))

    assert await rig.admin.fetchval("SELECT count(*) FROM fulfillments") == 1


async def test_a_held_order_ships_only_when_a_person_insists(rig: Rig) -> None:
    await rig.deliver(rig.order(2, (MUG, 1), status="lay-by"))
    await rig.drain()

    with pytest.raises(UsageProblem, match="is held"):
        await ship(rig, 2)
    done = await ship(rig, 2, despite_holds=True)

    assert done.units == {"71": 1}


async def test_a_cancelled_order_does_not_ship(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 3), (TEA, 2), status="cancelled", minute=5))
    await rig.drain()

    with pytest.raises(UsageProblem, match="was cancelled"):
        await ship(rig)


async def test_the_channels_echo_and_a_late_webhook_change_nothing_about_what_left(rig: Rig) -> None:
    await ship(rig)
    late = rig.order(1, (MUG, 3), (TEA, 2), minute=3)
    echo = rig.order(1, (MUG, 3), (TEA, 2), minute=9, status="completed")
    for state in (late, echo, late):
        await rig.deliver(state)
        await rig.drain()
        assert (await rig.stored(1))["fulfillment_status"] == "fulfilled"
        assert (await rig.stock(MUG), await rig.stock(TEA)) == ((7, 0), (8, 0))


async def test_goods_that_were_short_may_leave_all_the_same(rig: Rig) -> None:
    await rig.deliver(rig.order(2, (MUG, 9)))
    await rig.drain()
    assert await rig.holds(2) == {"short_stock"}

    await ship(rig, 2, box=Box("UPS", "SHORT"), despite_holds=True)

    assert await rig.stock(MUG) == (3, 3)
    assert await rig.holds(2) == set()


async def test_nothing_is_told_before_a_person_allows_it_and_nothing_is_dropped(
    rig: Rig, world: World
) -> None:
    await rig.deliver(rig.order(3, (MUG, 1)), connection=rig.second)
    await rig.drain()
    told = await ship(rig, 3, box=Box("UPS", "LATER"))
    await tell(rig)
    assert (told.channel_takes, told.channel_told, world.shipments) == (True, False, [])

    await allow_shipments(rig, rig.second)
    await tell(rig)

    assert [row["number"] for row in world.shipments] == ["LATER"]


async def test_one_parcel_may_hold_goods_of_two_orders(rig: Rig, world: World) -> None:
    await link_carrier(rig)
    await rig.deliver(rig.order(2, (MUG, 1)))
    await rig.drain()
    await ship(rig, 1)
    await ship(rig, 2)
    await tell(rig)

    assert sorted(row["order"] for row in world.shipments) == ["1", "2"]
    assert world.trackers == [{"number": "1Z999AA1", "carrier": "UPS"}]
