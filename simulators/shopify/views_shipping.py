"""Shipping as the GraphQL Admin API shows it: fulfillment orders, their holds, fulfillments and their events.

See https://shopify.dev/docs/api/admin-graphql/2026-07/objects/FulfillmentOrder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.shopify.goods import gid
from simulators.shopify.paging import listed
from simulators.shopify.parcels import (
    SimFulfillment,
    SimFulfillmentEvent,
    SimFulfillmentLine,
    SimFulfillmentOrder,
    SimFulfillmentOrderLine,
    SimHold,
)
from simulators.shopify.render import Json
from simulators.shopify.shop import Shop
from simulators.shopify.things import SimOrder
from simulators.shopify.values import destination, instant, money_bag
from simulators.shopify.views_lines import LineViews
from simulators.shopify.views_stock import StockViews

APP = {"id": gid("App", 1), "title": "Fairway", "handle": "fairway", "apiKey": "simulated"}


@dataclass(frozen=True, slots=True)
class ShippingViews:
    """Shows one thing at a time; *show_order* is how the order is shown that it belongs to."""

    shop: Shop
    stock: StockViews
    lines: LineViews
    show_order: Callable[[SimOrder], Json]

    def fulfillment_order(self, one: SimFulfillmentOrder, order: SimOrder) -> Json:
        made = [known for known in order.fulfillments if one in known.fulfillment_orders]
        return {
            "__typename": "FulfillmentOrder",
            "id": gid("FulfillmentOrder", one.fulfillment_order_id),
            "status": one.status,
            "requestStatus": "UNSUBMITTED",
            "createdAt": instant(one.created_at),
            "updatedAt": instant(one.updated_at),
            "fulfillAt": instant(one.created_at.replace(minute=0, second=0)),
            "fulfillBy": None,
            "order": lambda _: self.show_order(order),
            "orderId": gid("Order", order.order_id),
            "orderName": order.name,
            "orderProcessedAt": instant(order.created_at),
            "assignedLocation": {
                "name": one.location.name,
                "city": "Berlin",
                "countryCode": "DE",
                "location": lambda _: self.stock.location(one.location),
            },
            "destination": destination(order.buyer) if order.buyer and order.shipping else None,
            "supportedActions": [{"action": action, "externalUrl": None} for action in one.supported_actions],
            "fulfillmentHolds": [self.hold(held) for held in one.holds],
            "lineItems": listed(
                lambda: [(part.fulfillment_order_line_id, self._to_ship(part, order)) for part in one.lines]
            ),
            "fulfillments": listed(
                lambda: [(known.fulfillment_id, self.fulfillment(known, order)) for known in made]
            ),
        }

    def hold(self, held: SimHold) -> Json:
        return {
            "__typename": "FulfillmentHold",
            "id": gid("FulfillmentHold", held.hold_id),
            "displayReason": held.reason.replace("_", " ").capitalize(),
            "handle": held.handle,
            "heldByApp": APP if held.by_app else None,
            "heldByRequestingApp": held.by_app,
            "reason": held.reason,
            "reasonNotes": held.notes,
        }

    def fulfillment(self, made: SimFulfillment, order: SimOrder) -> Json:
        delivered, moving = made.last("DELIVERED"), made.last("IN_TRANSIT")
        promised = next((event.delivery_at for event in reversed(made.events) if event.delivery_at), None)
        tracking = [{"company": one.company, "number": one.number, "url": one.url} for one in made.tracking]
        return {
            "__typename": "Fulfillment",
            "id": gid("Fulfillment", made.fulfillment_id),
            "legacyResourceId": str(made.fulfillment_id),
            "name": f"{order.name}-F{made.number}",
            "status": "CANCELLED" if made.cancelled else "SUCCESS",
            "displayStatus": made.display_status,
            "createdAt": instant(made.created_at),
            "updatedAt": instant(made.updated_at),
            "deliveredAt": instant(delivered.happened_at) if delivered else None,
            "estimatedDeliveryAt": instant(promised) if promised else None,
            "inTransitAt": instant(moving.happened_at) if moving else None,
            "trackingInfo": lambda _, first=None: tracking[:first],
            "location": lambda _: self.stock.location(made.location),
            "order": lambda _: self.show_order(order),
            "events": lambda info, **asked: self._events(made, info, **asked),
            "fulfillmentLineItems": listed(
                lambda: [(part.fulfillment_line_id, self._shipped(part, order)) for part in made.lines]
            ),
            "fulfillmentOrders": listed(
                lambda: [
                    (one.fulfillment_order_id, self.fulfillment_order(one, order))
                    for one in made.fulfillment_orders
                ]
            ),
            "totalQuantity": made.units,
            "requiresShipping": True,
            "service": {
                "id": "gid://shopify/FulfillmentService/manual",
                "handle": "manual",
                "serviceName": "Manual",
            },
        }

    def event(self, event: SimFulfillmentEvent) -> Json:
        return {
            "__typename": "FulfillmentEvent",
            "id": gid("FulfillmentEvent", event.event_id),
            "status": event.status,
            "happenedAt": instant(event.happened_at),
            "createdAt": instant(event.created_at),
            "estimatedDeliveryAt": instant(event.delivery_at) if event.delivery_at else None,
            **event.details,
        }

    def _events(self, made: SimFulfillment, info: object, **asked: Any) -> Json:
        events = sorted(made.events, key=lambda event: event.happened_at)
        if asked.pop("sortKey") == "ID":
            events = made.events
        return listed(lambda: [(event.event_id, self.event(event)) for event in events])(info, **asked)

    def _to_ship(self, part: SimFulfillmentOrderLine, order: SimOrder) -> Json:
        line, variant = part.line, part.line.variant
        return {
            "id": gid("FulfillmentOrderLineItem", part.fulfillment_order_line_id),
            "remainingQuantity": part.remaining,
            "totalQuantity": part.total,
            "lineItem": lambda _: self.lines.line(line, order),
            "inventoryItemId": gid("InventoryItem", variant.inventory_item_id),
            "originalUnitPriceSet": money_bag(line.unit_price, self.shop.currency),
            "productTitle": variant.title,
            "requiresShipping": True,
            "sku": variant.sku,
            "variant": lambda _: self.stock.variant(variant),
            "variantTitle": None,
            "vendor": "Fairway Goods",
        }

    def _shipped(self, part: SimFulfillmentLine, order: SimOrder) -> Json:
        line, currency = part.line, self.shop.currency
        return {
            "id": gid("FulfillmentLineItem", part.fulfillment_line_id),
            "lineItem": lambda _: self.lines.line(line, order),
            "quantity": part.quantity,
            "originalTotalSet": money_bag(line.unit_price * part.quantity, currency),
            "discountedTotalSet": money_bag(line.total(part.quantity), currency),
        }
