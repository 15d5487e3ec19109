"""The routes that the Shipment Tracking extension adds. Its trackings live in one meta row of the order.

https://woocommerce.com/document/shipment-tracking/
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from simulators.books import Shipped
from simulators.woocommerce.face import links
from simulators.woocommerce.model import SimOrder
from simulators.woocommerce.rest import Answer, Call, Handler, RestError, missing, select

NAMESPACE = "wc-shipment-tracking/v3"
_META = "_wc_shipment_tracking_items"

# Some of the providers it comes with. %1$s is the tracking number.
_PROVIDERS = {
    "Germany": {
        "DHL Intraship (DE)": "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?idc=%1$s",
        "Hermes": "https://www.myhermes.de/empfangen/sendungsverfolgung/sendungsinformation/#%1$s",
        "Deutsche Post DHL": "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?lang=de&idc=%1$s",
        "UPS Germany": "https://wwwapps.ups.com/WebTracking?loc=de_DE&InquiryNumber1=%1$s",
        "DPD.de": "https://tracking.dpd.de/parcelstatus?query=%1$s&locale=en_DE",
    },
    "United Kingdom": {
        "DHL": "https://www.dhl.com/content/g0/en/express/tracking.shtml?brand=DHL&AWB=%1$s",
        "Royal Mail": "https://www3.royalmail.com/track-your-item#/tracking-results/%1$s",
    },
    "United States": {
        "Fedex": "https://www.fedex.com/apps/fedextrack/?action=track&tracknumbers=%1$s",
        "UPS": "https://www.ups.com/track?loc=en_US&tracknum=%1$s",
        "USPS": "https://tools.usps.com/go/TrackConfirmAction_input?qtc_tLabels1=%1$s",
    },
}
_BY_SLUG: dict[str, tuple[str, str]] = {}


def _slug(name: str) -> str:
    """A name as WordPress writes it in addresses: "DPD.de" is "dpd-de"."""
    return re.sub(r"[^a-z0-9-]+", "-", re.sub(r"[^a-z0-9 .-]", "", name.lower())).strip("-")


for _names in _PROVIDERS.values():
    for _name, _link in _names.items():
        _BY_SLUG.setdefault(_slug(_name), (_name, _link))


async def providers(_: Call) -> Answer:
    """Anybody may read them."""
    return Answer(_PROVIDERS)


async def index(call: Call) -> Answer:
    order = _order(call)
    return Answer([_payload(call, order, item) for item in _items(order)])


async def create(call: Call) -> Answer:
    """Every POST adds a tracking, also a repeated one. A provider that the shop does not know is taken without a
    word, and shown as "".
    """
    body = call.body
    if body.get("tracking_number") is None:
        raise missing("tracking_number")
    if body.get("tracking_id"):
        raise RestError(
            400,
            "woocommerce_rest_shop_order_shipment_tracking_exists",
            "Cannot create existing order shipment tracking.",
        )
    order = _order(call)
    number = str(body["tracking_number"])
    item = {
        "tracking_provider": _slug(str(body.get("tracking_provider") or "")),
        "custom_tracking_provider": str(body.get("custom_tracking_provider") or ""),
        "custom_tracking_link": str(body.get("custom_tracking_link") or ""),
        "tracking_number": number,
        "date_shipped": _stamp(str(body.get("date_shipped") or "")) or int(call.shop.clock().timestamp()),
        "tracking_id": f"{call.shop.tracking_ids.getrandbits(128):032x}",
    }
    _keep(call, order, [*_items(order), item])
    shown = _payload(call, order, item)
    # The extension does not say which units a parcel holds.
    call.shop.books.shipped.append(
        Shipped(str(order.order_id), number, shown["tracking_provider"], 0, call.shop.clock())
    )
    return Answer(select(shown, call), 201, {"Location": shown["_links"]["self"][0]["href"]})


async def show(call: Call) -> Answer:
    order = _order(call)
    return Answer(select(_payload(call, order, _item(call, order)), call))


async def remove(call: Call) -> Answer:
    order = _order(call)
    item = _item(call, order)
    _keep(call, order, [other for other in _items(order) if other is not item])
    return Answer(select(_payload(call, order, item), call))


def _keep(call: Call, order: SimOrder, items: list[dict[str, Any]]) -> None:
    """Saving the order moves its date and announces it, as any save does."""
    call.shop.order_book.set_meta(order, _META, items)
    call.shop.order_book.touch(order)
    call.shop.announce(order, "order.updated")


def _items(order: SimOrder) -> list[dict[str, Any]]:
    return next((row.value for row in order.meta if row.key == _META), [])


def _item(call: Call, order: SimOrder) -> dict[str, Any]:
    wanted = call.path.rpartition("/")[2]
    for item in _items(order):
        if item["tracking_id"] == wanted:
            return item
    raise RestError(
        404, "woocommerce_rest_order_shipment_tracking_invalid_id", "Invalid shipment tracking ID."
    )


def _payload(call: Call, order: SimOrder, item: dict[str, Any]) -> dict[str, Any]:
    custom, link = item["custom_tracking_provider"], item["custom_tracking_link"]
    name, form = (custom, link) if custom else _BY_SLUG.get(item["tracking_provider"], ("", ""))
    base = call.path.partition("/orders/")[0]
    up = f"{call.face.home}{base}/orders/{order.order_id}"
    return {
        "tracking_id": item["tracking_id"],
        "tracking_provider": name,
        "tracking_link": form.replace("%1$s", item["tracking_number"]),
        "tracking_number": item["tracking_number"],
        "date_shipped": datetime.fromtimestamp(item["date_shipped"], UTC).date().isoformat(),
        "_links": links(f"{up}/shipment-trackings/{item['tracking_id']}", ("GET", "DELETE"), up),
    }


def _stamp(text: str) -> int | None:
    """A date as seconds since 1970; None for one that PHP's strtotime would not read either."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _order(call: Call) -> SimOrder:
    order = call.shop.orders.get(call.args[0])
    if order is None:
        raise RestError(404, "woocommerce_rest_order_invalid_id", "Invalid order ID.")
    return order


ROUTES: tuple[tuple[str, dict[str, Handler]], ...] = (
    ("orders/{}/shipment-trackings", {"GET": index, "POST": create}),
    ("orders/{}/shipment-trackings/providers", {"GET": providers}),
    ("orders/{}/shipment-trackings/{id}", {"GET": show, "DELETE": remove}),
    ("shipment-trackings/providers", {"GET": providers}),
)
