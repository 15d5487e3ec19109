"""Sweeps over what a connection shows: how far each has come, and what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.store.database import Connection, Row

# Levels that a sweep compares: those that may be told.
COMPARED = "l.tracked AND NOT l.bundle AND ll.desired IS NOT NULL AND ll.variant_id IS NOT NULL"


async def begin(tx: Connection, merchant_id: int, connection_id: int, asked_by: str, now: datetime) -> int:
    """Begin a sweep, unless one is under way; the id of that which is, then."""
    found: int = await tx.fetchval(
        f"""INSERT INTO reconciles (merchant_id, connection_id, asked_by, started_at, total)
           SELECT $1, $2, $3, $4, count(*) FROM listing_levels ll
           JOIN listings l USING (merchant_id, connection_id, listing_id)
           WHERE ll.merchant_id = $1 AND ll.connection_id = $2 AND {COMPARED}
           ON CONFLICT (merchant_id, connection_id) WHERE finished_at IS NULL
             DO UPDATE SET cursor = reconciles.cursor RETURNING reconcile_id""",
        merchant_id,
        connection_id,
        asked_by,
        now,
    )
    return found


async def running(tx: Connection, merchant_id: int, connection_id: int) -> Row | None:
    """The sweep that is under way: reconcile_id, started_at, cursor, done, total, found."""
    return await tx.fetchrow(
        """SELECT reconcile_id, started_at, cursor, done, total, found FROM reconciles
           WHERE merchant_id = $1 AND connection_id = $2 AND finished_at IS NULL""",
        merchant_id,
        connection_id,
    )


async def advance(
    tx: Connection,
    merchant_id: int,
    reconcile_id: int,
    cursor: str | None,
    done: int,
    found: Mapping[str, int],
) -> None:
    """A page was compared: the next one begins at *cursor*; *done* levels more, with *found* of each kind."""
    await tx.execute(
        """UPDATE reconciles r SET cursor = $3, done = r.done + $4, found = r.found || coalesce((
             SELECT jsonb_object_agg(kind, coalesce((r.found ->> kind)::int, 0) + more)
             FROM unnest($5::text[], $6::int[]) AS f (kind, more)), '{}')
           WHERE merchant_id = $1 AND reconcile_id = $2""",
        merchant_id,
        reconcile_id,
        cursor,
        done,
        list(found),
        list(found.values()),
    )


async def restart(tx: Connection, merchant_id: int, connection_id: int) -> None:
    """Read the sweep that is under way from its first page again: its cursor leads nowhere any more."""
    await tx.execute(
        """UPDATE reconciles SET cursor = NULL, done = 0, found = '{}'
           WHERE merchant_id = $1 AND connection_id = $2 AND finished_at IS NULL""",
        merchant_id,
        connection_id,
    )


async def finish(tx: Connection, merchant_id: int, reconcile_id: int, now: datetime) -> None:
    await tx.execute(
        "UPDATE reconciles SET finished_at = $3, cursor = NULL WHERE merchant_id = $1 AND reconcile_id = $2",
        merchant_id,
        reconcile_id,
        now,
    )


async def last_started(tx: Connection, merchant_id: int, connection_id: int) -> datetime | None:
    """When the last sweep began, under way or not."""
    found: datetime | None = await tx.fetchval(
        "SELECT max(started_at) FROM reconciles WHERE merchant_id = $1 AND connection_id = $2",
        merchant_id,
        connection_id,
    )
    return found


async def of_ids(tx: Connection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Sweeps by their ids, with what became of the differences each found, and the middle and slow times to heal."""
    rows = await tx.fetch(
        """SELECT r.reconcile_id, c.name AS connection, r.asked_by, r.started_at, r.finished_at, r.done, r.total, r.found,
             count(d.drift_id) FILTER (WHERE d.status IN ('watching', 'told')) AS open,
             count(d.drift_id) FILTER (WHERE d.status = 'asked') AS asked,
             count(d.drift_id) FILTER (WHERE d.status = 'closed') AS healed,
             coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY d.closed_at - d.found_at), '0')::interval AS heal_p50,
             coalesce(percentile_disc(0.95) WITHIN GROUP (ORDER BY d.closed_at - d.found_at), '0')::interval AS heal_p95
           FROM reconciles r JOIN connections c USING (merchant_id, connection_id)
           LEFT JOIN drifts d ON d.merchant_id = r.merchant_id AND d.connection_id = r.connection_id
             AND d.reconcile_id = r.reconcile_id
           WHERE r.reconcile_id = ANY ($1::bigint[]) GROUP BY r.merchant_id, r.reconcile_id, c.name ORDER BY c.name, 1""",
        list(ids),
    )
    return [
        {
            **{name: value for name, value in row.items() if not name.startswith("heal_")},
            "heal_p50_s": row["heal_p50"].total_seconds(),
            "heal_p95_s": row["heal_p95"].total_seconds(),
        }
        for row in rows
    ]


async def trim(tx: Connection, merchants: Sequence[int], before: datetime, limit: int) -> int:
    """Delete up to *limit* sweeps that ended *before*; returns how many were."""
    status = await tx.execute(
        """DELETE FROM reconciles WHERE (merchant_id, reconcile_id) IN (
             SELECT merchant_id, reconcile_id FROM reconciles
             WHERE merchant_id = ANY ($1::bigint[]) AND finished_at < $2 LIMIT $3)""",
        list(merchants),
        before,
        limit,
    )
    return int(status.rsplit(" ", 1)[-1])
