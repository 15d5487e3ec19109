"""How much there is of what waits, over all merchants, as numbers without names. Reads only.

All of it is asked every few seconds: each statement reads a queue, or goes by an index over what is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.store.connections import merchant_ids
from core.store.database import Connection, declare

Counts = dict[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One look. Ages are in seconds, 0 where nothing waits. Keys are the labels: of *due* and *due_age_s* (kind,), of
    *connections* (channel, status), of *circuits* (channel,), of *incidents* (kind,), of *drifts* (status,).
    """

    deliveries: int
    delivery_age_s: float
    parked: int
    effects_rejected: int
    levels_refused: int
    due: Counts
    due_age_s: Counts
    connections: Counts
    circuits: Counts
    incidents: Counts
    drifts: Counts


async def waiting(tx: Connection, now: datetime) -> Waiting:
    """Look once; a transaction of a role that may see all merchants' queues."""
    merchants = await merchant_ids(tx)
    await declare(tx, merchants)
    row = await tx.fetchrow(
        """SELECT (SELECT count(*) FROM todo) AS deliveries,
             -- The oldest of each merchant by its number: no index leads from the time to what is left to do.
             (SELECT min(d.received_at) FROM unnest($1::bigint[]) AS m (id)
              CROSS JOIN LATERAL (SELECT merchant_id, delivery_id FROM todo WHERE merchant_id = m.id
                ORDER BY delivery_id LIMIT 1) t
              JOIN deliveries d USING (merchant_id, delivery_id)) AS oldest,
             (SELECT count(*) FROM parked WHERE resolved_at IS NULL) AS parked,
             (SELECT count(*) FROM outbox WHERE status = 'rejected') AS effects_rejected,
             (SELECT count(*) FROM listing_levels WHERE parked_at IS NOT NULL AND pending) AS levels_refused""",
        merchants,
    )
    assert row is not None  # noqa: S101 - a row of counts always comes
    due = await tx.fetch(
        """SELECT s.kind, count(*) AS count, min(s.due_at) AS since FROM schedule s
           JOIN connections c USING (merchant_id, connection_id)
           WHERE s.due_at <= $1 AND s.lease_until < clock_timestamp() AND c.status = 'active' GROUP BY 1
           UNION ALL SELECT 'relevel', count(*), min(since) FROM dirty HAVING count(*) > 0""",
        now,
    )
    return Waiting(
        deliveries=row["deliveries"],
        delivery_age_s=_age(row["oldest"], now),
        parked=row["parked"],
        effects_rejected=row["effects_rejected"],
        levels_refused=row["levels_refused"],
        due={(one["kind"],): one["count"] for one in due},
        due_age_s={(one["kind"],): _age(one["since"], now) for one in due},
        connections=await _counts(tx, "SELECT channel, status, count(*) FROM connections GROUP BY 1, 2"),
        circuits=await _counts(
            tx,
            """SELECT c.channel, count(*) FROM circuits x JOIN connections c USING (merchant_id, connection_id)
               WHERE x.open_until > $1 GROUP BY 1""",
            now,
        ),
        incidents=await _counts(
            tx, "SELECT kind, count(*) FROM stock_incidents WHERE closed_at IS NULL GROUP BY 1"
        ),
        drifts=await _counts(tx, "SELECT status, count(*) FROM drifts WHERE closed_at IS NULL GROUP BY 1"),
    )


async def _counts(tx: Connection, sql: str, *arguments: object) -> Counts:
    """Rows of labels with a number at the end."""
    return {tuple(row)[:-1]: row[-1] for row in await tx.fetch(sql, *arguments)}


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
