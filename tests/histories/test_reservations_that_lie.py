"""Orders that released too much, too little or twice: what is on hand and what is set aside are right after every step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from histories_rig import balance, shown
from incidents_rig import IncidentRig
from loop_rig import Loop
from usecase_rig import ITEMS, MUG, TEA

from core.model.inventory import ListingSeen, LiveLevel
from core.store import deliveries, listings
from core.usecases.count_stock import Counted, count_stock
from core.usecases.relevel import relevel
from core.usecases.ship_order import Box, ship_order


async def ship(market: IncidentRig, number: int, tracking: str, **units: int) -> None:
    """Goods of an order leave: `mug=7` units of its first line, `tea=6` of its second."""
    lines = {"71": units.get("mug", 0), "72": units.get("tea", 0)}
    await ship_order(
        market.hub,
        market.merchant_id,
        await market.order_id(number),
        Box("UPS", tracking),
        units={line: quantity for line, quantity in lines.items() if quantity},
        cause="test",
    )
    market.clock.forward(minutes=1)


async def moved(market: IncidentRig, reason: str) -> dict[str, int]:
    """SKU -> units set aside or let go, by all entries of one reason."""
    rows = await market.admin.fetch(
        """SELECT sku, sum(reserved_delta)::int AS units FROM stock_ledger JOIN variants USING (merchant_id, variant_id)
           WHERE reason = $1 GROUP BY sku""",
        reason,
    )
    return {row["sku"]: row["units"] for row in rows}


async def test_cancelling_a_shipped_order_gives_nothing_back(market: IncidentRig) -> None:
    """magento/inventory#1878: a shipment and a later cancellation each let the same five units go."""
    await market.counted(mug=100)
    await market.sold(1, 5)
    await ship(market, 1, "1Z1", mug=5)

    for minute in (5, 6):  # the cancellation is told twice
        await market.sold(1, 5, minute=minute, status="cancelled")

    assert await market.stock() == (95, 0)
    assert await moved(market, "release") == {}
    assert await moved(market, "ship") == {MUG: -5}


async def test_a_partial_invoice_and_a_cancel_release_the_units_once(market: IncidentRig) -> None:
    """magento/inventory#1881: of ten each, seven and six were dealt with; cancelling the rest let all ten go."""
    await market.counted(mug=100, tea=100)
    await market.deliver(market.order(1, (MUG, 10), (TEA, 10)))
    await market.drain()
    await ship(market, 1, "1Z1", mug=7, tea=6)

    for minute in (5, 6):
        await market.deliver(market.order(1, (MUG, 10), (TEA, 10), minute=minute, status="cancelled"))
        await market.drain()

    assert (await market.stock(MUG), await market.stock(TEA)) == ((93, 0), (94, 0))
    assert await moved(market, "release") == {MUG: -3, TEA: -4}


async def test_nothing_is_for_sale_when_the_last_piece_of_two_locations_has_left(market: IncidentRig) -> None:
    """magento/inventory#2130: both sources said 0 after the shipment, and one unit stayed for sale."""
    await market.counted(mug=0)
    depot = await market.location("Depot")
    for connection in (market.first, market.second):
        await market.admin.execute(
            """INSERT INTO connection_locations (merchant_id, connection_id, channel_location_id, location_id)
               VALUES ($1, $2, '', $3)""",
            market.merchant_id,
            connection,
            depot,
        )
    await market.put(depot, 1)
    await relevel(market.hub)
    before = [(await market.level(c))["desired"] for c in (market.first, market.second)]

    await market.sold(1, 1)
    await ship(market, 1, "1Z1", mug=1)
    await relevel(market.hub)

    assert before == [1, 1]
    assert [(await market.level(c))["desired"] for c in (market.first, market.second)] == [0, 0]
    assert await market.admin.fetchval("SELECT sum(on_hand) FROM stock") == 0


async def test_an_article_renamed_between_order_and_refund_is_not_for_sale_twice(market: IncidentRig) -> None:
    """magento/inventory#2773: the refund was booked to the new SKU, so more was for sale than was there."""
    await market.counted(mug=10)
    await market.sold(1, 4)
    renamed = ListingSeen(
        channel_item_id=str(ITEMS[MUG]),
        channel_stock_id=str(ITEMS[MUG]),
        sku="MUG-2027",
        title="Mug",
        levels=(LiveLevel(quantity=6),),
    )
    async with market.hub.database.transaction([market.merchant_id]) as tx:
        await listings.put_listings(tx, market.merchant_id, market.first, [renamed], market.clock())
        await listings.match_by_sku(tx, market.merchant_id, market.first)

    refunded = market.order(1, (MUG, 4), minute=5, status="refunded")
    refunded["line_items"][0].update(sku="MUG-2027", product_id=ITEMS[MUG])
    await market.deliver(refunded)
    await market.drain()

    assert await market.stock(MUG) == (10, 0)
    assert await market.stock("MUG-2027") == (0, 0)
    assert await moved(market, "release") == {MUG: -4}


