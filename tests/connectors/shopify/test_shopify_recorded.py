"""Payloads that real shops and Shopify's own documentation have: every order is read, none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.shopify import CONNECTOR
from connectors.shopify.reading import PAYLOAD
from core.connector import Delivery, OrderRead
from core.flow import decode, encode
from core.model.money import parse_amount
from mappings.engine import unread_fields

FIXTURES = Path(__file__).resolve().parents[4] / "shared/fixtures"
FILES = sorted(FIXTURES.glob("shopify*/*.json"))
UNKNOWN = {"unmapped_value", "invalid_value", "contract", "missing_value", "incomplete"}
TOPICS = [
    "orders/create", "orders/edited", "orders/delete", "graphql/order", "pull/missing", "refunds/create",
    "fulfillments/create", "fulfillment_orders/moved", "returns/request", "order_transactions/create",
    "products/update", "inventory_items/update", "inventory_levels/update", "app/uninstalled", "shop/redact",
    "customers/redact", "customers/data_request", "draft_orders/create", "anything",
]  # fmt: skip

pytestmark = pytest.mark.skipif(not FILES, reason="the recorded payloads are not here")


def whole_orders() -> Iterator[tuple[str, dict[str, Any]]]:
    """Full orders in the files, unwrapped: an id, a total, and lines with quantities."""
    for path in FILES:
        found = decode(path.read_bytes())
        held = found if isinstance(found, dict) else {}
        for order in [held.get("order"), *(held.get("orders") or ()), held]:
            if isinstance(order, dict) and order.get("id") and "total_price" in order and _lines(order):
                yield path.name, order


def _lines(order: dict[str, Any]) -> bool:
    lines = order.get("line_items")
    return isinstance(lines, list) and all(isinstance(line, dict) and "quantity" in line for line in lines)


ORDERS = list(whole_orders())


@pytest.mark.parametrize(("name", "order"), ORDERS, ids=[name for name, _ in ORDERS])
def test_an_order_keeps_its_total_its_currency_and_its_units(name: str, order: dict[str, Any]) -> None:
    reading = CONNECTOR.read(Delivery("orders/updated", {}, encode(order)), {})

    assert isinstance(reading, OrderRead), (name, reading)
    assert reading.order.total is not None
    assert reading.order.total.amount == parse_amount(order["total_price"])
    assert reading.order.currency == order["currency"]
    assert [line.quantity for line in reading.order.lines] == [
        line["quantity"] for line in order["line_items"]
    ]
    assert [line.line_id for line in reading.order.lines] == [str(line["id"]) for line in order["line_items"]]


def test_no_order_is_held_for_something_unknown() -> None:
    held = []
    for name, order in ORDERS:
        reading = CONNECTOR.read(Delivery("orders/updated", {}, encode(order)), {})
        assert isinstance(reading, OrderRead)
        held += [(name, hold) for hold in reading.order.holds if hold.code in UNKNOWN]

    assert held == []


def test_only_payloads_made_by_hand_do_not_add_up() -> None:
    off = set()
    for name, order in ORDERS:
        reading = CONNECTOR.read(Delivery("orders/updated", {}, encode(order)), {})
        assert isinstance(reading, OrderRead)
        if "amount_mismatch" in reading.order.flags:
            off.add(name)

    # One order, kept twice, has three lines of 199.00 beside a sum of 398.00; one draft states only a part.
    assert len(off) == 3


def test_no_field_of_an_order_goes_unnoticed() -> None:
    unread = {
        path for name, order in ORDERS if "draft" not in name for path in unread_fields(order, PAYLOAD.reads)
    }

    assert unread == set()


@pytest.mark.parametrize("topic", TOPICS)
def test_any_file_under_any_topic_is_answered(topic: str) -> None:
    for path in FILES:
        assert CONNECTOR.read(Delivery(topic, {}, path.read_bytes()), {}) is not None
