"""Fulfillments, their lines and parcels, and what carriers saw of the parcels."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.store.database import Connection, Row, columns


@dataclass(frozen=True, slots=True)
class StoredParcel:
    """A parcel with where it is; *status_at* is None as long as nobody has seen it."""

    merchant_id: int
    parcel_id: int
    carrier: str
    tracking_number: str
    status: str
    incident: str | None
    status_at: datetime | None
    doubted_at: datetime | None
    shipped_at: datetime | None


def scan_hash(words: str) -> bytes:
    """Names one thing seen by the carrier's words, so that hearing it again adds nothing."""
    return hashlib.sha256(words.encode()).digest()


async def find(tx: Connection, merchant_id: int, op_key: str) -> int | None:
    """The fulfillment that was recorded under *op_key* before."""
    found: int | None = await tx.fetchval(
        "SELECT fulfillment_id FROM fulfillments WHERE merchant_id = $1 AND op_key = $2", merchant_id, op_key
    )
    return found


async def add(
    tx: Connection,
    merchant_id: int,
    order_id: int,
    op_key: str,
    units: Mapping[str, int],
    *,
    shipped_at: datetime,
    cause: str,
    now: datetime,
) -> int:
    """Record that *units* by line id have left; returns the fulfillment's id."""
    fulfillment_id: int = await tx.fetchval(
        """INSERT INTO fulfillments (merchant_id, order_id, op_key, shipped_at, recorded_at, cause)
           VALUES ($1, $2, $3, $4, $5, $6) RETURNING fulfillment_id""",
        merchant_id,
        order_id,
        op_key,
        shipped_at,
        now,
        cause,
    )
    await tx.execute(
        """INSERT INTO fulfillment_lines (merchant_id, fulfillment_id, line_id, quantity)
           SELECT $1, $2, l, q FROM unnest($3::text[], $4::int[]) AS u (l, q)""",
        merchant_id,
        fulfillment_id,
        list(units),
        list(units.values()),
    )
    return fulfillment_id


async def put_parcel(
    tx: Connection,
    merchant_id: int,
    fulfillment_id: int,
    carrier: str,
    tracking_number: str,
    tracking_url: str | None,
) -> int:
    """The parcel with this number, new or known, with the goods of *fulfillment_id* in it; returns its id."""
    parcel_id: int | None = await tx.fetchval(
        """SELECT parcel_id FROM parcels
           WHERE merchant_id = $1 AND tracking_number = $2 AND lower(carrier) = lower($3)""",
        merchant_id,
        tracking_number,
        carrier,
    )
    if parcel_id is None:
        parcel_id = await tx.fetchval(
            """INSERT INTO parcels (merchant_id, carrier, tracking_number, tracking_url) VALUES ($1, $2, $3, $4)
               ON CONFLICT (merchant_id, tracking_number, carrier)
               DO UPDATE SET tracking_url = coalesce(parcels.tracking_url, excluded.tracking_url)
               RETURNING parcel_id""",
            merchant_id,
            carrier,
            tracking_number,
            tracking_url,
        )
    await tx.execute(
        "INSERT INTO fulfillment_parcels VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        merchant_id,
        fulfillment_id,
        parcel_id,
    )
    return int(parcel_id or 0)


async def units_of(tx: Connection, merchant_id: int, fulfillment_id: int) -> dict[str, int]:
    """The units by line of one fulfillment."""
    rows = await tx.fetch(
        "SELECT line_id, quantity FROM fulfillment_lines WHERE merchant_id = $1 AND fulfillment_id = $2",
        merchant_id,
        fulfillment_id,
    )
    return {row["line_id"]: row["quantity"] for row in rows}


