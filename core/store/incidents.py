"""Incidents: units that were sold and are not there, the order lines they are missing from, and all that was said of them.

The stock rows of a variant are locked before its incidents are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.store.database import Connection, Row, columns, declare

LineOf = tuple[int, int, str, int]  # merchant, order, line, variant


async def missing_of(tx: Connection, lines: Sequence[LineOf]) -> list[Row]:
    """What open incidents miss of *lines*, the oldest incident first."""
    return await tx.fetch(
        """SELECT l.merchant_id, l.order_id, l.line_id, i.variant_id, l.incident_id, l.missing
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[]) AS k (merchant_id, order_id, line_id, v)
           JOIN incident_lines l USING (merchant_id, order_id, line_id)
           JOIN stock_incidents i ON i.merchant_id = l.merchant_id AND i.incident_id = l.incident_id AND i.variant_id = k.v
           WHERE l.missing > 0 ORDER BY l.incident_id""",
        [line[0] for line in lines],
        [line[1] for line in lines],
        [line[2] for line in lines],
        [line[3] for line in lines],
    )


async def open_or_grow(
    tx: Connection, rows: Sequence[dict[str, Any]], now: datetime
) -> dict[tuple[int, str, int, int], tuple[int, bool]]:
    """Incidents for units newly missing, one for each (merchant, kind, variant, location): (its id, whether it is new).

    An open one misses something, so that only a new one then misses exactly what its row says.
    """
    asked = {
        (row["merchant_id"], row["kind"], row["variant_id"], row["location_id"]): row["missing"]
        for row in rows
    }
    found = await tx.fetch(
        """INSERT INTO stock_incidents AS i (merchant_id, kind, variant_id, location_id, missing, units, cause, opened_at)
           SELECT m, k, v, l, q, u, c, $8 FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::int[],
             $6::int[], $7::jsonb[]) AS r (m, k, v, l, q, u, c) ORDER BY m, v, k, l
           ON CONFLICT (merchant_id, variant_id, kind, location_id) WHERE closed_at IS NULL
           DO UPDATE SET missing = i.missing + excluded.missing, units = i.units + excluded.units
           RETURNING merchant_id, kind, variant_id, location_id, incident_id, missing""",
        *columns(rows, "merchant_id", "kind", "variant_id", "location_id", "missing", "units", "cause"),
        now,
    )
    return {
        (key := (row["merchant_id"], row["kind"], row["variant_id"], row["location_id"])): (
            row["incident_id"],
            row["missing"] == asked[key],
        )
        for row in found
    }


async def grow_lines(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Order lines that miss more. One that missed nothing any more is decided anew."""
    await tx.execute(
        """INSERT INTO incident_lines AS l (merchant_id, incident_id, order_id, line_id, missing, policy, decided_by,
             decided_at)
           SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::int[], $6::text[], $7::text[],
             $8::timestamptz[])
           ON CONFLICT (merchant_id, incident_id, order_id, line_id) DO UPDATE SET
             missing = l.missing + excluded.missing,
             policy = CASE WHEN l.missing = 0 THEN excluded.policy ELSE l.policy END,
             decided_by = CASE WHEN l.missing = 0 THEN excluded.decided_by ELSE l.decided_by END,
             decided_at = CASE WHEN l.missing = 0 THEN excluded.decided_at ELSE l.decided_at END,
             why = CASE WHEN l.missing = 0 THEN '' ELSE l.why END""",
        *columns(
            rows,
            *("merchant_id", "incident_id", "order_id", "line_id"),
            *("units", "policy", "decided_by", "decided_at"),
        ),
    )


async def shrink_lines(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Order lines that miss *units* less."""
    await tx.execute(
        """UPDATE incident_lines l SET missing = l.missing - r.q
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::int[]) AS r (m, i, o, n, q)
           WHERE l.merchant_id = r.m AND l.incident_id = r.i AND l.order_id = r.o AND l.line_id = r.n""",
        *columns(rows, "merchant_id", "incident_id", "order_id", "line_id", "units"),
    )


async def shrink(tx: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> set[tuple[int, int]]:
    """Incidents that miss *units* less; returns as (merchant, incident) those that are closed by that."""
    found = await tx.fetch(
        """UPDATE stock_incidents i SET missing = i.missing - r.q,
             closed_at = CASE WHEN i.missing = r.q THEN $4::timestamptz END
           FROM unnest($1::bigint[], $2::bigint[], $3::int[]) AS r (m, i, q)
           WHERE i.merchant_id = r.m AND i.incident_id = r.i
           RETURNING i.merchant_id, i.incident_id, i.missing""",
        *columns(rows, "merchant_id", "incident_id", "units"),
        now,
    )
    return {(row["merchant_id"], row["incident_id"]) for row in found if row["missing"] == 0}


async def say(tx: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Append to the incidents' history."""
    await tx.execute(
        """INSERT INTO incident_events (merchant_id, incident_id, kind, actor, detail, recorded_at)
           SELECT m, i, k, a, d, $6 FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::jsonb[])
             WITH ORDINALITY AS r (m, i, k, a, d, n) ORDER BY n""",
        *columns(rows, "merchant_id", "incident_id", "kind", "actor", "detail"),
        now,
    )


