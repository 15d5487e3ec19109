"""Bundles whose components were let go twice, or not at all."""

from __future__ import annotations

from incidents_rig import IncidentRig
from usecase_rig import MUG

from core.usecases.define_kits import define_kits
from core.usecases.ship_order import Box, ship_order

BOX, BUNDLE = "BOX-OF-5", "BUNDLE"


async def ship(market: IncidentRig, number: int, **units: int) -> None:
    await ship_order(
        market.hub,
        market.merchant_id,
        await market.order_id(number),
        Box("UPS", "1Z1"),
        units=units or None,
        cause="test",
    )
    market.clock.forward(minutes=1)


async def kit(
    market: IncidentRig, number: int, sku: str, quantity: int, *, minute: int = 0, status: str = "processing"
) -> None:
    await market.deliver(market.order(number, (sku, quantity), minute=minute, status=status))
    await market.drain()
    market.clock.forward(seconds=1)


async def test_shipping_a_kit_takes_its_components_once(market: IncidentRig) -> None:
    """magento/inventory#1246: five units left in one bundle; the shipment let them go twice, and 100 of 95 were for sale."""
    await market.counted(mug=100)
    await define_kits(market.hub, market.merchant_id, {BOX: {MUG: 5}})

    await kit(market, 1, BOX, 1)
    placed = await market.stock()
    await ship(market, 1)

    assert placed == (100, 5)
    assert await market.stock() == (95, 0)


async def test_cancelling_a_shipped_kit_gives_none_of_its_components_back(market: IncidentRig) -> None:
    """magento/inventory#1849: the shipment let the five components go, and the cancellation again."""
    await market.counted(mug=100)
    await define_kits(market.hub, market.merchant_id, {BOX: {MUG: 5}})
    await kit(market, 1, BOX, 1)
    await ship(market, 1)

    for minute in (5, 6):
        await kit(market, 1, BOX, 1, minute=minute, status="cancelled")

    assert await market.stock() == (95, 0)


async def test_cancelling_the_rest_of_a_kit_order_releases_the_rest(market: IncidentRig) -> None:
    """magento/inventory#1887: of five bundles three were dealt with; cancelling released nothing for the other two."""
    await market.counted(mug=100)
    await define_kits(market.hub, market.merchant_id, {BUNDLE: {MUG: 1}})
    await kit(market, 1, BUNDLE, 5)
    await ship(market, 1, **{"71": 3})

    await kit(market, 1, BUNDLE, 5, minute=5, status="cancelled")

    assert await market.stock() == (97, 0)


async def test_cancelling_the_rest_of_a_bundle_that_the_shop_took_apart_releases_the_rest(
    market: IncidentRig,
) -> None:
    """magento/inventory#1906: the same with a fixed bundle, whose component the order lists itself as a line."""
    await market.counted(mug=100)
    await define_kits(market.hub, market.merchant_id, {BUNDLE: {MUG: 1}})

    async def exploded(minute: int, status: str) -> None:
        order = market.order(1, (BUNDLE, 5), (MUG, 5), minute=minute, status=status)
        parent, part = order["line_items"]
        part["meta_data"] = [{"id": 1, "key": "_bundled_by", "value": "b1"}]
        parent["meta_data"] = [
            {"id": 2, "key": "_bundle_cart_key", "value": "b1"},
            {"id": 3, "key": "_bundled_items", "value": ["x"]},
        ]
        await market.deliver(order)
        await market.drain()

    await exploded(0, "processing")
    placed = await market.stock()
    await ship(market, 1, **{"71": 3, "72": 3})
    await exploded(5, "cancelled")

    assert placed == (100, 5)
    assert await market.stock() == (97, 0)
