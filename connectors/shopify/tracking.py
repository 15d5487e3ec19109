"""Tells Shopify where a parcel is. Decides nothing about the order: a shop of one's own does that itself."""

from __future__ import annotations

from typing import Any

from connectors.shopify.asking import ask, gid, inside, next_cursor, nodes, timestamp
from connectors.shopify.refusals import refuse
from core.errors import ChannelError, ErrorCode
from core.flow import Flow
from core.model.fulfillment import TrackingPush
from core.model.tracking import TrackingStatus
from mappings.transforms import rfc3339

LOOK_COST, WRITE_COST = 15.0, 10.0  # points

# https://shopify.dev/docs/api/admin-graphql/2026-07/enums/FulfillmentEventStatus
WORDS = {
    TrackingStatus.PICKED_UP: "CARRIER_PICKED_UP",
    TrackingStatus.IN_TRANSIT: "IN_TRANSIT",
    TrackingStatus.OUT_FOR_DELIVERY: "OUT_FOR_DELIVERY",
    TrackingStatus.READY_FOR_PICKUP: "READY_FOR_PICKUP",
    TrackingStatus.DELIVERED: "DELIVERED",
    TrackingStatus.DELIVERY_FAILED: "ATTEMPTED_DELIVERY",
    TrackingStatus.DELIVERY_DELAYED: "DELAYED",
    TrackingStatus.RETURN_TO_SENDER: "FAILURE",
}


def push_tracking(push: TrackingPush) -> Flow[None]:
    """Add the event to each fulfillment of *push*; nothing for a status that Shopify has no word for.

    https://shopify.dev/docs/api/admin-graphql/2026-07/mutations/fulfillmentEventCreate
    """
    word, happened_at = WORDS.get(push.status), timestamp(push.happened_at)
    if word is None:
        return
    # Of several fulfillments the first may have been told before an attempt was refused, without a doubt about it.
    looks = push.look_first or len(push.channel_fulfillment_ids) > 1
    for fulfillment_id in push.channel_fulfillment_ids:
        fulfillment = gid("Fulfillment", fulfillment_id)
        if looks and (yield from _is_there(fulfillment, word, happened_at)):
            continue
        event = {"fulfillmentId": fulfillment, "status": word, "happenedAt": happened_at}
        data: dict[str, Any] = yield from ask("add_event", {"event": event}, cost=WRITE_COST, reads=False)
        refuse(inside(data, "fulfillmentEventCreate"))


def _is_there(fulfillment: str, word: str, happened_at: str) -> Flow[bool]:
    cursor: str | None = None
    while True:
        variables = {"id": fulfillment, "after": cursor}
        data: dict[str, Any] = yield from ask("events", variables, cost=LOOK_COST)
        if data.get("node") is None and "node" in data:
            raise ChannelError(ErrorCode.NOT_FOUND, f"The shop has no {fulfillment} any more.")
        listed = inside(data, "node", "events")
        if any((node.get("status"), _second(node)) == (word, happened_at) for node in nodes(listed)):
            return True
        cursor = next_cursor(listed, cursor)
        if cursor is None:
            return False


def _second(event: dict[str, Any]) -> str | None:
    try:
        return timestamp(rfc3339(event.get("happenedAt")))
    except ValueError:
        return None