async def decide(tx: Connection, rows: Sequence[dict[str, Any]], by: str, now: datetime) -> None:
    """What becomes of order lines of incidents: *policy*, and *why*. What is left to a person is not decided."""
    await tx.execute(
        """UPDATE incident_lines l SET policy = r.p, why = r.w,
             decided_by = CASE WHEN r.p = 'ask' THEN '' ELSE $7 END,
             decided_at = CASE WHEN r.p = 'ask' THEN NULL ELSE $8::timestamptz END
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])
             AS r (m, i, o, n, p, w)
           WHERE l.merchant_id = r.m AND l.incident_id = r.i AND l.order_id = r.o AND l.line_id = r.n""",
        *columns(rows, "merchant_id", "incident_id", "order_id", "line_id", "policy", "why"),
        by,
        now,
    )


async def proposed(
    tx: Connection, merchants: Sequence[int], orders: Sequence[int]
) -> dict[tuple[int, str], str]:
    """Lines of orders (parallel arrays) that are proposed for cancellation, and why: (order, line) -> words."""
    rows = await tx.fetch(
        """SELECT l.order_id, l.line_id, max(l.why) AS why
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, order_id)
           JOIN incident_lines l USING (merchant_id, order_id)
           WHERE l.missing > 0 AND l.policy = 'cancel' AND l.decided_at IS NOT NULL GROUP BY 1, 2""",
        merchants,
        orders,
    )
    return {(row["order_id"], row["line_id"]): row["why"] for row in rows}


async def merchants_that_cancel(tx: Connection, merchants: Sequence[int]) -> list[int]:
    """Which of *merchants* have lines that their policy cancels and of which nothing is decided."""
    await declare(tx, merchants)
    rows = await tx.fetch(
        """SELECT DISTINCT merchant_id FROM incident_lines
           WHERE missing > 0 AND policy = 'cancel' AND decided_at IS NULL ORDER BY 1"""
    )
    return [row["merchant_id"] for row in rows]


async def find(tx: Connection, merchant_id: int, incident_id: int) -> Row | None:
    return await tx.fetchrow(
        """SELECT i.*, v.sku, v.title, coalesce(l.name, '') AS location FROM stock_incidents i
           JOIN variants v USING (merchant_id, variant_id) LEFT JOIN locations l USING (merchant_id, location_id)
           WHERE i.merchant_id = $1 AND i.incident_id = $2""",
        merchant_id,
        incident_id,
    )


async def history(tx: Connection, merchant_id: int, incident_id: int) -> list[dict[str, Any]]:
    """All that was said of an incident, in its order."""
    rows = await tx.fetch(
        """SELECT kind, actor, detail, recorded_at FROM incident_events
           WHERE merchant_id = $1 AND incident_id = $2 ORDER BY event_id""",
        merchant_id,
        incident_id,
    )
    return [dict(row) for row in rows]


async def list_incidents(tx: Connection, limit: int, *, closed: bool) -> list[dict[str, Any]]:
    """Incidents of the declared merchants: those that wait for a person first, then the newest; *closed* ones too."""
    rows = await tx.fetch(
        """SELECT i.incident_id, i.kind, v.sku, coalesce(l.name, '') AS location, i.missing, i.units,
             count(il.*) FILTER (WHERE il.missing > 0) AS orders,
             count(il.*) FILTER (WHERE il.missing > 0 AND il.decided_at IS NULL) AS undecided,
             CASE WHEN i.closed_at IS NOT NULL THEN 'nobody'
                  WHEN count(*) FILTER (WHERE il.missing > 0 AND il.decided_at IS NULL) > 0 THEN 'a person'
                  ELSE 'units' END AS waits_for,
             i.cause ->> 'kind' AS cause, i.opened_at, i.closed_at
           FROM stock_incidents i JOIN variants v USING (merchant_id, variant_id)
           LEFT JOIN locations l USING (merchant_id, location_id)
           LEFT JOIN incident_lines il USING (merchant_id, incident_id)
           WHERE $2 OR i.closed_at IS NULL
           GROUP BY i.merchant_id, i.incident_id, v.sku, l.name
           ORDER BY (i.closed_at IS NOT NULL), (count(*) FILTER (WHERE il.missing > 0 AND il.decided_at IS NULL) = 0),
             i.incident_id DESC LIMIT $1""",
        limit,
        closed,
    )
    return [dict(row) for row in rows]


async def merchant_of(tx: Connection, incident_id: int) -> int | None:
    """Whose incident it is, of the declared merchants."""
    found: int | None = await tx.fetchval(
        "SELECT merchant_id FROM stock_incidents WHERE incident_id = $1", incident_id
    )
    return found
