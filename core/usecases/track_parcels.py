"""Have a carrier follow parcels."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.store import fulfillments, outbox, schedule
from core.store.database import Connection
from core.store.outbox import Wish

UNDER_WAY = timedelta(days=60)  # a parcel that left longer ago has arrived, or nobody will say


def tracker_wish(connection_id: int, parcel_id: int) -> Wish:
    key = f"tracker:{connection_id}:{parcel_id}"
    return Wish(connection_id, "tracker", f"parcel:{parcel_id}", parcel_id, key, {})


async def track_parcels(tx: Connection, merchant_id: int, connection_id: int, now: datetime) -> None:
    """Ask a carrier that was just linked for the parcels under way that nobody follows."""
    parcels = await fulfillments.unfollowed(tx, merchant_id, now - UNDER_WAY)
    await outbox.add(tx, merchant_id, [tracker_wish(connection_id, one) for one in parcels], now)
    await schedule.ring(tx, "effect", [(merchant_id, connection_id)], now)
