"""What the queries and mutations of the simulated Admin API start from. Holds no state of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLResolveInfo
from graphql.execution.values import get_directive_values

from simulators.shopify.keyset import Keyset
from simulators.shopify.paging import Term, listed, page_of, refused, terms
from simulators.shopify.render import Json
from simulators.shopify.shop import Shop
from simulators.shopify.stock_writes import StockWriter
from simulators.shopify.subscriptions import Subscriptions
from simulators.shopify.things import SimOrder, SimVariant, gid
from simulators.shopify.views_orders import OrderViews
from simulators.shopify.views_stock import StockViews

SCOPES = ("read_orders", "read_products", "read_inventory", "write_inventory", "read_locations")
TIMES = {"CREATED_AT": "created_at", "PROCESSED_AT": "processed_at", "UPDATED_AT": "updated_at", "ID": "id"}


@dataclass(frozen=True, slots=True)
class Root:
    """Resolvers by field name; see https://shopify.dev/docs/api/admin-graphql/2026-07/queries/orders."""

    shop: Shop
    stock: StockViews
    orders: OrderViews
    writer: StockWriter
    subscriptions: Subscriptions

    def queries(self) -> dict[str, Callable[..., Any]]:
        stock = self.stock
        return {
            "shop": lambda _: stock.shop_info(),
            "locations": listed(lambda: [(self.shop.location_id, stock.location())]),
            "location": lambda _, **asked: (
                stock.location()
                if asked.get("id") in (None, gid("Location", self.shop.location_id))
                else None
            ),
            "orders": lambda _, **asked: self._orders(asked),
            "ordersCount": lambda _, **asked: self._orders_count(asked),
            "productVariants": lambda _, **asked: self._variants(asked, stock.variant),
            "products": lambda _, **asked: self._variants(asked, stock.product),
            "inventoryItems": lambda _, **asked: self._variants(asked, stock.item),
            "webhookSubscriptions": self.subscriptions.page,
            "currentAppInstallation": lambda _: self._installation(),
            "nodes": lambda _, ids: [self._node(one) for one in ids],
            **{
                name: lambda _, **asked: self._node(asked["id"])
                for name in ("node", "order", "product", "productVariant", "inventoryItem", "inventoryLevel")
            },
        }

    def mutations(self) -> dict[str, Callable[..., Any]]:
        made = self.subscriptions
        return {
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

    def _node(self, global_id: str) -> Json | None:
        kind, _, name = global_id.removeprefix("gid://shopify/").partition("/")
        number, _, _ = name.partition("?")
        if kind == "Order":
            order = self.shop.orders.get(number)
            return self.orders.order(order) if order else None
        if kind in ("Fulfillment", "Refund"):
            return self.orders.outcome(int(number)) if number.isdecimal() else None
        if kind == "Location":
            return self.stock.location() if number == str(self.shop.location_id) else None
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

    def _set_quantities(self, info: GraphQLResolveInfo[Any], **asked: Any) -> Json:
        directive = info.schema.get_directive("idempotent")
        values = directive and get_directive_values(directive, info.field_nodes[0], info.variable_values)
        return self.writer.set_quantities(values["key"] if values else None, asked["input"])

    def _installation(self) -> Json:
        return {
            "id": gid("AppInstallation", self.shop.shop_id),
            "accessScopes": [{"handle": scope, "description": scope.replace("_", " ")} for scope in SCOPES],
            "app": {"id": gid("App", 1), "title": "Fairway", "handle": "fairway", "apiKey": "simulated"},
        }


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
