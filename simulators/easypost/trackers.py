"""Trackers: what EasyPost knows of a parcel, and how it writes it.

https://docs.easypost.com/docs/trackers#tracker-object
"""

from __future__ import annotations

import random
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.easypost.journeys import Place, Step, journey, standing

# What each test code's parcel is, at once and for ever.
TEST_CODES = {
    "EZ1000000001": "pre_transit",
    "EZ2000000002": "in_transit",
    "EZ3000000003": "out_for_delivery",
    "EZ4000000004": "delivered",
    "EZ5000000005": "return_to_sender",
    "EZ6000000006": "failure",
    "EZ7000000007": "unknown",
}
_CARRIERS = (
    (re.compile(r"1Z[0-9A-Z]{16}"), "UPS"),
    (re.compile(r"EZ\d{10}|9\d{19,21}|[A-Z]{2}\d{9}US"), "USPS"),
    (re.compile(r"\d{12}|\d{15}"), "FedEx"),
    (re.compile(r"\d{10}"), "DHLExpress"),
)


def carrier_of(code: str) -> str | None:
    """The carrier that a tracking code looks like; None where it looks like none."""
    return next((carrier for looks, carrier in _CARRIERS if looks.fullmatch(code)), None)


@dataclass(slots=True)
class Tracker:
    """*seen*: what the carrier scanned, oldest first; *ahead*: what it will, next first."""

    tracker_id: str
    tracking_code: str
    carrier: str
    mode: str
    created: datetime
    updated: datetime
    ahead: list[Step]
    seen: list[tuple[Step, datetime]] = field(default_factory=list)

    @property
    def status(self) -> str:
        return self.seen[-1][0].status if self.seen else "unknown"

    def move(self, now: datetime) -> None:
        """One step on. No two scans are of the same second."""
        at = max([now, *(seen_at + timedelta(seconds=1) for _, seen_at in self.seen[-1:])])
        self.seen.append((self.ahead.pop(0), at))
        self.updated = now


def start(tracker_id: str, code: str, carrier: str, mode: str, now: datetime, rng: random.Random) -> Tracker:
    """A new tracker: the carrier either has been told of the parcel, or does not know it yet."""
    tracker = Tracker(tracker_id, code, carrier, mode, now, now, ahead=[])
    if code in TEST_CODES:
        tracker.seen = _earlier(standing(TEST_CODES[code]), now)
        return tracker
    tracker.ahead = journey(rng)
    if rng.random() < 0.7:
        tracker.seen = _earlier([tracker.ahead.pop(0)], now)
    return tracker


def _earlier(steps: Sequence[Step], now: datetime) -> list[tuple[Step, datetime]]:
    return [(step, now - timedelta(hours=7 * (len(steps) - at))) for at, step in enumerate(steps)]


def payload(tracker: Tracker) -> dict[str, Any]:
    public = b64encode(f"v1:{tracker.tracker_id}".encode()).decode()
    delivered = tracker.status == "delivered"
    return {
        "id": tracker.tracker_id,
        "object": "Tracker",
        "mode": tracker.mode,
        "tracking_code": tracker.tracking_code,
        "status": tracker.status,
        "status_detail": tracker.seen[-1][0].status_detail if tracker.seen else "unknown",
        "created_at": stamp(tracker.created),
        "updated_at": stamp(tracker.updated),
        "signed_by": "JOHN TESTER" if delivered else None,
        "weight": None,
        "est_delivery_date": stamp(tracker.created + timedelta(days=4)) if tracker.seen else None,
        "shipment_id": None,
        "carrier": tracker.carrier,
        "tracking_details": [_detail(tracker.carrier, step, at) for step, at in tracker.seen],
        "fees": [],
        "carrier_detail": _carrier_detail(tracker),
        "finalized": not tracker.ahead,
        "is_return": False,
        "public_url": f"https://track.easypost.com/{public}",
    }


def _detail(carrier: str, step: Step, at: datetime) -> dict[str, Any]:
    return {
        "object": "TrackingDetail",
        "message": step.message,
        "description": "",
        "status": step.status,
        "status_detail": step.status_detail,
        "datetime": stamp(at),
        "source": carrier,
        "carrier_code": "",
        "tracking_location": _location(step.place),
    }


def _carrier_detail(tracker: Tracker) -> dict[str, Any] | None:
    places = [step.place for step, _ in tracker.seen if step.place is not None]
    if not places:
        return None
    city, state, code = places[0]
    return {
        "object": "CarrierDetail",
        "service": "Ground",
        "container_type": None,
        "est_delivery_date_local": None,
        "est_delivery_time_local": None,
        "origin_location": f"{city} {state}, {code}",
        "origin_tracking_location": _location(places[0]),
        "destination_location": None,
        "destination_tracking_location": None,
        "guaranteed_delivery_date": None,
        "alternate_identifier": None,
        "initial_delivery_attempt": None,
    }


def _location(place: Place | None) -> dict[str, Any]:
    city, state, code = place or (None, None, None)
    country = "US" if place else None
    return {"object": "TrackingLocation", "city": city, "state": state, "country": country, "zip": code}


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
