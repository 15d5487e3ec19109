"""The record of a shipment in an order's meta data, and whether an order has the units that were shipped. Sends nothing."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

from connectors.woocommerce.metadata import text
from core.flow import encode
from core.model.fulfillment import FulfillmentPush


def record(push: FulfillmentPush) -> str:
    """What was shipped, as JSON text for whoever reads the order's meta data."""
    return encode(
        {
            "shipped_at": push.shipped_at.isoformat(),
            "parcels": [parcel.model_dump() for parcel in push.parcels],
            "lines": [line.model_dump() for line in push.lines],
        }
    ).decode()


def lines_refusal(push: FulfillmentPush, order: dict[str, Any]) -> str | None:
    """Why *order* cannot have lost these units: it has no such line, or fewer units of it."""
    shipped: Counter[str] = Counter()
    for line in push.lines:
        shipped[line.line_id] += line.quantity
    ordered = {text(item.get("id")): _units(item) for item in order["line_items"]}
    for line_id, quantity in shipped.items():
        have = ordered.get(line_id, 0)
        if quantity > have:
            return f"Line {line_id}: {quantity} shipped, but the order in the shop has {have}."
    return None


def _units(item: dict[str, Any]) -> int:
    """Whole units: plugins sell by the metre, also as text."""
    try:
        return int(Decimal(str(item.get("quantity"))).to_integral_value(ROUND_CEILING))
    except (InvalidOperation, ValueError, OverflowError):
        return 0
