"""Orders of a plain marketplace: what a body says, which changed, and what is told of shipments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from console.scenarios.plain.wire import post, thing
from core.connector import (
    Change,
    Delivery,
    Notice,
    OrderRead,
    Overrides,
    Page,
    Problem,
    Reading,
    Unreadable,
    Window,
)
from core.errors import ChannelError, ErrorCode
from core.flow import DecodeError, Flow, Request, decode, encode
from core.model.fulfillment import FulfillmentPush, FulfillmentPushed
from core.model.money import Money
from core.model.order import Order, OrderLine, PaymentStatus
from core.rules.totals import fulfillment_status


class PlainOrders:
    """Reads bodies of the channel *slug*."""

    def __init__(self, slug: str) -> None:
        self._slug = slug

    def read(self, delivery: Delivery, overrides: Overrides) -> Reading:  # noqa: ARG002 - its words are fixed
        try:
            payload = decode(delivery.body)
            if delivery.topic == "missing":
                return Notice("order", Change.GONE, str(payload["id"]))
            return OrderRead(self._order(payload))
        except (DecodeError, KeyError, TypeError, ValueError) as error:
            return Unreadable((Problem(code="shape", pointer="", message=f"no order can be read: {error}"),))

    def _order(self, payload: dict[str, Any]) -> Order:
        lines = tuple(_line(row, cancelled=payload["cancelled"]) for row in payload["lines"])
        currency = payload["currency"]
        total = Money(amount=Decimal(payload["total"]), currency=currency)
        return Order(
            channel=self._slug,
            channel_order_id=payload["id"],
            order_number=payload["id"],
            channel_status="cancelled" if payload["cancelled"] else "open",
            placed_at=datetime.fromisoformat(payload["placed_at"]),
            changed_at=datetime.fromisoformat(payload["changed_at"]),
            currency=currency,
            prices_include_tax=True,
            payment_status=PaymentStatus.PAID if payload["paid"] else PaymentStatus.PENDING,
            fulfillment_status=fulfillment_status(lines),
            cancelled=payload["cancelled"],
            lines=lines,
            subtotal=total,
            total=total,
        )


def _line(row: dict[str, Any], *, cancelled: bool) -> OrderLine:
    return OrderLine(
        line_id=row["id"],
        sku=row["sku"],
        channel_item_id=row["listing"],
        channel_location_id=row["location"],
        title=row["sku"],
        quantity=row["quantity"],
        quantity_cancelled=row["quantity"] - row["shipped"] if cancelled else 0,
        quantity_fulfilled=row["shipped"],
    )


def pull_orders(window: Window, cursor: str | None) -> Flow[Page]:
    """Orders that changed in *window*, the oldest change first; the cursor is the place of the last one seen."""
    query = (
        ("since", window.since.isoformat()),
        ("until", window.until.isoformat()),
        *((("after", cursor),) if cursor else ()),
    )
    told = thing((yield Request("GET", "/orders", query=query)))
    rows = told["orders"]
    newest = max((datetime.fromisoformat(row["changed_at"]) for row in rows), default=None)
    return Page("order", tuple(encode(row) for row in rows), told["next"], newest)


def fetch_order(channel_order_id: str) -> Flow[Page]:
    try:
        response = yield Request("GET", f"/orders/{channel_order_id}")
    except ChannelError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        return Page("missing", (encode({"id": channel_order_id}),), None)
    return Page("order", (encode(thing(response)),), None)


def push_fulfillment(push: FulfillmentPush) -> Flow[FulfillmentPushed]:
    """The marketplace knows a shipment by its key, so it may be told again."""
    parcel = push.parcels[0] if push.parcels else None
    told = thing(
        (
            yield post(
                f"/orders/{push.channel_order_id}/shipments",
                {
                    "key": push.key,
                    "lines": [{"line": line.line_id, "quantity": line.quantity} for line in push.lines],
                    "tracking": parcel.tracking_number if parcel else "",
                    "carrier": parcel.carrier if parcel else "",
                },
            )
        )
    )
    return FulfillmentPushed(channel_fulfillment_ids=(str(told["id"]),))