async def lock_parcels(
    tx: Connection, numbers: Iterable[tuple[int, str]]
) -> dict[tuple[int, str], list[StoredParcel]]:
    """The parcels with these (merchant, tracking number), locked in that order."""
    wanted = sorted(set(numbers))
    rows = await tx.fetch(
        """SELECT p.merchant_id, p.parcel_id, p.carrier, p.tracking_number, p.status, p.incident, p.status_at,
             p.doubted_at, (SELECT min(f.shipped_at) FROM fulfillment_parcels fp
               JOIN fulfillments f USING (merchant_id, fulfillment_id)
               WHERE fp.merchant_id = p.merchant_id AND fp.parcel_id = p.parcel_id) AS shipped_at
           FROM unnest($1::bigint[], $2::text[]) AS k (merchant_id, tracking_number)
           JOIN parcels p USING (merchant_id, tracking_number)
           ORDER BY p.merchant_id, p.tracking_number, p.carrier FOR UPDATE OF p""",
        [pair[0] for pair in wanted],
        [pair[1] for pair in wanted],
    )
    found: dict[tuple[int, str], list[StoredParcel]] = defaultdict(list)
    for row in rows:
        found[row["merchant_id"], row["tracking_number"]].append(StoredParcel(**dict(row)))
    return found


async def lock_parcel(tx: Connection, merchant_id: int, parcel_id: int) -> StoredParcel:
    row = await tx.fetchrow(
        """SELECT merchant_id, parcel_id, carrier, tracking_number, status, incident, status_at, doubted_at,
             NULL::timestamptz AS shipped_at FROM parcels WHERE merchant_id = $1 AND parcel_id = $2 FOR UPDATE""",
        merchant_id,
        parcel_id,
    )
    return StoredParcel(**dict(row or {}))


async def add_scans(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep what carriers saw; what is kept already stays as it is."""
    await tx.execute(
        """INSERT INTO scans (merchant_id, parcel_id, scan_hash, scanned_at, status, incident, delivery_id, detail)
           SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::timestamptz[], $5::text[], $6::text[],
             $7::bigint[], $8::bytea[]) ON CONFLICT DO NOTHING""",
        *columns(
            rows,
            *("merchant_id", "parcel_id", "scan_hash", "scanned_at", "status", "incident", "delivery_id"),
            "detail",
        ),
    )


async def put_standing(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Where parcels (locked by `lock_parcels`) are now."""
    await tx.execute(
        """UPDATE parcels p SET status = r.s, incident = r.i, status_at = r.a, doubted_at = r.d
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
             AS r (m, p, s, i, a, d)
           WHERE p.merchant_id = r.m AND p.parcel_id = r.p""",
        *columns(rows, "merchant_id", "parcel_id", "status", "incident", "status_at", "doubted_at"),
    )


async def fulfillments_of(tx: Connection, merchant_id: int, parcel_ids: Sequence[int]) -> list[Row]:
    """(parcel, fulfillment, connection, channel) of everything in these parcels."""
    return await tx.fetch(
        """SELECT fp.parcel_id, f.fulfillment_id, f.order_id, c.connection_id, c.channel
           FROM fulfillment_parcels fp JOIN fulfillments f USING (merchant_id, fulfillment_id)
           JOIN orders o USING (merchant_id, order_id) JOIN connections c USING (merchant_id, connection_id)
           WHERE fp.merchant_id = $1 AND fp.parcel_id = ANY ($2::bigint[])
           ORDER BY fp.parcel_id, f.fulfillment_id""",
        merchant_id,
        parcel_ids,
    )


async def unfollowed(tx: Connection, merchant_id: int, since: datetime) -> list[int]:
    """Parcels shipped *since* that have not come to their end, and that no linked carrier was asked to follow."""
    rows = await tx.fetch(
        """SELECT DISTINCT p.parcel_id FROM parcels p JOIN fulfillment_parcels USING (merchant_id, parcel_id)
           JOIN fulfillments f USING (merchant_id, fulfillment_id)
           WHERE p.merchant_id = $1 AND f.shipped_at >= $2 AND p.status NOT IN ('delivered', 'return_to_sender')
             AND NOT EXISTS (SELECT FROM outbox o JOIN connections c USING (merchant_id, connection_id)
               WHERE o.merchant_id = $1 AND o.kind = 'tracker' AND o.subject_id = p.parcel_id
                 AND c.status <> 'disconnected') ORDER BY 1""",
        merchant_id,
        since,
    )
    return [row["parcel_id"] for row in rows]


async def told(tx: Connection, merchant_id: int, fulfillment_id: int, ids: Sequence[str]) -> None:
    """What the channel calls a fulfillment."""
    await tx.execute(
        """UPDATE fulfillments SET channel_fulfillment_ids = $3
           WHERE merchant_id = $1 AND fulfillment_id = $2""",
        merchant_id,
        fulfillment_id,
        list(ids),
    )
