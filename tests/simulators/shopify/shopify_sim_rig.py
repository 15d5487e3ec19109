"""What the tests of the Shopify simulator share: a clock, a hub that writes down, a query for everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import GraphQLObjectType, get_named_type, is_leaf_type

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
    """Where webhooks arrive: headers and raw bytes, in order of arrival."""

    url: str = ""
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
