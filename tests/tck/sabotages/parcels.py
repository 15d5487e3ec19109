"""Mistakes in what a carrier says, and in telling of parcels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import cycle
from typing import Any

from conformance.kit import Kit

from core.connector import Page, TrackingRead
from core.flow import Flow, Request, Response, encode
from core.model.tracking import Tracking, TrackingStatus
from sabotages.base import BOTH, Changes, altered, caught_by


def tracking_changed(kit: Kit, change: Callable[[Tracking], Mapping[str, Any]]) -> Changes:
    """Every tracking that is read gets the values of *change*."""

    def read(delivery: Any, overrides: Any) -> Any:
        found = kit.connector.read(delivery, overrides)
        if not isinstance(found, TrackingRead):
            return found
        return TrackingRead(tuple(one.model_copy(update=dict(change(one))) for one in found.trackings))

    return {"read": read}


@caught_by("track-delivered-stays", "easypost")
def believes_the_last_scan_it_heard(kit: Kit) -> Changes:
    return tracking_changed(kit, lambda one: {"status": TrackingStatus.IN_TRANSIT} if one.scans[1:] else {})


@caught_by("track-any-order", "easypost")
def keeps_scans_as_they_came(kit: Kit) -> Changes:
    def read(delivery: Any, overrides: Any) -> Any:
        found = kit.connector.read(delivery, overrides)
        if not isinstance(found, TrackingRead):
            return found
        (one,) = found.trackings
        came = sorted(one.scans, key=lambda scan: delivery.body.find(str(scan.scanned_at)[11:16].encode()))
        return TrackingRead((one.model_copy(update={"scans": tuple(came)}),))

    return {"read": read}


@caught_by("track-unknown-word", "easypost")
def takes_unknown_words_for_pending(kit: Kit) -> Changes:
    return tracking_changed(kit, lambda one: {"status": TrackingStatus.PENDING} if one.flags else {})


@caught_by("track-words", "easypost")
def takes_a_failed_try_for_a_delivery(kit: Kit) -> Changes:
    failed = TrackingStatus.DELIVERY_FAILED
    return tracking_changed(
        kit, lambda one: {"status": TrackingStatus.DELIVERED} if one.status is failed else {}
    )


@caught_by("follow-once", "easypost")
def asks_another_carrier_each_time(kit: Kit) -> Changes:
    follows: Any = kit.connector
    carriers = cycle(("UPS", "USPS", "FedEx"))

    def create_tracker(wanted: Any) -> Flow[Page]:
        return follows.create_tracker(wanted.model_copy(update={"carrier": next(carriers)}))  # type: ignore[no-any-return]

    return {"create_tracker": create_tracker}


@caught_by("ship-lost-answer", *BOTH)
def is_blind_to_what_is_there(kit: Kit) -> Changes:
    ships: Any = kit.connector

    def unseen(value: Any) -> Any:
        if isinstance(value, list):
            return [unseen(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {k: [] if k in ("fulfillments", "meta_data") else unseen(item) for k, item in value.items()}

    def blinded(request: Request, answer: Response) -> Response:
        there = [] if request.reads and request.path.endswith("/notes") else unseen(answer.json())
        return replace(answer, body=encode(there))

    return {"push_fulfillment": lambda push: altered(ships.push_fulfillment(push), answered=blinded)}


@caught_by("ship-lost-answer", "shopify")  # WooCommerce's orders remember each shipment by its key
def never_looks_first(kit: Kit) -> Changes:
    ships: Any = kit.connector
    return {
        "push_fulfillment": lambda push: ships.push_fulfillment(push.model_copy(update={"look_first": False}))
    }


@caught_by("way-once", "shopify")
def tells_the_way_again(kit: Kit) -> Changes:
    ships: Any = kit.connector
    return {"push_tracking": lambda push: ships.push_tracking(push.model_copy(update={"look_first": False}))}


@caught_by("way-unknown", "shopify")
def guesses_the_way(kit: Kit) -> Changes:
    ships: Any = kit.connector
    moving = {"status": TrackingStatus.IN_TRANSIT}
    return {"push_tracking": lambda push: ships.push_tracking(push.model_copy(update=moving))}


@caught_by("ship-repeated", *BOTH)
def never_says_it_was_there(kit: Kit) -> Changes:
    ships: Any = kit.connector

    def push_fulfillment(push: Any) -> Flow[Any]:
        done = yield from ships.push_fulfillment(push)
        return done.model_copy(update={"repeated": False})

    return {"push_fulfillment": push_fulfillment}


@caught_by("ship-partial", *BOTH)
def ships_everything_at_once(kit: Kit) -> Changes:
    ships: Any = kit.connector

    def push_fulfillment(push: Any) -> Flow[Any]:
        lines = tuple(line.model_copy(update={"quantity": 3}) for line in push.lines)
        return (
            yield from ships.push_fulfillment(push.model_copy(update={"lines": lines, "completes": True}))
        )

    return {"push_fulfillment": push_fulfillment}
