"""Executions of jobs with their outcome, and how far pulls have come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.store.database import Connection, Row, json_texts

# A run without an end is under way while its lease is held and none came after it; else its worker died.
_STATE = """CASE WHEN r.finished_at IS NOT NULL THEN r.outcome
    WHEN EXISTS (SELECT FROM schedule s WHERE s.merchant_id = r.merchant_id AND s.connection_id = r.connection_id
                   AND s.kind = r.kind AND s.lease_until > clock_timestamp())
     AND NOT EXISTS (SELECT FROM runs n WHERE n.merchant_id = r.merchant_id AND n.connection_id = r.connection_id
                       AND n.kind = r.kind AND n.run_id > r.run_id) THEN 'running'
    ELSE 'died' END"""

_RUN = f"""SELECT r.merchant_id, r.run_id, r.connection_id, c.name AS connection, r.kind, r.started_at, r.finished_at,
    {_STATE} AS outcome, r.detail, r.error
  FROM runs r LEFT JOIN connections c USING (merchant_id, connection_id)"""


async def start(
    tx: Connection, kind: str, connections: Iterable[tuple[int, int]], now: datetime
) -> dict[tuple[int, int], int]:
    """Runs of *kind* began, one for each (merchant, connection); returns their ids."""
    pairs = sorted(connections)
    rows = await tx.fetch(
        """INSERT INTO runs (merchant_id, connection_id, kind, started_at)
           SELECT m, c, $1, $4 FROM unnest($2::bigint[], $3::bigint[]) AS p (m, c)
           RETURNING merchant_id, connection_id, run_id""",
        kind,
        [merchant_id for merchant_id, _ in pairs],
        [connection_id for _, connection_id in pairs],
        now,
    )
    return {(row["merchant_id"], row["connection_id"]): row["run_id"] for row in rows}


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that ended: *outcome* is "ok", "failed", "put_off" (it waits, nothing is wrong) or "lost_lease".

    *started* is when its work began: what is claimed together is done one after the other.
    """

    merchant_id: int
    run_id: int
    started: datetime
    outcome: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


async def finish(tx: Connection, ended: Sequence[Ended], now: datetime) -> None:
    """Write how runs ended."""
    await tx.execute(
        """UPDATE runs r SET started_at = e.started, finished_at = $7, outcome = e.outcome, detail = e.detail::jsonb,
             error = e.error
           FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
             AS e (merchant_id, run_id, started, outcome, detail, error)
           WHERE r.merchant_id = e.merchant_id AND r.run_id = e.run_id""",
        [one.merchant_id for one in ended],
        [one.run_id for one in ended],
        [one.started for one in ended],
        [one.outcome for one in ended],
        json_texts([dict(one.detail) for one in ended]),
        [one.error[:2000] for one in ended],
        now,
    )


async def record(
    tx: Connection,
    merchant_id: int,
    kind: str,
    started: datetime,
    now: datetime,
    *,
    detail: Mapping[str, Any],
    error: str = "",
) -> int:
    """A run that is over when it is written, in the transaction of its work: it failed where there is an *error*.

    Merchant 0 stands for work over many merchants.
    """
    return int(
        await tx.fetchval(
            """INSERT INTO runs (merchant_id, kind, started_at, finished_at, outcome, detail, error)
               VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING run_id""",
            merchant_id,
            kind,
            started,
            now,
            "failed" if error else "ok",
            dict(detail),
            error[:2000],
        )
    )


async def newest(
    tx: Connection,
    merchants: Sequence[int],
    limit: int,
    *,
    connection_id: int | None = None,
    kind: str | None = None,
    bad: bool = False,
) -> list[dict[str, Any]]:
    """The last runs, those over many merchants (merchant 0) included; *bad* ones failed, died or lost their lease."""
    wanted = "($3::bigint IS NULL OR r.connection_id = $3) AND ($4::text IS NULL OR r.kind = $4)"
    if bad:
        wanted += f" AND r.outcome IS DISTINCT FROM 'ok' AND {_STATE} IN ('failed', 'died', 'lost_lease')"
    rows = await tx.fetch(
        f"""SELECT n.* FROM unnest($1::bigint[]) AS m (id)
           CROSS JOIN LATERAL ({_RUN} WHERE r.merchant_id = m.id AND {wanted} ORDER BY r.started_at DESC, r.run_id DESC
                               LIMIT $2) n
           ORDER BY n.started_at DESC, n.run_id DESC LIMIT $2""",
        [0, *merchants],
        limit,
        connection_id,
        kind,
    )
    return [dict(row) for row in rows]


