"""What was shipped: fulfillments and their parcels."""

from __future__ import annotations

from datetime import datetime

from core.model.value import Value


class LineQuantity(Value):
    """So many of one order line."""

    line_id: str
    quantity: int


class Parcel(Value):
    """One box with one tracking number."""

    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None


class Fulfillment(Value):
    """What was shipped in one go. *active* is false for one that was cancelled or failed at the channel."""

    channel_fulfillment_id: str
    status: str | None = None
    active: bool = True
    shipped_at: datetime | None = None
    channel_location_id: str | None = None
    lines: tuple[LineQuantity, ...] = ()
    parcels: tuple[Parcel, ...] = ()
