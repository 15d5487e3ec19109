"""Pulls and fetches Shopify orders whole, with every line, shipment and refund. Reads none of them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.shopify.asking import TOO_COSTLY, Answer, ask, inside, next_cursor, nodes, number
from core.connector import Page, Window
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, Response, encode
from mappings.transforms import rfc3339

PAGE_SIZE = 20
LINES_IN_LIST, LINES_OF_ONE = 10, 50
PAGE_COST, ONE_COST, MORE_COST = 400.0, 200.0, 60.0  # points, as Shopify prices these documents
SHORT_LIST, LONG_LIST = 10, 100  # fulfillments and refunds have no cursor: up to so many are seen
_SECOND = timedelta(seconds=1)

Completing = Generator[Request, Response, None]


def pull_orders(window: Window, cursor: str | None) -> Flow[Page]:
    """Orders that changed in *window*, oldest change first.

    An order that changes meanwhile moves to the end, which may shift a neighbour over a page's edge: windows
    overlap for that reason. https://shopify.dev/docs/api/admin-graphql/2026-07/queries/orders
    """
    changed = (
        f"updated_at:>='{_written(window.since)}' AND updated_at:<'{_written(_whole_second(window.until))}'"
    )
    variables = {"first": PAGE_SIZE, "after": cursor, "query": changed, "lines": LINES_IN_LIST}
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


def fetch_order(channel_order_id: str) -> Flow[Page]:
    """One order as it is now; topic `pull/missing` when the shop has none.

    https://shopify.dev/docs/api/admin-graphql/2026-07/queries/order
    """
    gid = f"gid://shopify/Order/{channel_order_id}"
    data = yield from ask("order", {"id": gid, "lines": LINES_OF_ONE}, cost=ONE_COST)
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


@dataclass(frozen=True, slots=True)
class _Part:
    """A connection inside an object, and the document that reads on in it."""

    field: str
    document: str


_OF_ORDER = (
    _Part("lineItems", "more_lines"),
    _Part("shippingLines", "more_shipping"),
    _Part("discountApplications", "more_discounts"),
)
_SHIPPED = _Part("fulfillmentLineItems", "more_shipped")
_REFUNDED = _Part("refundLineItems", "more_refunded")


def _complete(order: dict[str, Any]) -> Completing:
    """Read on wherever *order* shows only a first page, and put the rest into it."""
    for part in _OF_ORDER:
        yield from _read_on(order, part)
    yield from _longer(order, "fulfillments", "all_fulfillments")
    yield from _longer(order, "refunds", "all_refunds")
    for name, part in (("fulfillments", _SHIPPED), ("refunds", _REFUNDED)):
        for item in order.get(name) or ():
            if isinstance(item, dict):
                yield from _read_on(item, part)


def _read_on(owner: dict[str, Any], part: _Part) -> Completing:
    page = inside(owner, part.field)
    whole = nodes(page)
    cursor = next_cursor(page, None)
    while cursor is not None:
        data: dict[str, Any] = yield from ask(
            part.document, {"id": owner.get("id"), "after": cursor}, cost=MORE_COST
        )
        page = inside(data, "node", part.field)
        whole = whole + nodes(page)
        cursor = next_cursor(page, cursor)
    owner[part.field] = {"nodes": whole}


def _longer(order: dict[str, Any], name: str, longer: str) -> Completing:
    found = order.get(name)
    if not isinstance(found, list):
        raise ChannelError(ErrorCode.UNEXPECTED, f"Shopify's answer has no list of {name}")
    if len(found) < SHORT_LIST:
        return
    data: dict[str, Any] = yield from _asked_for_all(longer, order.get("id"))
    again = inside(data, "node").get(name)
    if not isinstance(again, list) or len(again) < len(found):
        raise ChannelError(ErrorCode.UNEXPECTED, f"Shopify's longer list of {name} is shorter")
    order[name] = again


def _asked_for_all(longer: str, order_id: Any) -> Answer:
    return (yield from ask(longer, {"id": order_id, "first": LONG_LIST}, cost=ONE_COST))


def _changed_at(order: dict[str, Any]) -> datetime | None:
    try:
        return rfc3339(order.get("updatedAt"))
    except ValueError:
        return None


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _whole_second(at: datetime) -> datetime:
    return at.replace(microsecond=0) + _SECOND if at.microsecond else at
