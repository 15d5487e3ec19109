"""Path tokens that are lent for the time of one call of our own, so that a command can speak to our own edge.

The run is written with the token, before the call: a token whose run never ended was left behind, and is known by it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.store.connections import token_hash
from core.store.database import Connection


async def lend(tx: Connection, merchant_id: int, connection_id: int, token: str, now: datetime) -> int:
    """Let *token* lead to the connection, too; returns the run that `take_back` ends."""
    await tx.execute("INSERT INTO hooks VALUES ($1, $2, $3)", merchant_id, connection_id, token_hash(token))
    run_id: int = await tx.fetchval(
        """INSERT INTO runs (merchant_id, connection_id, kind, started_at, detail)
           VALUES ($1, $2, 'trigger', $3, jsonb_build_object('token_hash', encode($4::bytea, 'hex'))) RETURNING run_id""",
        merchant_id,
        connection_id,
        now,
        token_hash(token),
    )
    return run_id


async def take_back(tx: Connection, merchant_id: int, run_id: int, now: datetime) -> None:
    """Delete the token of a run and end the run."""
    await tx.execute(
        """DELETE FROM hooks h USING runs r WHERE r.merchant_id = $1 AND r.run_id = $2
             AND h.merchant_id = $1 AND h.token_hash = decode(r.detail ->> 'token_hash', 'hex')""",
        merchant_id,
        run_id,
    )
    await tx.execute(
        "UPDATE runs SET finished_at = $3, outcome = 'ok', detail = '{}' WHERE merchant_id = $1 AND run_id = $2",
        merchant_id,
        run_id,
        now,
    )


async def left_behind(tx: Connection, before: datetime) -> list[dict[str, Any]]:
    """Lent tokens whose run began *before* and never ended: merchant_id, run_id, connection, started_at."""
    rows = await tx.fetch(
        """SELECT r.merchant_id, r.run_id, c.name AS connection, r.started_at
           FROM runs r JOIN hooks h ON h.merchant_id = r.merchant_id
             AND h.token_hash = decode(r.detail ->> 'token_hash', 'hex')
           JOIN connections c ON c.merchant_id = r.merchant_id AND c.connection_id = r.connection_id
           WHERE r.kind = 'trigger' AND r.outcome IS NULL AND r.started_at < $1 ORDER BY r.run_id""",
        before,
    )
    return [dict(row) for row in rows]
