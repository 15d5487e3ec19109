"""fulfillmentOrderHold and fulfillmentOrderReleaseHold, for whole fulfillment orders.

See https://shopify.dev/docs/api/admin-graphql/2026-07/mutations/fulfillmentOrderHold. A hold on a part of the lines,
which splits the fulfillment order, is not simulated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulators.shopify import fulfilling
from simulators.shopify.goods import gid
from simulators.shopify.paging import number_of, refused
from simulators.shopify.parcels import MAX_HOLDS, SimFulfillmentOrder, SimHold
from simulators.shopify.render import Json
from simulators.shopify.shop import Shop
from simulators.shopify.things import SimOrder
from simulators.shopify.views_shipping import ShippingViews

NOT_FOUND = "The fulfillment order could not be found."
HANDLE_TAKEN = (
    "The handle provided for the fulfillment hold is already in use by this app for another hold on this "
    "fulfillment order."
)
LIMIT_REACHED = (
    "The maximum number of fulfillment holds for this fulfillment order has been reached for this app. "
    "An app can only have up to 10 holds on a single fulfillment order at any one time."
)


@dataclass(frozen=True, slots=True)
class HoldWriter:
    shop: Shop
    views: ShippingViews

    def hold(self, *, fulfillment_order_id: str, wanted: Mapping[str, Any]) -> Json:
        if wanted["fulfillmentOrderLineItems"]:
            raise refused("only holds on whole fulfillment orders are simulated")
        found = self._found(fulfillment_order_id)
        if found is None:
            return _not_held(["id"], NOT_FOUND, "FULFILLMENT_ORDER_NOT_FOUND")
        order, one = found
        ours = [held for held in one.holds if held.by_app]
        if any(held.handle == wanted["handle"] for held in ours):
            return _not_held(["fulfillmentHold", "handle"], HANDLE_TAKEN, "DUPLICATE_FULFILLMENT_HOLD_HANDLE")
        if len(ours) == MAX_HOLDS:
            return _not_held(["id"], LIMIT_REACHED, "FULFILLMENT_ORDER_HOLD_LIMIT_REACHED")
        if one.status == "CLOSED":
            return _not_held(["id"], "Fulfillment order is not in a holdable state.", None)
        reason, notes = wanted["reason"], wanted.get("reasonNotes")
        placed = SimHold(self.shop.next_id(), reason, notes, wanted["handle"], by_app=True)
        fulfilling.hold(self.shop, order, one, placed)
        return {
            "fulfillmentHold": self.views.hold(placed),
            "fulfillmentOrder": self.views.fulfillment_order(one, order),
            "remainingFulfillmentOrder": None,
            "userErrors": [],
        }

    def release(self, *, fulfillment_order_id: str, hold_ids: Sequence[str] | None) -> Json:
        """Without *hold_ids* every hold is released, the merchant's too."""
        found = self._found(fulfillment_order_id)
        if found is None:
            error = _error(["id"], NOT_FOUND, "FULFILLMENT_ORDER_NOT_FOUND")
            return {"fulfillmentOrder": None, "userErrors": [error]}
        order, one = found
        released = [
            held for held in one.holds if hold_ids is None or gid("FulfillmentHold", held.hold_id) in hold_ids
        ]
        if hold_ids is not None and not all(held.by_app for held in released):
            message = "The app doesn't have access to release the fulfillment hold."
            return {"fulfillmentOrder": None, "userErrors": [_error(["id"], message, "INVALID_ACCESS")]}
        fulfilling.release(self.shop, order, one, released)
        return {"fulfillmentOrder": self.views.fulfillment_order(one, order), "userErrors": []}

    def _found(self, global_id: str) -> tuple[SimOrder, SimFulfillmentOrder] | None:
        return self.shop.fulfillment_orders.get(number_of(global_id, "FulfillmentOrder"))


def _not_held(place: list[str], message: str, code: str | None) -> Json:
    return {
        "fulfillmentHold": None,
        "fulfillmentOrder": None,
        "remainingFulfillmentOrder": None,
        "userErrors": [_error(place, message, code)],
    }


def _error(place: list[str], message: str, code: str | None) -> Json:
    return {"field": place, "message": message, "code": code}
