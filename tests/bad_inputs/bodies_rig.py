"""A good order of each channel, and how a test spoils it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from connectors import discover
from core.connector import Delivery, OrderRead, Reading
from core.flow import encode
from core.model.order import Order

CHANNELS = ("shopify", "woocommerce")
CONNECTORS = discover()
TOPICS = {"shopify": "orders/updated", "woocommerce": "order.updated"}

SHOPIFY: dict[str, Any] = {
    "id": 501,
    "name": "#1001",
    "created_at": "2026-11-20T10:00:00Z",
    "updated_at": "2026-11-20T10:05:00Z",
    "currency": "EUR",
    "financial_status": "paid",
    "customer_locale": "de",
    "shipping_address": {
        "name": "Mia Sommer",
        "address1": "Hauptstr. 3",
        "city": "Bonn",
        "country_code": "DE",
    },
    "total_line_items_price": "20.00",
    "total_discounts": "0.00",
    "total_tax": "0.00",
    "total_price": "20.00",
    "taxes_included": True,
    "line_items": [
        {
            "id": 71,
            "variant_id": 34,
            "product_id": 3,
            "sku": "MUG-B",
            "title": "Mug",
            "quantity": 2,
            "price": "10.00",
        }
    ],
    "shipping_lines": [],
    "refunds": [],
    "fulfillments": [],
}
WOOCOMMERCE: dict[str, Any] = {
    "id": 501,
    "number": "1001",
    "status": "processing",
    "currency": "EUR",
    "date_created_gmt": "2026-11-20T10:00:00",
    "date_modified_gmt": "2026-11-20T10:05:00",
    "date_paid_gmt": "2026-11-20T10:01:00",
    "discount_total": "0.00",
    "shipping_total": "0.00",
    "total_tax": "0.00",
    "total": "20.00",
    "billing": {"first_name": "Mia", "last_name": "Sommer", "email": "mia@example.org", "country": "DE"},
    "shipping": {"first_name": "Mia", "last_name": "Sommer", "city": "Bonn", "country": "DE"},
    "line_items": [
        {
            "id": 71, "name": "Mug", "product_id": 34, "variation_id": 0, "quantity": 2, "sku": "MUG-B",
            "subtotal": "20.00", "total": "20.00", "total_tax": "0.00", "meta_data": [],
        }
    ],
    "refunds": [],
    "meta_data": [],
}  # fmt: skip
GOOD = {"shopify": SHOPIFY, "woocommerce": WOOCOMMERCE}
# The same fact under its name in each channel.
TOTAL = {"shopify": "total_price", "woocommerce": "total"}
CHANGED = {"shopify": "updated_at", "woocommerce": "date_modified_gmt"}
STATUS = {"shopify": "financial_status", "woocommerce": "status"}

each_channel = pytest.mark.parametrize("channel", CHANNELS)


def read(channel: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reading:
    return CONNECTORS[channel].read(Delivery(TOPICS[channel], headers or {}, body), {})


def body_with(channel: str, place: str, raw: str) -> bytes:
    """A good body in which the value at *place* ("id", "line_items.0.quantity") is the text *raw*, unquoted."""
    payload = copy.deepcopy(GOOD[channel])
    *path, last = place.split(".")
    where: Any = payload
    for step in path:
        where = where[int(step) if step.isdigit() else step]
    where[last] = "@here@"
    return encode(payload).replace(b'"@here@"', raw.encode("utf-8", "surrogatepass"))


def ordered(reading: Reading) -> Order:
    assert isinstance(reading, OrderRead), reading
    return reading.order


def held_at(order: Order, word: str) -> bool:
    """Whether a hold names a place with *word* in it."""
    return any(word in hold.pointer for hold in order.holds)
