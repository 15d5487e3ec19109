"""Where a parcel is: what a carrier saw, when, and what that means in our words."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from core.model.value import Value


class TrackingStatus(StrEnum):
    """The canonical words; every carrier's own are mapped to these."""

    PENDING = "pending"  # announced, not handed over
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    READY_FOR_PICKUP = "ready_for_pickup"
    DELIVERED = "delivered"
    DELIVERY_FAILED = "delivery_failed"  # one attempt failed
    DELIVERY_DELAYED = "delivery_delayed"
    ON_HOLD = "on_hold"
    RETURN_TO_SENDER = "return_to_sender"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # the carrier says so itself, or in a word that no mapping knows


class Incident(StrEnum):
    """What went wrong with a parcel, where something did."""

    LOST = "lost"
    DAMAGED = "damaged"
    REFUSED = "refused"
    ADDRESS = "address"
    CUSTOMS = "customs"
    WEATHER = "weather"
    OTHER = "other"


class Scan(Value):
    """One thing a carrier saw. *code* is the carrier's own word, *place* "city, region, country" as far as told."""

    scanned_at: datetime | None = None
    status: TrackingStatus
    incident: Incident | None = None
    code: str | None = None
    message: str = ""
    place: str | None = None


class Tracking(Value):
    """Everything a carrier says about one tracking number.

    *status* and *incident* are folded from *scans* by the time of the scan, and hold since *status_at*.
    *flags* names what was not understood, such as "unknown_status".
    """

    carrier: str | None = None
    tracking_number: str
    status: TrackingStatus
    incident: Incident | None = None
    status_at: datetime | None = None
    scans: tuple[Scan, ...] = ()
    carrier_tracker_id: str | None = None
    tracking_url: str | None = None
    estimated_delivery_at: datetime | None = None
    signed_by: str | None = None
    flags: tuple[str, ...] = ()
