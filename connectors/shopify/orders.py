"""Pulls and fetches Shopify orders whole, with every line, shipment and refund. Reads none of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from connectors.shopify.asking import TOO_COSTLY, ask, gid, inside, next_cursor, nodes, number, timestamp
from connectors.shopify.paging import SHIPPED, Completing, Part, lengthen, read_on
from core.connector import OrderStamp, Page, StampPage, Window
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, encode
from mappings.transforms import rfc3339

PAGE_SIZE = 20
LINES_IN_LIST, LINES_OF_ONE = 10, 50
STAMPS = 250
PAGE_COST, ONE_COST, STAMPS_COST = 400.0, 200.0, 20.0  # points, as Shopify prices these documents
_SECOND = timedelta(seconds=1)


def pull_orders(window: Window, cursor: str | None) -> Flow[Page]:
    """Orders that changed in *window*, oldest change first.

    An order that changes meanwhile moves to the end, which may shift a neighbour over a page's edge: windows
    overlap for that reason. https://shopify.dev/docs/api/admin-graphql/2026-07/queries/orders
    """
    variables = {
        "first": PAGE_SIZE,
        "after": cursor,
        "query": _changed_in(window),
        "lines": LINES_IN_LIST,
    }
    try:
        data = yield from ask("orders", variables, cost=PAGE_COST)
    except ChannelError as error:
        if TOO_COSTLY not in error.message:
            raise
        # Priced higher than we know: one order is always cheap enough.
        data = yield from ask("orders", {**variables, "first": 1}, cost=PAGE_COST)
    listed = inside(data, "orders")
    found = nodes(listed)
    for order in found:
        yield from _complete(order)
    return _page(found, next_cursor(listed, cursor))


def list_orders(window: Window, cursor: str | None) -> Flow[StampPage]:
    """Ids and times of change of the same orders, as many at once as Shopify gives."""
    variables = {"first": STAMPS, "after": cursor, "query": _changed_in(window)}
    listed = inside((yield from ask("stamps", variables, cost=STAMPS_COST)), "orders")
    return StampPage(tuple(map(_stamp, nodes(listed))), next_cursor(listed, cursor))


def _stamp(order: dict[str, Any]) -> OrderStamp:
    channel_order_id = number(order.get("id"))
    if not channel_order_id:
        raise ChannelError(ErrorCode.UNEXPECTED, "Shopify lists an order without an id")
    return OrderStamp(channel_order_id, _changed_at(order))


def _changed_in(window: Window) -> str:
    since, until = timestamp(window.since), timestamp(_whole_second(window.until))
    return f"updated_at:>='{since}' AND updated_at:<'{until}'"


def fetch_order(channel_order_id: str) -> Flow[Page]:
    """One order as it is now; topic `pull/missing` when the shop has none.

    https://shopify.dev/docs/api/admin-graphql/2026-07/queries/order
    """
    variables = {"id": gid("Order", channel_order_id), "lines": LINES_OF_ONE}
    data = yield from ask("order", variables, cost=ONE_COST)
    order = data.get("order")
    if order is None and "order" in data:
        missing = int(channel_order_id) if channel_order_id.isdecimal() else channel_order_id
        return Page("pull/missing", (encode({"id": missing}),), None)
    if not isinstance(order, dict) or number(order.get("id")) != channel_order_id:
        raise ChannelError(
            ErrorCode.UNEXPECTED, f"Shopify answered with another thing than order {channel_order_id}"
        )
    yield from _complete(order)
    return _page([order], None)


def _page(found: list[dict[str, Any]], following: str | None) -> Page:
    changed = [at for at in map(_changed_at, found) if at is not None]
    return Page(
        "graphql/order", tuple(encode(order) for order in found), following, max(changed, default=None)
    )


_OF_ORDER = (
    Part("lineItems", "more_lines"),
    Part("shippingLines", "more_shipping"),
    Part("discountApplications", "more_discounts"),
)
_REFUNDED = Part("refundLineItems", "more_refunded")


def _complete(order: dict[str, Any]) -> Completing:
    """Read on wherever *order* shows only a first page, and put the rest into it."""
    for part in _OF_ORDER:
        yield from read_on(order, part)
    yield from lengthen(order, "fulfillments", "all_fulfillments")
    yield from lengthen(order, "refunds", "all_refunds")
    for name, part in (("fulfillments", SHIPPED), ("refunds", _REFUNDED)):
        for item in order.get(name) or ():
            if isinstance(item, dict):
                yield from read_on(item, part)


def _changed_at(order: dict[str, Any]) -> datetime | None:
    try:
        return rfc3339(order.get("updatedAt"))
    except ValueError:
        return None


def _whole_second(at: datetime) -> datetime:
    return at.replace(microsecond=0) + _SECOND if at.microsecond else at
