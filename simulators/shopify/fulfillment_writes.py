"""fulfillmentCreate and what follows it: tracking, events, cancelling. There is no idempotency key, so a call that is
made again ships again as long as there is something left to ship.

See https://shopify.dev/docs/api/admin-graphql/2026-07/mutations/fulfillmentCreate. Which refusal comes first, and its
words, are as real stores answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from simulators.books import Noted, Shipped
from simulators.shopify import fulfilling
from simulators.shopify.goods import gid
from simulators.shopify.paging import number_of, refused
from simulators.shopify.parcels import (
    SimFulfillment,
    SimFulfillmentOrder,
    SimFulfillmentOrderLine,
    SimTracking,
)
from simulators.shopify.render import Json
from simulators.shopify.shop import Shop
from simulators.shopify.things import SimOrder
from simulators.shopify.values import instant
from simulators.shopify.views_shipping import ShippingViews

# Some of the companies for whose numbers Shopify builds a link when none is given.
LINKED = frozenset(
    ("DHL eCommerce", "DHL Express", "DPD", "Evri", "FedEx", "GLS", "PostNL", "Royal Mail", "UPS", "USPS")
)
PLACES = ("message", "address1", "city", "country", "latitude", "longitude", "province", "zip")


class _Refusal(Exception):
    """A user error: its field and its message."""


@dataclass(frozen=True, slots=True)
class FulfillmentWriter:
    """Resolves the mutations, and books what they did: every tracking number shipped with, every event."""

    shop: Shop
    views: ShippingViews

    def create(self, *, fulfillment: Mapping[str, Any]) -> Json:
        wanted: Sequence[Mapping[str, Any]] = fulfillment["lineItemsByFulfillmentOrder"]
        try:
            order, parcel = self._parcel(wanted)
        except _Refusal as refusal:
            return {"fulfillment": None, "userErrors": [_error(*refusal.args)]}
        made = fulfilling.ship(self.shop, order, parcel, _tracking(fulfillment.get("trackingInfo") or {}))
        for tracked in made.tracking or [SimTracking(None, None, None)]:
            self.shop.books.shipped.append(
                Shipped(order.key, tracked.number or "", tracked.company or "", made.units, self.shop.now())
            )
        return {"fulfillment": self.views.fulfillment(made, order), "userErrors": []}

    def update_tracking(self, *, fulfillment_id: str, wanted: Mapping[str, Any]) -> Json:
        known = self._known(fulfillment_id)
        if known is None:
            error = _error(["fulfillmentId"], "Fulfillment does not exist.")
            return {"fulfillment": None, "userErrors": [error]}
        order, made = known
        fulfilling.track(self.shop, order, made, _tracking(wanted))
        return {"fulfillment": self.views.fulfillment(made, order), "userErrors": []}

    def cancel(self, *, fulfillment_id: str) -> Json:
        known = self._known(fulfillment_id)
        if known is None:
            return {"fulfillment": None, "userErrors": [_error(["id"], "Fulfillment not found.")]}
        order, made = known
        fulfilling.cancel_fulfillment(self.shop, order, made)
        return {"fulfillment": self.views.fulfillment(made, order), "userErrors": []}

    def create_event(self, *, wanted: Mapping[str, Any]) -> Json:
        """One that was cancelled takes events too, as it does at Shopify."""
        known = self._known(wanted["fulfillmentId"])
        if known is None:
            error = _error(["fulfillmentEvent", "fulfillmentId"], "Fulfillment does not exist.")
            return {"fulfillmentEvent": None, "userErrors": [error]}
        order, made = known
        event = fulfilling.note_event(
            self.shop,
            order,
            made,
            wanted["status"],
            _moment(wanted.get("happenedAt")),
            _moment(wanted.get("estimatedDeliveryAt")),
            {name: wanted.get(name) for name in PLACES},
        )
        text = f"{event.status} {instant(event.happened_at)}"
        self.shop.books.noted.append(Noted(order.key, text, self.shop.now()))
        return {"fulfillmentEvent": self.views.event(event), "userErrors": []}

    def _known(self, fulfillment_id: str) -> tuple[SimOrder, SimFulfillment] | None:
        return self.shop.fulfillments.get(number_of(fulfillment_id, "Fulfillment"))

    def _parcel(self, wanted: Sequence[Mapping[str, Any]]) -> tuple[SimOrder, fulfilling.Parcel]:
        """What is to be shipped, of which order; raises _Refusal."""
        _check_quantities(wanted)
        found = [self._fulfillment_order(group["fulfillmentOrderId"]) for group in wanted]
        if not found:
            raise _Refusal(["fulfillment"], "Fulfillment order does not exist.")
        order_ids = sorted({order.order_id for order, _ in found})
        if len(order_ids) > 1:
            raise _Refusal(
                ["fulfillment"],
                "All fulfillment orders must belong to the same order. "
                f"Multiple orders with ids {order_ids} were found.",
            )
        location_ids = sorted({one.location.location_id for _, one in found})
        if len(location_ids) > 1:
            raise _Refusal(
                ["fulfillment"],
                "All fulfillment orders must be assigned to a single location. "
                f"Multiple locations with ids {location_ids} were found.",
            )
        for _, one in found:
            if one.status not in ("OPEN", "IN_PROGRESS"):
                status = one.status.lower()
                raise _Refusal(
                    ["fulfillment"],
                    f"Fulfillment order {one.fulfillment_order_id} has an unfulfillable status= {status}.",
                )
        parcel = [
            (one, _lines(one, group.get("fulfillmentOrderLineItems") or []))
            for (_, one), group in zip(found, wanted, strict=True)
        ]
        return found[0][0], parcel

    def _fulfillment_order(self, global_id: str) -> tuple[SimOrder, SimFulfillmentOrder]:
        found = self.shop.fulfillment_orders.get(number_of(global_id, "FulfillmentOrder"))
        if found is None:
            raise _Refusal(["fulfillment"], "Fulfillment order does not exist.")
        return found


def _check_quantities(wanted: Sequence[Mapping[str, Any]]) -> None:
    for place, group in enumerate(wanted):
        for index, item in enumerate(group.get("fulfillmentOrderLineItems") or []):
            if item["quantity"] < 1:
                path = ["lineItemsByFulfillmentOrder", str(place), "fulfillmentOrderLineItems", str(index)]
                raise _Refusal(["fulfillment", *path, "quantity"], "Quantity must be greater than 0")


def _lines(
    one: SimFulfillmentOrder, wanted: Sequence[Mapping[str, Any]]
) -> list[tuple[SimFulfillmentOrderLine, int]]:
    """The wanted quantities, or all that remains where none are wanted."""
    if not wanted:
        return fulfilling.open_lines(one)
    known = {gid("FulfillmentOrderLineItem", part.fulfillment_order_line_id): part for part in one.lines}
    if any(item["id"] not in known for item in wanted):
        raise _Refusal(["fulfillment"], "Fulfillment order line item does not exist.")
    taken: dict[str, int] = {}
    for item in wanted:
        taken[item["id"]] = taken.get(item["id"], 0) + item["quantity"]
    if any(quantity > known[global_id].remaining for global_id, quantity in taken.items()):
        raise _Refusal(["fulfillment"], "Invalid fulfillment order line item quantity requested.")
    return [(known[global_id], quantity) for global_id, quantity in taken.items()]


def _tracking(wanted: Mapping[str, Any]) -> list[SimTracking]:
    """One of each number, with the link at the same place or the one that Shopify builds."""
    company = wanted.get("company")
    numbers = wanted.get("numbers") or [wanted.get("number")]
    urls = wanted.get("urls") or [wanted.get("url")]
    tracked = []
    for place, number in enumerate(numbers):
        given = urls[place] if place < len(urls) else None
        built = f"https://track.example/{number}" if number and company in LINKED else None
        tracked.append(SimTracking(company, number, given or built))
    return [one for one in tracked if one.company or one.number or one.url]


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise refused(f"invalid DateTime {text!r}") from None
    return at.replace(tzinfo=at.tzinfo or UTC)


def _error(place: list[str], message: str) -> Json:
    return {"field": place, "message": message}
