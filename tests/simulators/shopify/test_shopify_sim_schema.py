"""The simulator's schema is a part of the official one, and everything in it is answered."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from graphql import introspection_from_schema, parse, validate
from shopify_sim_rig import Clock, fulfillment_orders, group, selections_of, ship

from simulators.shopify import Discount, ShopifySimulator, SimOrder
from simulators.shopify.api import schema

CHECKOUT = Path(__file__).resolve().parents[3]
OFFICIAL = CHECKOUT.parent / "shared" / "schemas" / "shopify-graphql" / "admin_2026-07.json.gz"
QUERIES = sorted((CHECKOUT / "connectors" / "shopify" / "queries").glob("*.graphql"))
BUILT_IN = ("__", "String", "Int", "Float", "Boolean", "ID")


def test_every_type_field_argument_and_word_is_as_in_the_official_schema() -> None:
    if not OFFICIAL.exists():
        pytest.skip(f"the official schema is not at {OFFICIAL}")
    official = json.JSONDecoder().decode(gzip.decompress(OFFICIAL.read_bytes()).decode())

    ours = facts(introspection_from_schema(schema()))
    theirs = facts(official.get("data", official))

    assert len(ours) > 1000
    assert sorted(ours - theirs) == []


def facts(introspection: Any) -> set[str]:
    """Everything a schema says, one line each."""
    found = set()
    for kind in introspection["__schema"]["types"]:
        name = kind["name"]
        if name.startswith(BUILT_IN):
            continue
        found.add(f"{kind['kind']} {name}")
        found |= {f"{name} = {word['name']}" for word in kind["enumValues"] or ()}
        found |= {f"{name} = {one['name']}" for one in kind["possibleTypes"] or ()}
        found |= {f"{name} is {one['name']}" for one in kind["interfaces"] or ()}
        for field in [*(kind["fields"] or ()), *(kind["inputFields"] or ())]:
            found.add(f"{name}.{field['name']}: {written(field['type'])} = {field.get('defaultValue')}")
            found |= {
                f"{name}.{field['name']}({one['name']}: {written(one['type'])} = {one['defaultValue']})"
                for one in field.get("args", ())
            }
    for directive in introspection["__schema"]["directives"]:
        if directive["name"] == "idempotent":
            found.add(f"@idempotent {directive['locations']} {directive['args'][0]['name']}")
    return found


def written(kind: Any) -> str:
    if kind["kind"] == "NON_NULL":
        return f"{written(kind['ofType'])}!"
    if kind["kind"] == "LIST":
        return f"[{written(kind['ofType'])}]"
    return str(kind["name"])


def test_every_field_of_every_thing_is_answered(shop: ShopifySimulator, clock: Clock) -> None:
    order = shop.checkout([("MUG", 2), ("LAMP", 1)], discount=Discount("TEN", 10), properties={"Gift": "yes"})
    till = shop.checkout([("LAMP", 1)], source_name="pos")
    assert order
    assert till
    shop.refund(order.key, {"MUG": 1})
    made = _shipped_and_followed(shop, order)
    held = shop.checkout([("LAMP", 1)])
    assert held
    shop.hold(held.key)
    shop.cancel(shop.checkout([("LAMP", 1)], financial_status="authorized").key)  # type: ignore[union-attr]
    shop.subscribe("orders/create", "https://hub.example/hooks/orders/create")
    roots = {
        f'order(id: "gid://shopify/Order/{order.key}")': "Order",
        f'order(id: "gid://shopify/Order/{till.key}")': "Order",
        f'order(id: "gid://shopify/Order/{held.key}")': "Order",
        f'fulfillment(id: "{made}")': "Fulfillment",
        f'fulfillmentOrder(id: "{fulfillment_orders(shop, held)[0]["id"]}")': "FulfillmentOrder",
        "orders(first: 3)": "OrderConnection",
        "shop": "Shop",
        "locations(first: 2)": "LocationConnection",
        "productVariants(first: 3)": "ProductVariantConnection",
        "products(first: 3)": "ProductConnection",
        "inventoryItems(first: 3)": "InventoryItemConnection",
        "webhookSubscriptions(first: 3)": "WebhookSubscriptionConnection",
        "currentAppInstallation": "AppInstallation",
    }

    problems = []
    for root, kind in roots.items():
        for selection in selections_of(kind):
            clock.pass_seconds(60)  # the bucket fills again
            answer = shop.answer(f"{{ {root} {{ {selection} }} }}")
            problems += answer.get("errors", [])

    assert problems == []


def _shipped_and_followed(shop: ShopifySimulator, order: SimOrder) -> str:
    """The id of the one fulfillment of *order*."""
    made = ship(shop, group(fulfillment_orders(shop, order)[0]), company="UPS", number="1Z")["fulfillment"]
    event = {
        "fulfillmentId": made["id"],
        "status": "DELIVERED",
        "estimatedDeliveryAt": "2026-11-25T10:00:00Z",
    }
    answer = shop.answer(
        """mutation($event: FulfillmentEventInput!) { fulfillmentEventCreate(fulfillmentEvent: $event) {
        fulfillmentEvent { id } userErrors { message } } }""",
        {"event": event},
    )
    assert answer["data"]["fulfillmentEventCreate"]["userErrors"] == []
    return str(made["id"])


def test_the_connectors_documents_are_valid_here() -> None:
    if not QUERIES:
        pytest.skip("the connector has no documents yet")
    together = parse("\n".join(path.read_text("utf-8") for path in QUERIES))

    assert [error.message for error in validate(schema(), together)] == []
