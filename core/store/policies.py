"""What a merchant wants to become of orders whose units no shelf has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.store.database import Connection


@dataclass(frozen=True, slots=True)
class Policies:
    """Policies by (merchant, connection); connection 0 speaks for those that have none of their own."""

    rows: dict[tuple[int, int], str]

    def of(self, merchant_id: int, connection_id: int) -> str:
        """The policy that applies; "ask" where nobody has said anything."""
        return self.rows.get((merchant_id, connection_id)) or self.rows.get((merchant_id, 0), "ask")


async def read_policies(tx: Connection, merchants: Sequence[int]) -> Policies:
    rows = await tx.fetch(
        "SELECT merchant_id, connection_id, policy FROM stock_policies WHERE merchant_id = ANY ($1::bigint[])",
        sorted(set(merchants)),
    )
    return Policies({(row["merchant_id"], row["connection_id"]): row["policy"] for row in rows})


async def put_policy(
    tx: Connection,
    merchant_id: int,
    connection_id: int,
    policy: str,
    locations: Sequence[int],
    by: str,
    now: datetime,
) -> None:
    """Say what becomes of short orders of a connection (0: of all); the word that was there is replaced."""
    await tx.execute(
        """INSERT INTO stock_policies VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (merchant_id, connection_id) DO UPDATE SET policy = excluded.policy,
             locations = excluded.locations, set_by = excluded.set_by, set_at = excluded.set_at""",
        merchant_id,
        connection_id,
        policy,
        list(locations),
        by,
        now,
    )


async def policies(tx: Connection) -> list[dict[str, Any]]:
    """Every policy of the declared merchants, with names for people ("" for all connections, all locations)."""
    rows = await tx.fetch(
        """SELECT m.name AS merchant, coalesce(c.name, '') AS connection, p.policy,
             coalesce((SELECT string_agg(l.name, ', ' ORDER BY l.name) FROM locations l
               WHERE l.merchant_id = p.merchant_id AND l.location_id = ANY (p.locations)), '') AS locations,
             p.set_by, p.set_at
           FROM stock_policies p JOIN merchants m USING (merchant_id)
           LEFT JOIN connections c USING (merchant_id, connection_id) ORDER BY 1, 2"""
    )
    return [dict(row) for row in rows]
