"""Shipping: units leave in fulfillments, which are tracked, followed and cancelled; and holds, which stop that.

Checks nothing that only the Admin API refuses: that is `fulfillment_writes`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from simulators.shopify.parcels import (
    SimFulfillment,
    SimFulfillmentEvent,
    SimFulfillmentLine,
    SimFulfillmentOrder,
    SimFulfillmentOrderLine,
    SimHold,
    SimTracking,
)
from simulators.shopify.routing import open_again
from simulators.shopify.shop import Shop
from simulators.shopify.things import SimOrder

Parcel = Sequence[tuple[SimFulfillmentOrder, Sequence[tuple[SimFulfillmentOrderLine, int]]]]


def ship(shop: Shop, order: SimOrder, parcel: Parcel, tracking: list[SimTracking]) -> SimFulfillment:
    """*parcel* leaves: quantities of lines by the fulfillment orders of *order* that they belong to."""
    at = shop.moment()
    parts: list[SimFulfillmentLine] = []
    for one, lines in parcel:
        one.updated_at = at
        for part, quantity in lines:
            part.remaining -= quantity
            part.line.fulfilled += quantity
            shop.shift({part.line.variant: quantity}, available=0, committed=-1, at=at)
            parts.append(SimFulfillmentLine(shop.next_id(), part, quantity))
    made = SimFulfillment(
        fulfillment_id=shop.next_id(),
        number=len(order.fulfillments) + 1,
        created_at=at,
        updated_at=at,
        location=parcel[0][0].location,
        tracking=tracking,
        lines=tuple(parts),
        fulfillment_orders=tuple(one for one, _ in parcel),
    )
    order.fulfillments.append(made)
    shop.fulfillments[made.fulfillment_id] = (order, made)
    shop.touch(order, at)
    shop.tell("fulfillments/create", (order, made))
    whole = order.fulfillment_status == "fulfilled"
    shop.tell("orders/fulfilled" if whole else "orders/partially_fulfilled", order)
    shop.tell("orders/updated", order)
    return made


def ship_all(shop: Shop, order: SimOrder, company: str, tracking_number: str) -> SimFulfillment:
    """The merchant ships every open unit in one parcel.

    Raises ValueError when there is none, when a part of them is on hold, or when they are at several locations.
    """
    left = [one for one in order.fulfillment_orders if one.remaining]
    if not left:
        raise ValueError(f"order {order.name} has nothing left to ship")
    if any(one.holds for one in left):
        raise ValueError(f"order {order.name} is on hold: release it first")
    if len({one.location for one in left}) > 1:
        raise ValueError(
            f"order {order.name} leaves from several locations: ship each part by fulfillmentCreate"
        )
    url = f"https://track.example/{tracking_number}"
    return ship(
        shop, order, [(one, open_lines(one)) for one in left], [SimTracking(company, tracking_number, url)]
    )


def open_lines(one: SimFulfillmentOrder) -> list[tuple[SimFulfillmentOrderLine, int]]:
    return [(part, part.remaining) for part in one.lines if part.remaining]


def cancel_fulfillment(shop: Shop, order: SimOrder, made: SimFulfillment) -> None:
    """Its units are back and to be shipped again, but for those that were returned. Once: again changes nothing."""
    if made.cancelled:
        return
    at = shop.moment()
    made.cancelled = True
    made.updated_at = at
    for part in made.lines:
        line = part.line
        back = min(part.quantity, line.fulfilled - line.returned)
        line.fulfilled -= back
        shop.shift({line.variant: back}, available=0, committed=1, at=at)
        if back:
            open_again(shop, order, part.order_line, back, at)
    _changed(shop, order, made, at)


def track(shop: Shop, order: SimOrder, made: SimFulfillment, tracking: list[SimTracking]) -> None:
    """*tracking* replaces what was there."""
    at = shop.moment()
    made.tracking = tracking
    made.updated_at = at
    _changed(shop, order, made, at)


def note_event(
    shop: Shop,
    order: SimOrder,
    made: SimFulfillment,
    status: str,
    happened_at: datetime | None,
    delivery_at: datetime | None,
    details: Mapping[str, Any],
) -> SimFulfillmentEvent:
    """What a carrier saw, at *happened_at* or now."""
    at = shop.moment()
    event = SimFulfillmentEvent(shop.next_id(), status, happened_at or at, at, delivery_at, details)
    made.events.append(event)
    made.updated_at = at
    shop.tell("fulfillment_events/create", (order, made, event))
    _changed(shop, order, made, at)
    return event


def hold(shop: Shop, order: SimOrder, one: SimFulfillmentOrder, placed: SimHold) -> None:
    at = shop.moment()
    one.holds.append(placed)
    one.updated_at = at
    _touched(shop, order, at)


def release(shop: Shop, order: SimOrder, one: SimFulfillmentOrder, released: Sequence[SimHold]) -> None:
    at = shop.moment()
    one.holds = [held for held in one.holds if held not in released]
    one.updated_at = at
    _touched(shop, order, at)


def _changed(shop: Shop, order: SimOrder, made: SimFulfillment, at: datetime) -> None:
    shop.touch(order, at)
    shop.tell("fulfillments/update", (order, made))
    shop.tell("orders/updated", order)


def _touched(shop: Shop, order: SimOrder, at: datetime) -> None:
    shop.touch(order, at)
    shop.tell("orders/updated", order)
