"""Parcels in the extension Shipment Tracking (and others that answer under its routes). Many shops have none.

https://woocommerce.com/document/shipment-tracking/
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from connectors.woocommerce.metadata import text
from connectors.woocommerce.wire import rows, thing, write
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request
from core.model.fulfillment import Parcel
from core.rules.shipping import tidy_tracking_number

API = "/wp-json/wc-shipment-tracking/v3"
_NOT_INSTALLED = "(rest_no_route)"


def known_parcels(order_id: str) -> Flow[dict[str, str] | None]:
    """Tracking number -> the extension's id of it, for each parcel of the order; None without the extension."""
    try:
        found = rows((yield Request("GET", API + _path(order_id))))
    except ChannelError as error:
        if error.code is ErrorCode.NOT_FOUND and _NOT_INSTALLED in error.message:
            return None
        raise
    told = [(text(row.get("tracking_number")), text(row.get("tracking_id"))) for row in found]
    return {tidy_tracking_number(number): tracking_id or "" for number, tracking_id in told if number}


def add_parcel(order_id: str, parcel: Parcel, shipped_at: datetime) -> Flow[str | None]:
    """Add a parcel that has a number; its id there. A carrier of the merchant's own words needs a link to be taken.

    Without one it goes by the name of a carrier that the extension knows; None where it knows none of that name: then
    the order's note is all there is.
    """
    body: dict[str, Any] = {
        "tracking_number": parcel.tracking_number,
        "date_shipped": shipped_at.astimezone(UTC).date().isoformat(),
    }
    if parcel.tracking_url:
        body["custom_tracking_provider"] = parcel.carrier or "Parcel"
        body["custom_tracking_link"] = parcel.tracking_url
    else:
        body["tracking_provider"] = parcel.carrier or ""
    try:
        made = thing((yield write("POST", _path(order_id), body, API)))
    except ChannelError as error:
        if error.code is ErrorCode.REJECTED and not parcel.tracking_url:
            return None
        raise
    return text(made.get("tracking_id"))


def _path(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}/shipment-trackings"
