"""Certificates of windows of time, and what is here of a window."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.rules.certificates import Compared, Held, Standing
from core.store.database import Connection
from core.store.schedule import Lease

LATE = timedelta(minutes=1)  # a delivery that waits longer: the hub is behind, and nothing is missing yet


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window that is not certified; *asked*: channel order id -> why it was looked at."""

    since: datetime
    until: datetime
    asked: Mapping[str, str]
    looks: int
    next_at: datetime


async def span(tx: Connection, lease: Lease) -> tuple[datetime, datetime | None]:
    """(when the connection was linked, where its last window ends or None)."""
    (row,) = await tx.fetch(
        """SELECT created_at, (SELECT max(until) FROM certificates w
             WHERE w.merchant_id = c.merchant_id AND w.connection_id = c.connection_id) AS until
           FROM connections c WHERE merchant_id = $1 AND connection_id = $2""",
        lease.merchant_id,
        lease.connection_id,
    )
    return row["created_at"], row["until"]


async def open_windows(tx: Connection, lease: Lease) -> list[OpenWindow]:
    """Those not certified, the oldest first."""
    rows = await tx.fetch(
        """SELECT since, until, asked, looks, next_at FROM certificates
           WHERE merchant_id = $1 AND connection_id = $2 AND status <> 'certified' ORDER BY since""",
        lease.merchant_id,
        lease.connection_id,
    )
    return [OpenWindow(**dict(row)) for row in rows]


async def here(
    tx: Connection, lease: Lease, window: tuple[datetime, datetime], listed: Collection[str]
) -> dict[str, Held]:
    """Orders as they are here: those *listed*, and those whose version is of the window."""
    rows = await tx.fetch(
        """SELECT channel_order_id, changed_at, gone_at IS NOT NULL AS gone FROM orders
           WHERE merchant_id = $1 AND connection_id = $2 AND channel_order_id = ANY ($3::text[])
           UNION SELECT channel_order_id, changed_at, gone_at IS NOT NULL FROM orders
           WHERE merchant_id = $1 AND connection_id = $2 AND changed_at >= $4 AND changed_at < $5""",
        lease.merchant_id,
        lease.connection_id,
        list(listed),
        *window,
    )
    return {row["channel_order_id"]: Held(row["changed_at"], row["gone"]) for row in rows}


async def behind(tx: Connection, lease: Lease, now: datetime) -> bool:
    """Whether a delivery of the connection waits to be understood longer than it should."""
    return bool(
        await tx.fetchval(
            """SELECT EXISTS (SELECT FROM todo t JOIN deliveries d USING (merchant_id, delivery_id)
                 WHERE t.merchant_id = $1 AND t.connection_id = $2 AND d.received_at < $3)""",
            lease.merchant_id,
            lease.connection_id,
            now - LATE,
        )
    )


async def waiting(tx: Connection, lease: Lease, asked: Collection[str]) -> bool:
    """Whether one of *asked* is still to be looked at, or what was seen is not applied yet."""
    return bool(
        await tx.fetchval(
            """SELECT EXISTS (SELECT FROM fetches WHERE merchant_id = $1 AND connection_id = $2
                   AND channel_order_id = ANY ($3::text[]))
                 OR EXISTS (SELECT FROM todo t JOIN deliveries d USING (merchant_id, delivery_id)
                   WHERE t.merchant_id = $1 AND t.connection_id = $2 AND d.via = 'fetch')""",
            lease.merchant_id,
            lease.connection_id,
            list(asked),
        )
    )


async def put(
    tx: Connection,
    lease: Lease,
    window: tuple[datetime, datetime],
    standing: Standing,
    compared: Compared,
    *,
    listed: int,
    healed: int,
    asked: Mapping[str, str],
    digest: bytes,
    read_at: datetime,
    next_at: datetime,
) -> None:
    """Write what a look at a window found. A window that is certified stays as it is."""
    await tx.execute(
        """INSERT INTO certificates AS w (merchant_id, connection_id, since, until, status, listed, missing, behind,
             unlisted, gone, healed, asked, digest, first_read_at, read_at, next_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15)
           ON CONFLICT (merchant_id, connection_id, since) DO UPDATE SET status = $5, listed = $6, missing = $7,
             behind = $8, unlisted = $9, gone = $10, healed = $11, asked = $12, digest = $13, read_at = $14, next_at = $15,
             looks = w.looks + 1
           WHERE w.status <> 'certified'""",
        lease.merchant_id,
        lease.connection_id,
        *window,
        str(standing),
        listed,
        len(compared.missing),
        len(compared.behind),
        len(compared.unlisted),
        len(compared.gone),
        healed,
        dict(asked),
        digest,
        read_at,
        next_at,
    )


async def newest(
    tx: Connection, merchants: Sequence[int], connection_id: int | None, limit: int
) -> list[dict[str, Any]]:
    """Windows, those that are open first, then the newest."""
    rows = await tx.fetch(
        """SELECT c.name AS connection, w.since, w.until, w.status, w.listed, w.missing, w.behind, w.unlisted, w.gone,
             w.healed, w.looks, w.first_read_at, w.read_at, w.next_at, encode(w.digest, 'hex') AS digest,
             (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(w.asked)
              WHERE w.status <> 'certified') AS asked
           FROM certificates w JOIN connections c USING (merchant_id, connection_id)
           WHERE w.merchant_id = ANY ($1::bigint[]) AND ($2::bigint IS NULL OR w.connection_id = $2)
           ORDER BY w.status = 'certified', w.since DESC, c.name LIMIT $3""",
        list(merchants),
        connection_id,
        limit,
    )
    return [dict(row) for row in rows]


async def summary(
    tx: Connection, merchants: Sequence[int], connection_id: int | None = None
) -> list[dict[str, Any]]:
    """For each connection: how many windows there are, are open (a *gap* or *healing*), and were healed; and until when
    all are certified without one left out.
    """
    rows = await tx.fetch(
        """SELECT c.connection_id, c.name AS connection, count(*) AS windows, min(w.since) AS since,
             coalesce(min(w.since) FILTER (WHERE w.status <> 'certified'), max(w.until)) AS certified_until,
             count(*) FILTER (WHERE w.status = 'healing') AS healing, count(*) FILTER (WHERE w.status = 'gap') AS gaps,
             sum(w.listed) AS listed, sum(w.healed) AS healed
           FROM certificates w JOIN connections c USING (merchant_id, connection_id)
           WHERE w.merchant_id = ANY ($1::bigint[]) AND ($2::bigint IS NULL OR w.connection_id = $2)
           GROUP BY c.merchant_id, c.connection_id, c.name ORDER BY c.name""",
        list(merchants),
        connection_id,
    )
    return [dict(row) for row in rows]