async def one(tx: Connection, merchants: Sequence[int], run_id: int) -> dict[str, Any] | None:
    """The run of this id, or None where *merchants* have no such run."""
    row = await tx.fetchrow(
        f"{_RUN} WHERE r.merchant_id = ANY ($1::bigint[]) AND r.run_id = $2", [0, *merchants], run_id
    )
    return dict(row) if row else None


async def trim(tx: Connection, merchants: Sequence[int], before: datetime, limit: int) -> int:
    """Delete up to *limit* runs that began *before*; returns how many were."""
    status = await tx.execute(
        """DELETE FROM runs r USING (
             SELECT o.* FROM unnest($1::bigint[]) AS m (id)
             CROSS JOIN LATERAL (SELECT merchant_id, run_id FROM runs WHERE merchant_id = m.id AND started_at < $2
                                 ORDER BY started_at LIMIT $3) o LIMIT $3) old
           WHERE r.merchant_id = old.merchant_id AND r.run_id = old.run_id""",
        [0, *merchants],
        before,
        limit,
    )
    return int(status.rsplit(" ", 1)[-1])


async def checkpoint(
    tx: Connection, merchant_id: int, connection_id: int, resource: str
) -> tuple[datetime, int] | None:
    """(finished until, epoch) of a pull, or None when it never ran."""
    row = await tx.fetchrow(
        """SELECT finished_until, epoch FROM checkpoints
           WHERE merchant_id = $1 AND connection_id = $2 AND resource = $3""",
        merchant_id,
        connection_id,
        resource,
    )
    return (row["finished_until"], row["epoch"]) if row else None


async def under_way(tx: Connection, merchant_id: int, connection_id: int) -> Row | None:
    """The pull of orders that was put off half-way: *since*, *until*, *begun_at* and the *cursor* of its next page."""
    return await tx.fetchrow(
        """SELECT since, until, begun_at, cursor FROM pulls WHERE merchant_id = $1 AND connection_id = $2""",
        merchant_id,
        connection_id,
    )


async def keep_place(
    tx: Connection,
    merchant_id: int,
    connection_id: int,
    window: tuple[datetime, datetime],
    begun_at: datetime,
    cursor: str,
) -> None:
    """A pull of *window* goes on at *cursor*, whoever does it; in the transaction of the page before."""
    await tx.execute(
        """INSERT INTO pulls (merchant_id, connection_id, since, until, begun_at, cursor)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (merchant_id, connection_id) DO UPDATE
             SET since = excluded.since, until = excluded.until, begun_at = excluded.begun_at, cursor = excluded.cursor""",
        merchant_id,
        connection_id,
        *window,
        begun_at,
        cursor,
    )


async def forget_place(tx: Connection, merchant_id: int, connection_id: int) -> None:
    """The next pull begins at the checkpoint."""
    await tx.execute(
        "DELETE FROM pulls WHERE merchant_id = $1 AND connection_id = $2", merchant_id, connection_id
    )


async def advance(
    tx: Connection,
    merchant_id: int,
    connection_id: int,
    resource: str,
    seen_epoch: int,
    finished_until: datetime,
    now: datetime,
) -> bool:
    """Move a checkpoint forward in the transaction of its rows; false when another pull moved it meanwhile.

    A checkpoint never moves back.
    """
    status = await tx.execute(
        """INSERT INTO checkpoints AS c (merchant_id, connection_id, resource, finished_until, epoch)
           VALUES ($1, $2, $3, $4, 1)
           ON CONFLICT (merchant_id, connection_id, resource) DO UPDATE
             SET finished_until = greatest(c.finished_until, excluded.finished_until), epoch = c.epoch + 1
             WHERE c.epoch = $5""",
        merchant_id,
        connection_id,
        resource,
        finished_until,
        seen_epoch,
    )
    if status != "INSERT 0 1":
        return False
    await tx.execute(
        """INSERT INTO checkpoint_log SELECT merchant_id, connection_id, resource, epoch, finished_until, $4
           FROM checkpoints WHERE merchant_id = $1 AND connection_id = $2 AND resource = $3""",
        merchant_id,
        connection_id,
        resource,
        now,
    )
    return True
