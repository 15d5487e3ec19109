"""Executions of jobs with their outcome, and how far pulls have come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from core.store.database import Connection


async def start(tx: Connection, merchant_id: int, connection_id: int | None, kind: str, now: datetime) -> int:
    """A run began; merchant 0 stands for work over many merchants."""
    return int(
        await tx.fetchval(
            "INSERT INTO runs (merchant_id, connection_id, kind, started_at) VALUES ($1, $2, $3, $4) RETURNING run_id",
            merchant_id,
            connection_id,
            kind,
            now,
        )
    )


async def finish(
    tx: Connection,
    merchant_id: int,
    run_id: int,
    now: datetime,
    *,
    outcome: str,
    detail: Mapping[str, Any],
    error: str = "",
) -> None:
    """A run ended: *outcome* is "ok" or "failed"."""
    await tx.execute(
        "UPDATE runs SET finished_at = $3, outcome = $4, detail = $5, error = $6 WHERE merchant_id = $1 AND run_id = $2",
        merchant_id,
        run_id,
        now,
        outcome,
        dict(detail),
        error[:2000],
    )


async def newest(tx: Connection, limit: int) -> list[dict[str, Any]]:
    rows = await tx.fetch(
        """SELECT run_id, connection_id, kind, started_at, finished_at, outcome, detail, error FROM runs
           ORDER BY started_at DESC LIMIT $1""",
        limit,
    )
    return [dict(row) for row in rows]


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
