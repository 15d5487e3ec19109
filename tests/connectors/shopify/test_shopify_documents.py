"""Every GraphQL document is valid at Shopify, and cheap enough."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    SelectionSetNode,
    build_client_schema,
    get_named_type,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from connectors.shopify import allotting, tracking
from connectors.shopify.documents import document, names

SCHEMA = Path(__file__).resolve().parents[4] / "shared/schemas/shopify-graphql/admin_2026-07.json.gz"
MOST_POINTS = 1000  # one query may cost


@cache
def admin_api() -> GraphQLSchema:
    if not SCHEMA.exists():
        pytest.skip("the Admin API's own schema is not here")
    with gzip.open(SCHEMA) as packed:  # bigger than any payload the strict decoder accepts
        described = json.load(packed)
    return build_client_schema(described.get("data", described), assume_valid=True)


@pytest.mark.parametrize("name", names())
def test_a_document_is_valid_in_the_version_we_ask_for(name: str) -> None:
    errors = validate(admin_api(), parse(document(name)))

    assert [error.message for error in errors] == []


def test_stock_is_written_with_an_idempotency_key() -> None:
    directive = admin_api().get_directive("idempotent")

    assert directive is not None
    assert set(directive.args) == {"key"}
    assert "@idempotent(key: $key)" in document("set_stock")


def test_a_page_of_orders_costs_less_than_one_query_may() -> None:
    wide = cost("orders", {"first": 20, "lines": 10}, lambda count: int(count**0.5))
    # Should Shopify count every object after all, one order at a time is still cheap enough.
    narrow = cost("orders", {"first": 1, "lines": 10}, lambda count: count)

    assert max(wide, narrow) < MOST_POINTS


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        (
            "fulfill",
            {
                "fulfillment": {
                    "lineItemsByFulfillmentOrder": [
                        {
                            "fulfillmentOrderId": "gid://shopify/FulfillmentOrder/1",
                            "fulfillmentOrderLineItems": [
                                {"id": "gid://shopify/FulfillmentOrderLineItem/2", "quantity": 1}
                            ],
                        }
                    ],
                    "notifyCustomer": False,
                    "trackingInfo": {
                        "company": "UPS",
                        "numbers": ["1", "2"],
                        "urls": ["https://a", "https://b"],
                    },
                }
            },
        ),
        (
            "add_event",
            {
                "event": {
                    "fulfillmentId": "gid://shopify/Fulfillment/1",
                    "status": "ATTEMPTED_DELIVERY",
                    "happenedAt": "2026-11-24T10:00:00Z",
                }
            },
        ),
    ],
)
def test_what_is_sent_of_a_shipment_fits_the_inputs(name: str, variables: dict[str, Any]) -> None:
    (operation,) = parse(document(name)).definitions

    found = get_variable_values(admin_api(), operation.variable_definitions, variables)

    assert not isinstance(found, list), found  # a list says what does not fit
    assert found.coerced == variables


def test_every_event_has_a_status_that_shopify_knows() -> None:
    known = admin_api().get_type("FulfillmentEventStatus").values

    assert set(tracking.WORDS.values()) <= set(known)


def test_every_status_of_open_work_that_is_told_apart_exists() -> None:
    statuses = admin_api().get_type("FulfillmentOrderStatus").values
    actions = admin_api().get_type("FulfillmentOrderAction").values

    assert {*allotting.BEGUN, "ON_HOLD", "SCHEDULED"} <= set(statuses)
    assert "CREATE_FULFILLMENT" in actions
    assert set(allotting.VOID) <= set(admin_api().get_type("FulfillmentStatus").values)


@pytest.mark.parametrize(
    "name",
    [
        "variants",
        "stock",
        "stock_of",
        "more_lines",
        "more_shipped",
        "locations",
        "subscriptions",
        "shippable",
        "more_work",
        "more_open",
        "events",
    ],
)
def test_other_documents_are_cheap_even_if_every_object_counts(name: str) -> None:
    assert cost(name, {}, lambda count: count) < MOST_POINTS


def cost(name: str, variables: dict[str, int], counted: Callable[[int], int]) -> int:
    """Points as documented: an object one, a connection two and its nodes; *counted* nodes of `first`."""
    whole = parse(document(name))
    fragments = {d.name.value: d for d in whole.definitions if isinstance(d, FragmentDefinitionNode)}
    free = {"PageInfo", "MoneyV2", "PricingValue"}

    def below(parent: Any, selections: SelectionSetNode) -> int:
        total = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                if node.selection_set:
                    total += field(parent, node, node.selection_set)
                continue
            target = fragments[node.name.value] if hasattr(node, "name") else node
            condition = target.type_condition
            total += below(admin_api().get_type(condition.name.value), target.selection_set)
        return total

    def field(parent: Any, node: FieldNode, selections: SelectionSetNode) -> int:
        kind = get_named_type(parent.fields[node.name.value].type)
        if kind.name in free:
            return 0
        first = next((a.value for a in node.arguments or () if a.name.value == "first"), None)
        if kind.name.endswith("Connection"):
            return 2 + counted(size(first)) * below(kind, selections)
        return (counted(size(first)) if first else 1) * (1 + below(kind, selections))

    def size(value: Any) -> int:
        return variables[value.name.value] if hasattr(value, "name") else int(value.value)

    (operation,) = [d for d in whole.definitions if not isinstance(d, FragmentDefinitionNode)]
    return below(admin_api().query_type, operation.selection_set)
