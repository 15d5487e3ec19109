"""A Shopify order of our own making, written from the documented shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.shopify import CONNECTOR
from core.connector import Delivery, OrderRead, Overrides
from core.flow import decode, encode
from core.model.order import Order

PAYLOAD = Path(__file__).parent / "payloads" / "order.json"


@pytest.fixture
def payload() -> dict[str, Any]:
    found: dict[str, Any] = decode(PAYLOAD.read_bytes())
    return found


@pytest.fixture
def order_of() -> Callable[..., Order]:
    """Reads a payload as the hub would, and insists that it is an order."""

    def order(payload: dict[str, Any], overrides: Overrides | None = None) -> Order:
        reading = CONNECTOR.read(Delivery("orders/updated", {}, encode(payload)), overrides or {})
        assert isinstance(reading, OrderRead), reading
        return reading.order

    return order
