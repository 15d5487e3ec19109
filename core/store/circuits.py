"""The circuits of connections: only one whose last call failed has a row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.rules import circuit as rules
from core.rules.circuit import Circuit
from core.store.database import Connection


async def find(tx: Connection, connections: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Circuit]:
    """Those of (merchant, connection) pairs that have a circuit, with it."""
    rows = await tx.fetch(
        """SELECT merchant_id, connection_id, failures, failing_since, open_until, probing_until, last_error
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, connection_id)
           JOIN circuits c USING (merchant_id, connection_id) WHERE c.merchant_id = ANY ($1::bigint[])""",
        [merchant_id for merchant_id, _ in connections],
        [connection_id for _, connection_id in connections],
    )
    return {(row[0], row[1]): Circuit(*row[2:]) for row in rows}


async def count_failure(
    tx: Connection, merchant_id: int, connection_id: int, now: datetime, error: str
) -> Circuit:
    """A call failed; returns the circuit after it."""
    [row] = await tx.fetch(
        """INSERT INTO circuits AS c (merchant_id, connection_id, failures, failing_since, open_until, probing_until)
           VALUES ($1, $2, 0, $3, $3, $3)
           ON CONFLICT (merchant_id, connection_id) DO UPDATE SET failures = c.failures
           RETURNING failures, failing_since, open_until, probing_until, last_error""",
        merchant_id,
        connection_id,
        now,
    )
    after = rules.failed(Circuit(**dict(row)), now, error[:300])
    await tx.execute(
        """UPDATE circuits SET failures = $3, open_until = $4, probing_until = $5, last_error = $6
           WHERE merchant_id = $1 AND connection_id = $2""",
        merchant_id,
        connection_id,
        after.failures,
        after.open_until,
        after.probing_until,
        after.last_error,
    )
    return after


async def begin_probe(
    tx: Connection, merchant_id: int, connection_id: int, seen: Circuit, now: datetime
) -> Circuit | None:
    """Try alone whether the connection works: the circuit after it, None when another worker was faster.

    *seen* is the circuit that was judged; when its row has changed since, somebody else acts on it.
    """
    after = rules.probing(seen, now)
    status = await tx.execute(
        """UPDATE circuits SET probing_until = $6 WHERE merchant_id = $1 AND connection_id = $2
           AND failures = $3 AND open_until = $4 AND probing_until = $5""",
        merchant_id,
        connection_id,
        seen.failures,
        seen.open_until,
        seen.probing_until,
        after.probing_until,
    )
    return after if status == "UPDATE 1" else None


async def close(tx: Connection, merchant_id: int, connection_id: int) -> None:
    """A call was answered."""
    await tx.execute(
        "DELETE FROM circuits WHERE merchant_id = $1 AND connection_id = $2", merchant_id, connection_id
    )
