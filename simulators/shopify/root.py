"""What the queries and mutations of the simulated Admin API start from. Holds no state of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from graphql import GraphQLResolveInfo
from graphql.execution.values import get_directive_values

from simulators.shopify.fulfillment_writes import FulfillmentWriter
from simulators.shopify.goods import SimVariant, gid
from simulators.shopify.hold_writes import HoldWriter
from simulators.shopify.keyset import Keyset
from simulators.shopify.paging import Term, listed, number_of, page_of, refused, terms
from simulators.shopify.render import Json
from simulators.shopify.shop import Shop
from simulators.shopify.stock_writes import StockWriter
from simulators.shopify.subscriptions import Subscriptions
from simulators.shopify.things import SimOrder
from simulators.shopify.views_orders import OrderViews
from simulators.shopify.views_shipping import APP, ShippingViews
from simulators.shopify.views_stock import StockViews

SCOPES = (
    "read_orders",
    "read_products",
    "read_inventory",
    "write_inventory",
    "read_locations",
    "read_fulfillments",
    "write_fulfillments",
    "read_merchant_managed_fulfillment_orders",
    "write_merchant_managed_fulfillment_orders",
)
NODES = (
    "Order",
    "Fulfillment",
    "FulfillmentOrder",
    "Product",
    "ProductVariant",
    "InventoryItem",
    "InventoryLevel",
)
TIMES = {"CREATED_AT": "created_at", "PROCESSED_AT": "processed_at", "UPDATED_AT": "updated_at", "ID": "id"}


@dataclass(frozen=True, slots=True)
class Root:
    """Resolvers by field name; see https://shopify.dev/docs/api/admin-graphql/2026-07/queries/orders."""

    shop: Shop
    stock: StockViews
    orders: OrderViews
    shipping: ShippingViews
    writer: StockWriter
    fulfillments: FulfillmentWriter
    holds: HoldWriter
    subscriptions: Subscriptions

    def queries(self) -> dict[str, Callable[..., Any]]:
        stock = self.stock
        return {
            "shop": lambda _: stock.shop_info(),
            "locations": listed(
                lambda: [(known.location_id, stock.location(known)) for known in self.shop.locations]
            ),
            "location": lambda _, **asked: self._location(asked.get("id")),
            "orders": lambda _, **asked: self._orders(asked),
            "ordersCount": lambda _, **asked: self._orders_count(asked),
            "productVariants": lambda _, **asked: self._variants(asked, stock.variant),
            "products": lambda _, **asked: self._variants(asked, stock.product),
            "inventoryItems": lambda _, **asked: self._variants(asked, stock.item),
            "webhookSubscriptions": self.subscriptions.page,
            "currentAppInstallation": lambda _: self._installation(),
            "node": lambda _, **asked: self._node(asked["id"]),
            "nodes": lambda _, ids: [self._node(one) for one in ids],
            **{_root(kind): partial(self._one, kind) for kind in NODES},
        }

    def mutations(self) -> dict[str, Callable[..., Any]]:
        made, shipped, holds = self.subscriptions, self.fulfillments, self.holds
        return {
            "fulfillmentCreate": lambda _, **asked: shipped.create(fulfillment=asked["fulfillment"]),
            "fulfillmentTrackingInfoUpdate": lambda _, **asked: shipped.update_tracking(
                fulfillment_id=asked["fulfillmentId"], wanted=asked["trackingInfoInput"]
            ),
            "fulfillmentCancel": lambda _, **asked: shipped.cancel(fulfillment_id=asked["id"]),
            "fulfillmentEventCreate": lambda _, **asked: shipped.create_event(
                wanted=asked["fulfillmentEvent"]
            ),
            "fulfillmentOrderHold": lambda _, **asked: holds.hold(
                fulfillment_order_id=asked["id"], wanted=asked["fulfillmentHold"]
            ),
            "fulfillmentOrderReleaseHold": lambda _, **asked: holds.release(
                fulfillment_order_id=asked["id"], hold_ids=asked.get("holdIds")
            ),
            "inventorySetQuantities": self._set_quantities,
            "webhookSubscriptionCreate": lambda _, **asked: made.create(
                topic=asked["topic"], wanted=asked["webhookSubscription"]
            ),
            "webhookSubscriptionUpdate": lambda _, **asked: made.update(
                subscription_id=asked["id"], wanted=asked["webhookSubscription"]
            ),
            "webhookSubscriptionDelete": lambda _, **asked: made.delete(subscription_id=asked["id"]),
        }

    def _orders(self, asked: dict[str, Any]) -> Json:
        sort = TIMES[asked["sortKey"]]
        keyset = self.shop.by_updated if sort == "updated_at" else self.shop.by_created
        conditions = [term for term in terms(asked.get("query")) if term.field != sort]
        return page_of(keyset, asked, sort, lambda order: _is_wanted(order, conditions), self.orders.order)

    def _orders_count(self, asked: dict[str, Any]) -> Json:
        conditions = terms(asked.get("query"))
        count = sum(_is_wanted(order, conditions) for order in self.shop.orders.values())
        return {"count": count, "precision": "EXACT"}

    def _variants(self, asked: dict[str, Any], show: Callable[[SimVariant], Json]) -> Json:
        conditions = terms(asked.get("query"))
        keyset: Keyset[SimVariant] = self.shop.variants

        def keep(variant: SimVariant) -> bool:
            known = {"sku": variant.sku, "barcode": variant.gtin or "", "id": str(variant.variant_id)}
            return all(term.admits(known[term.field]) for term in conditions if term.field in known)

        return page_of(keyset, asked, "id", keep, show)

    def _one(self, kind: str, _info: object, **asked: Any) -> Json | None:
        """The *kind* of thing that has the id asked for, which no other kind may have."""
        if not asked["id"].startswith(f"gid://shopify/{kind}/"):
            raise refused(f"Invalid global id '{asked['id']}'", "argumentLiteralsIncompatible")
        return self._node(asked["id"])

    def _node(self, global_id: str) -> Json | None:
        kind, _, name = global_id.removeprefix("gid://shopify/").partition("/")
        number, _, _ = name.partition("?")
        if kind == "Order":
            order = self.shop.orders.get(number)
            return self.orders.order(order) if order else None
        if kind == "Fulfillment":
            made = self.shop.fulfillments.get(number_of(global_id, kind))
            return self.shipping.fulfillment(made[1], made[0]) if made else None
        if kind == "FulfillmentOrder":
            one = self.shop.fulfillment_orders.get(number_of(global_id, kind))
            return self.shipping.fulfillment_order(one[1], one[0]) if one else None
        if kind == "Refund":
            return self.orders.refund(number_of(global_id, kind))
        if kind == "Location":
            return self._location(global_id)
        shows: dict[str, Callable[[SimVariant], Json]] = {
            "ProductVariant": self.stock.variant,
            "Product": self.stock.product,
            "InventoryItem": self.stock.item,
            "InventoryLevel": self.stock.level,
        }
        if kind not in shows:
            raise refused(f"Invalid global id '{global_id}'", "argumentLiteralsIncompatible")
        if kind == "InventoryLevel":
            item_id = name.partition("inventory_item_id=")[2]
            global_id = f"gid://shopify/InventoryItem/{item_id}"
        variant = self.shop.variant_of(global_id)
        return shows[kind](variant) if variant else None

    def _location(self, global_id: str | None) -> Json | None:
        """The primary one unless another is named."""
        ids = {gid("Location", known.location_id): known for known in self.shop.locations}
        known = self.shop.locations[0] if global_id is None else ids.get(global_id)
        return self.stock.location(known) if known else None

    def _set_quantities(self, info: GraphQLResolveInfo[Any], **asked: Any) -> Json:
        directive = info.schema.get_directive("idempotent")
        values = directive and get_directive_values(directive, info.field_nodes[0], info.variable_values)
        return self.writer.set_quantities(values["key"] if values else None, asked["input"])

    def _installation(self) -> Json:
        return {
            "id": gid("AppInstallation", self.shop.shop_id),
            "accessScopes": [{"handle": scope, "description": scope.replace("_", " ")} for scope in SCOPES],
            "app": APP,
        }


def _root(kind: str) -> str:
    """The query that gives one: "fulfillmentOrder" for FulfillmentOrder."""
    return kind[0].lower() + kind[1:]


def _is_wanted(order: SimOrder, conditions: list[Term]) -> bool:
    """Terms on fields that are not known are ignored, as Shopify does."""
    words = {
        "id": str(order.order_id),
        "name": order.name,
        "financial_status": order.financial_status,
        "fulfillment_status": order.fulfillment_status or "unfulfilled",
        "status": "cancelled" if order.cancelled_at else "closed" if order.closed_at else "open",
        "test": str(order.test).lower(),
        "source_name": order.source_name,
    }
    times = {"created_at": order.created_at, "processed_at": order.created_at, "updated_at": order.updated_at}
    for term in conditions:
        if term.field in times:
            low, high = term.bounds()
            at = times[term.field]
            if (low and at < low) or (high and at > high):
                return False
        elif term.field in words and not (
            term.admits(words[term.field]) or (term.field == "status" and term.value == "any")
        ):
            return False
    return True
