"""Tells a shop what was shipped. WooCommerce has no shipments, so it is told by what it has: the parcels of the extension
Shipment Tracking, a note, meta data, and the status of the order. Looks first, always: nothing there is idempotent.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any
from urllib.parse import quote

from connectors.woocommerce.metadata import text
from connectors.woocommerce.shipped import lines_refusal, record
from connectors.woocommerce.trackings import add_parcel, known_parcels
from connectors.woocommerce.wire import API, rows, thing, write
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request
from core.model.fulfillment import FulfillmentPush, FulfillmentPushed, Parcel
from core.rules.shipping import tidy_tracking_number

# Statuses that no parcel leads out of.
_OVER = {
    "cancelled": "was cancelled",
    "refunded": "was refunded",
    "failed": "was never paid (failed)",
    "trash": "is in the trash",
}


def push_fulfillment(push: FulfillmentPush) -> Flow[FulfillmentPushed]:
    """Have the shop know the parcels of *push*, once; the order is completed when nothing of it is left to ship.

    The meta data goes last, together with the status: where it is there, all the rest was. A key of its own for each
    shipment means that none overwrites another's. Raises `ChannelError` REJECTED for orders that are over and for units
    the order does not have; nothing is sent then.
    https://woocommerce.github.io/woocommerce-rest-api-docs/#update-an-order
    """
    order_id, mark = push.channel_order_id, f"_fairway_shipment_{push.key}"
    order = yield from _order(order_id)
    done = any(item.get("key") == mark for item in order["meta_data"])
    if not done:
        _may_ship(push, order)
    known = yield from known_parcels(order_id)
    note_id = yield from _note(push)
    told = known or {}
    if not done:
        if known is not None:
            for parcel in _numbered(push, known):
                told[_number(parcel)] = (yield from add_parcel(order_id, parcel, push.shipped_at)) or ""
        if note_id is None:
            note_id = _told(thing((yield _write_note(push))), "note")
        changes: dict[str, Any] = {"meta_data": [{"key": mark, "value": record(push)}]}
        if push.completes and order.get("status") != "completed":
            changes["status"] = "completed"
        answered = thing((yield write("PUT", _path(order_id), changes)))
        if text(answered.get("id")) != order_id:
            raise ChannelError(
                ErrorCode.UNEXPECTED, f"the shop does not say whether it changed order {order_id}"
            )
    ours = [told.get(_number(parcel)) for parcel in push.parcels if parcel.tracking_number]
    ids = tuple(one for one in ours if one) or ((note_id,) if note_id else ())
    return FulfillmentPushed(channel_fulfillment_ids=ids, repeated=done)


def _order(order_id: str) -> Flow[dict[str, Any]]:
    query = (("_fields", "id,status,line_items,meta_data"),)
    order = thing((yield Request("GET", API + _path(order_id), query=query)))
    if text(order.get("id")) != order_id:
        raise ChannelError(
            ErrorCode.UNEXPECTED, f"the shop answered with another thing than order {order_id}"
        )
    for name in ("line_items", "meta_data"):
        found = order.get(name)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise ChannelError(ErrorCode.UNEXPECTED, f"the shop does not show the {name} of order {order_id}")
    return order


def _may_ship(push: FulfillmentPush, order: dict[str, Any]) -> None:
    why = _OVER.get(str(order.get("status")))
    if why is not None:
        raise ChannelError(
            ErrorCode.REJECTED,
            f"Goods of order {push.channel_order_id} left, but it {why}. Settle that in the shop, then try again.",
        )
    refusal = lines_refusal(push, order)
    if refusal is not None:
        raise ChannelError(ErrorCode.REJECTED, refusal)


def _numbered(push: FulfillmentPush, known: dict[str, str]) -> list[Parcel]:
    """The parcels with a number that is not *known* yet."""
    missing = {_number(one): one for one in push.parcels if one.tracking_number}
    return [parcel for number, parcel in missing.items() if number not in known]


def _number(parcel: Parcel) -> str:
    return tidy_tracking_number(parcel.tracking_number or "")


def _note(push: FulfillmentPush) -> Flow[str | None]:
    """The id of the note about this shipment, by the reference in it; the list has no pages.

    https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-order-notes
    """
    found = rows((yield Request("GET", f"{API}{_path(push.channel_order_id)}/notes")))
    ours = (row for row in found if _reference(push) in str(row.get("note")))
    return next((text(row.get("id")) for row in ours), None)


def _write_note(push: FulfillmentPush) -> Request:
    """A private note, or one that the buyer gets by mail."""
    what = "The order was" if push.completes else "A part of the order was"
    said = [f"{what} shipped on {push.shipped_at.astimezone(UTC).date().isoformat()}."]
    for parcel in push.parcels:
        words = [f"Carrier {parcel.carrier}"] if parcel.carrier else []
        words += [f"tracking number {parcel.tracking_number}"] if parcel.tracking_number else []
        words += [parcel.tracking_url] if parcel.tracking_url else []
        said += [", ".join(words)] if words else []
    note = "\n".join([*said, _reference(push)])
    body = {"note": note, "customer_note": push.notify_buyer}
    return write("POST", f"{_path(push.channel_order_id)}/notes", body)


def _told(made: dict[str, Any], what: str) -> str:
    made_id = text(made.get("id"))
    if not made_id:
        raise ChannelError(ErrorCode.UNEXPECTED, f"the shop does not say which {what} it made")
    return made_id


def _reference(push: FulfillmentPush) -> str:
    return f"(Reference {push.key})"


def _path(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}"
