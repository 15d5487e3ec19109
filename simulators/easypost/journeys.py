"""The ways parcels take, step by step, from a seed; and where the test codes' parcels stand for ever.

https://docs.easypost.com/docs/trackers
"""

from __future__ import annotations

import random
from dataclasses import dataclass

Place = tuple[str, str, str]  # city, state, zip


@dataclass(frozen=True, slots=True)
class Step:
    """One scan: EasyPost's *status* and *status_detail*, the carrier's *message*, and where, if it says."""

    status: str
    status_detail: str
    message: str
    place: Place | None = None


_HUBS: tuple[Place, ...] = (
    ("HOUSTON", "TX", "77063"),
    ("MEMPHIS", "TN", "38118"),
    ("LOUISVILLE", "KY", "40213"),
    ("KENLY", "NC", "27542"),
    ("EDISON", "NJ", "08817"),
    ("CHARLESTON", "SC", "29401"),
    ("CHICAGO", "IL", "60638"),
    ("ONTARIO", "CA", "91761"),
)
_ANNOUNCED = Step("pre_transit", "label_created", "Shipping Label Created")
_UNKNOWN = Step("unknown", "unknown", "Status Not Available")
_DELIVERED = ("delivered", "arrived_at_destination", "Delivered, Front Door/Porch")
_ENDINGS = ("straight", "pickup", "second attempt", "return")
_WEIGHTS = (65, 12, 13, 10)


def journey(rng: random.Random) -> list[Step]:
    """From the announcement to the end: delivered, or back at the sender."""
    route = rng.sample(_HUBS, rng.randint(3, 5))
    ending = rng.choices(_ENDINGS, _WEIGHTS)[0]
    return [_ANNOUNCED, *_transit(route), *_ending(ending, route)]


def standing(status: str) -> list[Step]:
    """What a test code's parcel went through until it came to stand at *status*."""
    route = list(_HUBS[:3])
    if status == "unknown":
        return [_UNKNOWN]
    ending = {"return_to_sender": "return", "failure": "second attempt"}.get(status, "straight")
    whole = [_ANNOUNCED, *_transit(route), *_ending(ending, route)]
    last = next(at for at, step in enumerate(whole) if step.status == status)
    return whole[: last + 1]


def _transit(route: list[Place]) -> list[Step]:
    picked_up = Step("in_transit", "received_at_origin_facility", "Accepted at Origin Facility", route[0])
    steps = [picked_up]
    for place in route[1:]:
        steps.append(Step("in_transit", "arrived_at_facility", "Arrived at Facility", place))
        steps.append(Step("in_transit", "departed_facility", "Departed Facility", place))
    return steps


def _ending(kind: str, route: list[Place]) -> list[Step]:
    home = route[-1]
    out = Step("out_for_delivery", "out_for_delivery", "Out for Delivery", home)
    failed = Step("failure", "delivery_exception", "Delivery Attempted - No Access", home)
    delivered = Step(*_DELIVERED, home)
    if kind == "pickup":
        waits = Step("available_for_pickup", "arrived_at_pickup_location", "Available for Pickup", home)
        return [out, waits, delivered]
    if kind == "second attempt":
        return [out, failed, out, delivered]
    if kind == "return":
        return [out, failed, Step("return_to_sender", "return", "Returned to Sender", route[0])]
    return [out, delivered]
