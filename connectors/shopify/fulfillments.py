"""Tells Shopify what was shipped, in which parcels. Looks first, always: `fulfillmentCreate` knows no idempotency key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from connectors.shopify.allotting import Open, Units, allot, opened, ours
from connectors.shopify.asking import ask, gid, inside, nodes, number
from connectors.shopify.companies import company
from connectors.shopify.paging import LONG_LIST, SHIPPED, Part, lengthen, read_on
from connectors.shopify.refusals import refuse
from core.errors import ChannelError, ErrorCode
from core.flow import Flow
from core.model.fulfillment import FulfillmentPush, FulfillmentPushed, Parcel

LOOK_COST, WRITE_COST = 90.0, 10.0  # points
MOST_ITEMS = 250  # an argument that is a list takes no more
_WORK, _ITEMS = Part("fulfillmentOrders", "more_work"), Part("lineItems", "more_open")


def push_fulfillment(push: FulfillmentPush) -> Flow[FulfillmentPushed]:
    """Have the units of *push* fulfilled in its parcels, once: one fulfillment for each location that they leave.

    What Shopify has of this shipment is not sent again. Raises `ChannelError` REJECTED where less is left than was
    shipped, or where that is on hold or scheduled, NOT_FOUND where there is no such order; nothing is sent then.
    https://shopify.dev/docs/api/admin-graphql/2026-07/mutations/fulfillmentCreate
    """
    order = yield from _look(push.channel_order_id)
    ids, missing = _ours(push, order)
    if not missing:
        return FulfillmentPushed(channel_fulfillment_ids=ids, repeated=True)
    for group in allot(missing, opened(nodes(inside(order, "fulfillmentOrders")))):
        for start in range(0, len(group), MOST_ITEMS):
            try:
                made = yield from _fulfill(push, group[start : start + MOST_ITEMS])
            except ChannelError as refused:
                if refused.code is not ErrorCode.REJECTED:
                    raise
                # An earlier attempt may have arrived only now, and be why there is nothing left.
                ids, missing = _ours(push, (yield from _look(push.channel_order_id)))
                if missing:
                    raise refused from None
                return FulfillmentPushed(channel_fulfillment_ids=ids, repeated=True)
            ids += (made,)
    return FulfillmentPushed(channel_fulfillment_ids=ids)


def _look(order_id: str) -> Flow[dict[str, Any]]:
    """The order with its open work and its fulfillments, whole."""
    data: dict[str, Any] = yield from ask("shippable", {"id": gid("Order", order_id)}, cost=LOOK_COST)
    if data.get("order") is None and "order" in data:
        raise ChannelError(ErrorCode.NOT_FOUND, f"The shop has no order {order_id}.")
    order = inside(data, "order")
    if number(order.get("id")) != order_id:
        raise ChannelError(ErrorCode.UNEXPECTED, f"Shopify answered with another thing than order {order_id}")
    yield from read_on(order, _WORK)
    for work in nodes(order[_WORK.field]):
        yield from read_on(work, _ITEMS)
    yield from lengthen(order, "fulfillments", "all_fulfillments")
    if len(order["fulfillments"]) >= LONG_LIST:
        raise ChannelError(
            ErrorCode.REJECTED,
            f"The order has {LONG_LIST} fulfillments or more: nobody can see whether this one is there.",
        )
    for fulfillment in nodes({"nodes": order["fulfillments"]}):
        yield from read_on(fulfillment, SHIPPED)
    return order


def _ours(push: FulfillmentPush, order: dict[str, Any]) -> tuple[tuple[str, ...], Units]:
    shipped: Units = Counter()
    for line in push.lines:
        shipped[line.line_id] += line.quantity
    numbers = [parcel.tracking_number for parcel in push.parcels if parcel.tracking_number]
    others = [one for one in order["fulfillments"] if number(one.get("id")) not in push.others]
    return ours(others, shipped, numbers, untracked=push.look_first)


def _fulfill(push: FulfillmentPush, group: Sequence[Open]) -> Flow[str]:
    """Fulfill units of one location; the new fulfillment's id."""
    items: dict[str, list[dict[str, Any]]] = {}
    for one in group:
        items.setdefault(one.fulfillment_order, []).append({"id": one.item, "quantity": one.quantity})
    fulfillment = {
        "lineItemsByFulfillmentOrder": [
            {"fulfillmentOrderId": work, "fulfillmentOrderLineItems": rows} for work, rows in items.items()
        ],
        "notifyCustomer": push.notify_buyer,
        "trackingInfo": _tracking(push.parcels),
    }
    data: dict[str, Any] = yield from ask(
        "fulfill", {"fulfillment": fulfillment}, cost=WRITE_COST, reads=False
    )
    told = inside(data, "fulfillmentCreate")
    refuse(told)
    made = number(inside(told, "fulfillment").get("id"))
    if not made:
        raise ChannelError(ErrorCode.UNEXPECTED, "Shopify does not say which fulfillment it made")
    return made


def _tracking(parcels: Sequence[Parcel]) -> dict[str, Any]:
    """One parcel by number and link, several by lists; links go by place, so it is one for each number or none.

    https://shopify.dev/docs/api/admin-graphql/2026-07/input-objects/FulfillmentTrackingInput
    """
    numbered = [parcel for parcel in parcels if parcel.tracking_number]
    numbers = [parcel.tracking_number for parcel in numbered]
    links = [parcel.tracking_url for parcel in numbered if parcel.tracking_url]
    carriers = {company(parcel.carrier) for parcel in parcels if parcel.carrier}
    told: dict[str, Any] = {"company": carriers.pop()} if len(carriers) == 1 else {}
    if len(numbers) == 1:
        return {**told, "number": numbers[0], **({"url": links[0]} if links else {})}
    if numbers:
        return {**told, "numbers": numbers, **({"urls": links} if len(links) == len(numbers) else {})}
    return told
