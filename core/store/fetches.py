"""Orders that have to be looked at again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.store.database import Connection
from core.store.schedule import Lease


@dataclass(frozen=True, slots=True)
class Wanted:
    channel_order_id: str
    wanted_at: datetime
    attempts: int


async def due(
    tx: Connection, merchant_id: int, connection_id: int, now: datetime, limit: int
) -> list[Wanted]:
    rows = await tx.fetch(
        """SELECT channel_order_id, wanted_at, attempts FROM fetches
           WHERE merchant_id = $1 AND connection_id = $2 AND next_at <= $3 ORDER BY wanted_at LIMIT $4""",
        merchant_id,
        connection_id,
        now,
        limit,
    )
    return [Wanted(**dict(row)) for row in rows]


async def served(tx: Connection, lease: Lease, want: Wanted) -> None:
    """It was looked at; a wish made meanwhile stays."""
    await tx.execute(
        """DELETE FROM fetches WHERE merchant_id = $1 AND connection_id = $2 AND channel_order_id = $3
           AND wanted_at = $4""",
        lease.merchant_id,
        lease.connection_id,
        want.channel_order_id,
        want.wanted_at,
    )


async def put_off(tx: Connection, lease: Lease, want: Wanted, next_at: datetime, error: str) -> None:
    await tx.execute(
        """UPDATE fetches SET attempts = attempts + 1, next_at = $4, last_error = $5
           WHERE merchant_id = $1 AND connection_id = $2 AND channel_order_id = $3""",
        lease.merchant_id,
        lease.connection_id,
        want.channel_order_id,
        next_at,
        error[:300],
    )


async def next_due(tx: Connection, merchant_id: int, connection_id: int) -> datetime | None:
    found: datetime | None = await tx.fetchval(
        "SELECT min(next_at) FROM fetches WHERE merchant_id = $1 AND connection_id = $2",
        merchant_id,
        connection_id,
    )
    return found
