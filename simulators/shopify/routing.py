"""Which fulfillment order an open unit of an order is in: what remains in them is what the order has open.

See https://shopify.dev/docs/api/admin-graphql/2026-07/objects/FulfillmentOrder.
"""

from __future__ import annotations

from datetime import datetime

from simulators.shopify.goods import SimLine, SimLocation
from simulators.shopify.parcels import SimFulfillmentOrder, SimFulfillmentOrderLine
from simulators.shopify.shop import Shop
from simulators.shopify.things import SimOrder


def route(shop: Shop, order: SimOrder, line: SimLine, quantity: int, at: datetime) -> None:
    """Have *quantity* more units of *line* leave from where its variant is stocked.

    They join what is open there and not held; otherwise they become a fulfillment order of their own.
    """
    location = line.variant.location
    joined = next((one for one in order.fulfillment_orders if _takes(one, location)), None)
    if joined is None:
        joined = SimFulfillmentOrder(shop.next_id(), location, at, at)
        order.fulfillment_orders.append(joined)
        shop.fulfillment_orders[joined.fulfillment_order_id] = (order, joined)
    known = next((one for one in joined.lines if one.line is line), None)
    if known is None:
        known = SimFulfillmentOrderLine(shop.next_id(), line, 0, 0)
        joined.lines.append(known)
    known.total += quantity
    known.remaining += quantity
    joined.updated_at = at


def take_off(order: SimOrder, line: SimLine, quantity: int, at: datetime) -> None:
    """*quantity* open units of *line* will not be shipped; what has nothing left is closed, holds and all."""
    for one in order.fulfillment_orders:
        for part in one.lines:
            if part.line is not line or not part.remaining:
                continue
            taken = min(quantity, part.remaining)
            part.total -= taken
            part.remaining -= taken
            quantity -= taken
            one.updated_at = at
            if not one.remaining:
                one.holds.clear()


def open_again(
    shop: Shop, order: SimOrder, part: SimFulfillmentOrderLine, quantity: int, at: datetime
) -> None:
    """*quantity* shipped units are to be shipped again: in their fulfillment order, or a new one if it is closed."""
    owner = next(one for one in order.fulfillment_orders if part in one.lines)
    if owner.remaining:
        part.remaining += quantity
        owner.updated_at = at
    else:
        route(shop, order, part.line, quantity, at)


def _takes(one: SimFulfillmentOrder, location: SimLocation) -> bool:
    return one.location is location and one.status in ("OPEN", "IN_PROGRESS")