async def test_refunding_what_left_and_what_did_not_releases_only_the_latter(loop: Loop) -> None:
    """magento/inventory#2087: five ordered, two shipped, three refunded: neither stock nor reservations came out right."""
    order = loop.shopify.checkout([("MUG", 5)])
    assert order is not None
    await loop.turn()
    [row] = await loop.running.admin.fetch("SELECT order_id FROM orders")
    line_id = await loop.running.admin.fetchval("SELECT line_id FROM order_lines")
    await ship_order(
        loop.hub, loop.merchant_id, row["order_id"], Box("DHL", "JJD1"), units={line_id: 2}, cause="test"
    )
    await loop.turn()

    loop.hub.clock.forward(seconds=5)  # type: ignore[attr-defined]
    loop.shopify.refund(order.key, {"MUG": 3})  # the three that had not left
    await loop.turn()

    assert await balance(loop) == (8, 0)
    assert shown(loop) == (8, 8)


async def test_an_order_refunded_in_part_before_it_ships_can_be_shipped_and_balances(loop: Loop) -> None:
    """magento/inventory#3329: four of six were refunded first; shipping the rest booked the refunded ones again."""
    order = loop.shopify.checkout([("MUG", 6), ("TEA", 1)])
    assert order is not None
    await loop.turn()
    loop.hub.clock.forward(seconds=5)  # type: ignore[attr-defined]
    loop.shopify.refund(order.key, {"MUG": 4})
    await loop.turn()
    refunded = await balance(loop)

    [row] = await loop.running.admin.fetch("SELECT order_id FROM orders")
    shipped = await ship_order(loop.hub, loop.merchant_id, row["order_id"], Box("DHL", "JJD1"), cause="test")
    await loop.turn()

    assert refunded == (10, 2)
    assert sum(shipped.units.values()) == 3
    assert (await balance(loop), await balance(loop, "TEA")) == ((8, 0), (3, 0))
    assert shown(loop) == (8, 8)


async def test_nothing_has_to_be_reset_reading_everything_again_changes_nothing(market: IncidentRig) -> None:
    """magento/inventory#2078: for sale had drifted to twice the stock, and there was no way to start again."""
    await market.counted(mug=20)
    await market.sold(1, 5)
    await market.sold(2, 3, at=market.second)
    await market.sold(1, 4, minute=1)
    await ship(market, 2, "1Z1", mug=3)
    await market.sold(3, 2)
    await market.sold(3, 2, minute=2, status="cancelled")
    before = await market.stock()

    every = [row[0] for row in await market.admin.fetch("SELECT delivery_id FROM deliveries")]
    async with market.hub.database.transaction([market.merchant_id]) as tx:
        await deliveries.put_back(tx, [market.merchant_id], every, market.clock())
    await market.drain()
    again = await market.stock()
    # And a count is all it takes when the shelf says otherwise.
    await count_stock(market.hub, market.merchant_id, [Counted(MUG, 9)], cause="counted anew")

    assert before == again == (17, 4)
    assert await market.stock() == (9, 4)


async def test_an_order_told_again_days_later_is_set_aside_once(market: IncidentRig) -> None:
    """vendurehq/vendure#1571: the same allocation was made again minutes or a day later, and stayed after shipping."""
    await market.counted(mug=50)
    paid = market.order(1, (MUG, 4))
    for _ in range(3):
        await market.deliver(paid)
        await market.drain()
    market.clock.forward(days=1)
    await market.deliver(paid, topic="pull/order", via="fetch")
    await market.deliver(market.order(1, (MUG, 4), minute=1, customer_note="a day later"))
    await market.drain()
    allocated = await market.stock()

    await ship(market, 1, "1Z1", mug=4)
    await market.deliver(paid)
    await market.deliver(
        market.order(1, (MUG, 4), changed=market.clock() + timedelta(minutes=1), status="completed")
    )
    await market.drain()

    assert allocated == (50, 4)
    assert await market.stock() == (46, 0)
    assert await moved(market, "reserve") == {MUG: 4}


async def cancel_shipment(loop: Loop, order: Any) -> None:
    """The merchant takes the shipment back in the shop's admin."""
    loop.hub.clock.forward(seconds=5)  # type: ignore[attr-defined]
    [made] = [made for made in order.fulfillments if not made.cancelled]
    told = loop.shopify.answer(
        "mutation c($id: ID!) { fulfillmentCancel(id: $id) { userErrors { message } } }",
        {"id": f"gid://shopify/Fulfillment/{made.fulfillment_id}"},
    )
    assert told["data"]["fulfillmentCancel"]["userErrors"] == []
    await loop.turn()


async def test_a_shipment_taken_back_at_the_shop_puts_nothing_on_sale_that_its_order_still_wants(
    loop: Loop,
) -> None:
    """vendurehq/vendure#1198: a cancelled fulfilment changed neither stock nor allocation. Here what left stays left until
    somebody finds it: nobody can buy what the order will need.
    """
    order = loop.shopify.checkout([("MUG", 5)])
    assert order is not None
    loop.shopify.fulfill(order.key)
    await loop.turn()
    shipped = await balance(loop)

    await cancel_shipment(loop, order)

    assert shipped == await balance(loop) == (5, 0)
    assert shown(loop) == (5, 5)


async def test_a_shipment_taken_back_and_made_again_takes_its_units_once(loop: Loop) -> None:
    """vendurehq/vendure#1250: after a cancelled fulfilment the allocation for the next one was wrong."""
    order = loop.shopify.checkout([("MUG", 5)])
    assert order is not None
    loop.shopify.fulfill(order.key)
    await loop.turn()
    await cancel_shipment(loop, order)

    loop.shopify.fulfill(order.key, tracking_number="00340434161095")
    await loop.turn()

    assert await balance(loop) == (5, 0)
    assert shown(loop) == (5, 5)
