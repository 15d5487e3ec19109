"""Changes of many listings at once that wait for a person."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from core.store.database import Connection, Row

Pair = tuple[int, int]  # merchant, connection

_OF_WAVE = "merchant_id = $1 AND connection_id = $2 AND pending AND wave IS NOT NULL"


async def pending(tx: Connection, connections: Sequence[Pair]) -> dict[Pair, tuple[dict[str, int], set[str]]]:
    """(kind -> listings, kinds): how many listings of a connection would be taken to zero and how many raised for
    another reason than sales, and about which of the two a person has been asked. Connections without either are left out.
    """
    rows = await tx.fetch(
        """SELECT p.merchant_id, p.connection_id, w.kind, w.listings FROM unnest($1::bigint[], $2::bigint[])
             AS p (merchant_id, connection_id)
           CROSS JOIN LATERAL (
             SELECT wave AS kind, count(DISTINCT listing_id)::int AS listings FROM listing_levels ll
               WHERE ll.merchant_id = p.merchant_id AND ll.connection_id = p.connection_id AND pending AND wave IS NOT NULL
               GROUP BY 1
             UNION ALL SELECT kind, NULL FROM waves o WHERE o.merchant_id = p.merchant_id
               AND o.connection_id = p.connection_id AND o.decided_at IS NULL) w""",
        [merchant_id for merchant_id, _ in connections],
        [connection_id for _, connection_id in connections],
    )
    found: dict[Pair, tuple[dict[str, int], set[str]]] = {}
    for row in rows:
        counts, asked = found.setdefault((row["merchant_id"], row["connection_id"]), ({}, set()))
        if row["listings"] is None:
            asked.add(row["kind"])
        else:
            counts[row["kind"]] = row["listings"]
    return found


async def still_coming(tx: Connection, merchant_id: int) -> int:
    """Variants that wait to be levelled for another reason than sales: more of a wave may be on its way."""
    return int(
        await tx.fetchval("SELECT count(*) FROM dirty WHERE merchant_id = $1 AND NOT sold", merchant_id)
    )


async def listings_of(tx: Connection, merchant_id: int, connection_id: int) -> int:
    """How many listings of a connection have a level."""
    return int(
        await tx.fetchval(
            "SELECT count(DISTINCT listing_id) FROM listing_levels WHERE merchant_id = $1 AND connection_id = $2",
            merchant_id,
            connection_id,
        )
    )


async def hold(
    tx: Connection,
    merchant_id: int,
    connection_id: int,
    found: Mapping[str, int],
    of_listings: int,
    now: datetime,
) -> None:
    """Ask a person about waves (kind -> listings); a question that is open is brought up to date."""
    await tx.execute(
        """INSERT INTO waves AS w (merchant_id, connection_id, kind, listings, of_listings, held_at)
           SELECT $1, $2, k, n, $5, $6 FROM unnest($3::text[], $4::int[]) AS f (k, n)
           ON CONFLICT (merchant_id, connection_id, kind) WHERE decided_at IS NULL DO UPDATE SET
             listings = excluded.listings, of_listings = excluded.of_listings""",
        merchant_id,
        connection_id,
        list(found),
        list(found.values()),
        of_listings,
        now,
    )


async def close_gone(
    tx: Connection, merchant_id: int, connection_id: int, standing: Collection[str], now: datetime
) -> None:
    """Questions whose cause was mended meanwhile need no answer; *standing* are the kinds that still do."""
    await tx.execute(
        """UPDATE waves SET decided_at = $4, decision = 'gone'
           WHERE merchant_id = $1 AND connection_id = $2 AND decided_at IS NULL AND kind <> ALL ($3::text[])""",
        merchant_id,
        connection_id,
        list(standing),
        now,
    )


async def held_now(tx: Connection) -> list[dict[str, Any]]:
    """Open questions of the declared merchants, the oldest first, with up to five of the SKUs."""
    rows = await tx.fetch(
        """SELECT w.wave_id, w.merchant_id, w.connection_id, c.name AS connection, w.kind, w.listings, w.of_listings,
             w.held_at, (SELECT array_agg(s.sku) FROM (SELECT DISTINCT coalesce(l.sku, l.title) AS sku
               FROM listing_levels ll JOIN listings l USING (merchant_id, connection_id, listing_id)
               WHERE ll.merchant_id = w.merchant_id AND ll.connection_id = w.connection_id AND ll.pending
                 AND ll.wave = w.kind ORDER BY 1 LIMIT 5) s) AS examples
           FROM waves w JOIN connections c USING (merchant_id, connection_id)
           WHERE w.decided_at IS NULL ORDER BY w.held_at, w.wave_id"""
    )
    return [dict(row) for row in rows]


async def find(tx: Connection, wave_id: int) -> Row | None:
    """merchant_id, connection_id, kind of an open question of the declared merchants."""
    return await tx.fetchrow(
        "SELECT merchant_id, connection_id, kind FROM waves WHERE wave_id = $1 AND decided_at IS NULL",
        wave_id,
    )


async def decide(tx: Connection, wave_id: int, decision: str, decided_by: str, now: datetime) -> None:
    """Answer an open question: released or dropped."""
    await tx.execute(
        """UPDATE waves SET decided_at = $4, decision = $2, decided_by = $3
           WHERE wave_id = $1 AND decided_at IS NULL""",
        wave_id,
        decision,
        decided_by,
        now,
    )


async def let_go(tx: Connection, merchant_id: int, connection_id: int, kind: str) -> int:
    """The levels of a wave may be told; returns how many."""
    status = await tx.execute(
        f"UPDATE listing_levels SET wave = NULL WHERE {_OF_WAVE} AND wave = $3",
        merchant_id,
        connection_id,
        kind,
    )
    return int(status.rsplit(" ", 1)[-1])


async def put_aside(tx: Connection, merchant_id: int, connection_id: int, kind: str, now: datetime) -> int:
    """The levels of a wave are not told before what they may sell changes again; returns how many."""
    status = await tx.execute(
        f"""UPDATE listing_levels SET wave = NULL, parked_at = $4, error = 'put aside: the wave was dropped'
           WHERE {_OF_WAVE} AND wave = $3""",
        merchant_id,
        connection_id,
        kind,
        now,
    )
    return int(status.rsplit(" ", 1)[-1])
