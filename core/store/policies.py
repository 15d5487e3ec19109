"""What a merchant wants to become of orders whose units no shelf has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.store.database import Connection

# Whether an order line (sh: its merchant, order and line; o: its order) may take units from a shelf s that its channel does
# not sell from: where an incident says so, at the locations the merchant named, or wherever no channel is master.
ELSEWHERE = """EXISTS (
  SELECT FROM incident_lines il JOIN locations x ON x.merchant_id = il.merchant_id AND x.location_id = s.location_id
  LEFT JOIN LATERAL (SELECT p.locations FROM stock_policies p WHERE p.merchant_id = il.merchant_id
    AND p.connection_id IN (o.connection_id, 0) ORDER BY p.connection_id DESC LIMIT 1) p ON true
  WHERE il.merchant_id = sh.merchant_id AND il.order_id = sh.order_id AND il.line_id = sh.line_id
    AND il.missing > 0 AND il.policy = 'other_location'
    AND CASE WHEN p.locations <> '{}' THEN x.location_id = ANY (p.locations) ELSE x.master <> 'channel' END)"""


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


async def elsewhere(
    tx: Connection, merchant_id: int, orders: Sequence[int]
) -> dict[tuple[int, str], list[int]]:
    """(order, line) -> locations that its units may be taken from besides those of its channel."""
    rows = await tx.fetch(
        f"""SELECT sh.order_id, sh.line_id, array_agg(DISTINCT s.location_id ORDER BY s.location_id) AS locations
           FROM incident_lines sh JOIN orders o USING (merchant_id, order_id)
           JOIN locations s ON s.merchant_id = sh.merchant_id
           WHERE sh.merchant_id = $1 AND sh.order_id = ANY ($2::bigint[]) AND sh.missing > 0 AND {ELSEWHERE}
           GROUP BY 1, 2""",
        merchant_id,
        orders,
    )
    return {(row["order_id"], row["line_id"]): row["locations"] for row in rows}


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
