"""What the tests of the Shopify simulator share: a clock, a hub that writes down, a query for everything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from simulators.shopify import ShopifySimulator, SimOrder
from simulators.shopify.api import schema

TOKEN, CLIENT_SECRET, DOMAIN = "shpat_test", "hub_test_secret", "demo.myshopify.com"

ORDERS = """
query Orders($first: Int!, $after: String, $query: String, $reverse: Boolean) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT, reverse: $reverse) {
    nodes { id name updatedAt }
    pageInfo { hasNextPage endCursor }
  }
}"""

SET_QUANTITIES = """
mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { reason changes { name delta item { sku } } }
    userErrors { code field message }
  }
}"""


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    at: datetime = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Hub:
    """Where webhooks arrive and are answered with *status*, the first ones with *failures*: headers and raw bytes, in
    order of arrival.
    """

    url: str = ""
    status: int = 200
    failures: list[int] = field(default_factory=list)
    received: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)


def selections_of(name: str, above: tuple[str, ...] = ()) -> list[str]:
    """Every field of the type *name*, with what is up to four types below it and none of those above."""
    kind = schema().type_map[name]
    if not isinstance(kind, GraphQLObjectType):
        return ["__typename"]
    found = []
    for field_name, one in kind.fields.items():
        below = get_named_type(one.type)
        needed = [
            key for key, argument in one.args.items() if key == "first" or str(argument.type).endswith("!")
        ]
        call = field_name + (f"({', '.join(f'{key}: {_VALUES[key]}' for key in needed)})" if needed else "")
        if is_leaf_type(below):
            found.append(call)
        elif below.name not in above and len(above) < 4:
            found.append(f"{call} {{ {' '.join(selections_of(below.name, (*above, name)))} }}")
    return found


_VALUES: dict[str, Any] = {
    "first": 2,
    "names": '["available", "on_hand"]',
    "locationId": '"gid://shopify/Location/1"',
    "inventoryItemId": '"gid://shopify/InventoryItem/1"',
}

FULFILLMENT_ORDERS = """
query($id: ID!) { order(id: $id) { displayFulfillmentStatus fulfillmentOrders(first: 10) { nodes {
  id status requestStatus supportedActions { action } fulfillmentHolds { id reason }
  assignedLocation { name location { id } }
  lineItems(first: 10) { nodes { id totalQuantity remainingQuantity sku lineItem { id } } } } } } }"""

SHIP = """
mutation($fulfillment: FulfillmentInput!) { fulfillmentCreate(fulfillment: $fulfillment) {
  fulfillment { id status displayStatus trackingInfo { company number url }
    fulfillmentLineItems(first: 10) { nodes { quantity lineItem { sku } } } }
  userErrors { field message } } }"""


def fulfillment_orders(shop: ShopifySimulator, order: SimOrder) -> list[dict[str, Any]]:
    """The fulfillment orders of *order* as GraphQL shows them, lines in a list."""
    answer = shop.answer(FULFILLMENT_ORDERS, {"id": f"gid://shopify/Order/{order.key}"})
    nodes = answer["data"]["order"]["fulfillmentOrders"]["nodes"]
    return [node | {"lines": node["lineItems"]["nodes"]} for node in nodes]


def group(fulfillment_order: Mapping[str, Any], *quantities: int) -> dict[str, Any]:
    """What to ship of *fulfillment_order*: so many of its first lines, everything without *quantities*."""
    wanted = [
        {"id": line["id"], "quantity": quantity}
        for line, quantity in zip(fulfillment_order["lines"], quantities, strict=False)
    ]
    return {"fulfillmentOrderId": fulfillment_order["id"], "fulfillmentOrderLineItems": wanted}


def ship(shop: ShopifySimulator, *groups: Mapping[str, Any], **tracking: Any) -> dict[str, Any]:
    """What fulfillmentCreate answers."""
    asked = {"lineItemsByFulfillmentOrder": list(groups), "trackingInfo": tracking or None}
    answer = shop.answer(SHIP, {"fulfillment": asked})
    assert "errors" not in answer, answer
    return dict(answer["data"]["fulfillmentCreate"])


def ask(shop: ShopifySimulator, mutation: str, wanted: str, asked: dict[str, Any]) -> dict[str, Any]:
    """*mutation* is such as "fulfillmentCancel(id: ID!)": its arguments are the variables."""
    name, _, arguments = mutation.rstrip(")").partition("(")
    typed = ", ".join(f"${argument}" for argument in arguments.split(", "))
    given = ", ".join(
        f"{argument.split(':')[0]}: ${argument.split(':')[0]}" for argument in arguments.split(", ")
    )
    fields = f"{{ {wanted} userErrors {{ field message }} }}"
    answer = shop.answer(f"mutation({typed}) {{ {name}({given}) {fields} }}", asked)
    assert "errors" not in answer, answer
    return dict(answer["data"][name])


def cancel(shop: ShopifySimulator, fulfillment_id: str) -> dict[str, Any]:
    return ask(
        shop, "fulfillmentCancel(id: ID!)", "fulfillment { status displayStatus }", {"id": fulfillment_id}
    )


def note(shop: ShopifySimulator, fulfillment_id: str, status: str, **more: Any) -> dict[str, Any]:
    event = {"fulfillmentId": fulfillment_id, "status": status, **more}
    mutation = "fulfillmentEventCreate(fulfillmentEvent: FulfillmentEventInput!)"
    return ask(shop, mutation, "fulfillmentEvent { id status happenedAt }", {"fulfillmentEvent": event})


def read(body: bytes) -> Any:
    """Amounts stay exact."""
    return json.JSONDecoder(parse_float=Decimal).decode(body.decode())


SHIPPED = """query($id: ID!) { order(id: $id) { displayFulfillmentStatus fulfillmentsCount { count }
  fulfillments(first: 5) { id name status displayStatus deliveredAt inTransitAt estimatedDeliveryAt
    trackingInfo { company number url } location { name }
    fulfillmentOrders(first: 5) { nodes { status } }
    events(first: 5) { nodes { status happenedAt message } } } } }"""


def shipped(shop: ShopifySimulator, order: SimOrder) -> dict[str, Any]:
    answer = shop.answer(SHIPPED, {"id": f"gid://shopify/Order/{order.key}"})
    assert "errors" not in answer, answer
    return dict(answer["data"]["order"])
