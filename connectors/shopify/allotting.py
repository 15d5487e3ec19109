"""Which of Shopify's open work a parcel fulfills: what of it is ours already, and what is to be taken where.

Reads nodes of `queries/shippable.graphql`; sends nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.shopify.asking import inside, nodes, number
from core.errors import ChannelError, ErrorCode
from core.rules.shipping import tidy_tracking_number

Units = Counter[str]  # of order lines, by the line's number

VOID = ("CANCELLED", "ERROR", "FAILURE")  # fulfillments that shipped nothing
BEGUN = ("OPEN", "IN_PROGRESS")


@dataclass(frozen=True, slots=True)
class Open:
    """Units of one order line that one fulfillment order still waits for. *refusal* says why they cannot be had."""

    fulfillment_order: str
    item: str
    line_id: str
    quantity: int
    place: str
    refusal: str | None


def ours(
    fulfillments: Iterable[dict[str, Any]], shipped: Units, numbers: Sequence[str], *, untracked: bool
) -> tuple[tuple[str, ...], Units]:
    """The fulfillments that are this shipment or a part of it, and the units that none of them has.

    One is ours that has a tracking number of ours and no more than our units. Where we have no number to tell it by,
    *untracked* lets those count that have none either.
    """
    known = {tidy_tracking_number(one) for one in numbers}
    there = [(number(one.get("id")), _units(one)) for one in fulfillments if _bears(one, known, untracked)]
    missing, ids = Counter(shipped), []
    for fulfillment_id, units in sorted(there, key=lambda one: -one[1].total()):
        if units and units <= missing:
            missing -= units
            ids.append(fulfillment_id)
    return tuple(ids), missing


def _bears(fulfillment: dict[str, Any], known: set[str], untracked: bool) -> bool:
    if fulfillment.get("status") in VOID:
        return False
    told = fulfillment.get("trackingInfo")
    found = {
        tidy_tracking_number(info["number"])
        for info in (told if isinstance(told, list) else ())
        if isinstance(info, dict) and isinstance(info.get("number"), str)
    }
    return bool(found & known) if known else untracked and not found


def _units(fulfillment: dict[str, Any]) -> Units:
    units: Units = Counter()
    for node in nodes(inside(fulfillment, "fulfillmentLineItems")):
        units[number(inside(node, "lineItem").get("id"))] += _count(node.get("quantity"))
    return units


def opened(work: Iterable[dict[str, Any]]) -> list[Open]:
    """What fulfillment orders still wait for, in their order."""
    found = []
    for one in work:
        located = inside(one, "assignedLocation")
        location = located.get("location")
        place = location.get("id") if isinstance(location, dict) else located.get("name")
        refusal = _refusal(one, located)
        for node in nodes(inside(one, "lineItems")):
            if quantity := _count(node.get("remainingQuantity")):
                line_id = number(inside(node, "lineItem").get("id"))
                gids = str(one.get("id")), str(node.get("id"))
                found.append(Open(*gids, line_id, quantity, str(place), refusal))
    return found


def _refusal(work: dict[str, Any], located: dict[str, Any]) -> str | None:
    status, where = work.get("status"), str(located.get("name"))[:60]
    actions = work.get("supportedActions")
    named = [a.get("action") for a in (actions if isinstance(actions, list) else ()) if isinstance(a, dict)]
    if status in BEGUN and "CREATE_FULFILLMENT" in named:
        return None
    if status == "ON_HOLD":
        holds = work.get("fulfillmentHolds")
        told = [
            h.get("displayReason") for h in (holds if isinstance(holds, list) else ()) if isinstance(h, dict)
        ]
        reasons = ", ".join(str(reason)[:60] for reason in told if reason)
        return f"on hold at {where}{f' ({reasons})' if reasons else ''}: release the hold in Shopify"
    if status == "SCHEDULED":
        day = str(work["fulfillAt"])[:10] if work.get("fulfillAt") else "a later day"
        return f"scheduled for {day} at {where}: mark the items as ready in Shopify"
    if status in BEGUN:
        return f"left to {where}, which tells Shopify by itself"
    return f"{str(status).lower()[:30]} at {where}"


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ChannelError(ErrorCode.UNEXPECTED, "Shopify does not say how many units there are")
    return value


def allot(wanted: Units, open_units: Sequence[Open]) -> list[list[Open]]:
    """Where *wanted* is taken from: a list for each location, the one that can give most first, with what it gives.

    Raises `ChannelError` REJECTED with the numbers when there is less than wanted, before anything is taken.
    """
    free = [one for one in open_units if one.refusal is None]
    for line_id, quantity in wanted.items():
        left = sum(one.quantity for one in free if one.line_id == line_id)
        if left < quantity:
            raise ChannelError(ErrorCode.REJECTED, _too_few(line_id, quantity, left, open_units))
    places: dict[str, list[Open]] = {}
    for one in free:
        places.setdefault(one.place, []).append(one)
    missing = Counter(wanted)
    groups = []
    while missing:
        place = max(places, key=lambda name: _taken(missing, places[name])[1].total())
        group, taken = _taken(missing, places.pop(place))
        missing -= taken
        groups.append(group)
    return groups


def _taken(missing: Units, there: Iterable[Open]) -> tuple[list[Open], Units]:
    """What one location can give of *missing*."""
    left = Counter(missing)
    group = []
    for one in there:
        if quantity := min(one.quantity, left[one.line_id]):
            left[one.line_id] -= quantity
            group.append(Open(one.fulfillment_order, one.item, one.line_id, quantity, one.place, None))
    return group, missing - left


def _too_few(line_id: str, quantity: int, left: int, open_units: Sequence[Open]) -> str:
    said = f"Line {line_id}: {quantity} shipped, but Shopify has {left} left to fulfill"
    kept = [one for one in open_units if one.line_id == line_id and one.refusal]
    if kept:
        return f"{said}, and {'; '.join(f'{one.quantity} {one.refusal}' for one in kept)}."
    if not open_units:
        return f"{said}. If the order is open in Shopify, the app may not see it: see the scopes for fulfillment orders."
    return f"{said}."
