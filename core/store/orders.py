"""Orders, their lines, events and reservations, written for a whole slice at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.store.database import Connection, Row, columns, json_texts, number_texts, unless_usual

OrderKey = tuple[int, int, str]  # merchant, connection, channel order id


class Outrun(Exception):
    """Another worker stored one of these orders at the same moment: do the slice again."""


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """What is known of an order before this slice."""

    order_id: int
    changed_at: datetime
    fetched_at: datetime | None
    document_hash: bytes
    version: int
    intake: str
    gone_at: datetime | None
    stored_at: datetime


async def lock(tx: Connection, keys: Sequence[OrderKey]) -> dict[OrderKey, StoredOrder]:
    """Those of *keys* that are stored; their rows stay locked until the transaction ends."""
    wanted = sorted(set(keys))
    rows = await tx.fetch(
        """SELECT o.merchant_id, o.connection_id, o.channel_order_id, o.order_id, o.changed_at, o.fetched_at,
             o.document_hash, o.version, o.intake, o.gone_at, o.stored_at
           FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS k (merchant_id, connection_id, channel_order_id)
           JOIN orders o USING (merchant_id, connection_id, channel_order_id)
           ORDER BY o.merchant_id, o.connection_id, o.channel_order_id FOR UPDATE OF o""",
        [key[0] for key in wanted],
        [key[1] for key in wanted],
        [key[2] for key in wanted],
    )
    found = {}
    for row in rows:
        merchant_id, connection_id, channel_order_id, *rest = row.values()
        found[merchant_id, connection_id, channel_order_id] = StoredOrder(*rest)
    return found


async def insert(tx: Connection, rows: Sequence[dict[str, Any]]) -> dict[OrderKey, int]:
    """Store new orders; returns their ids. Raises `Outrun` when one was stored by another worker meanwhile."""
    stored = await tx.fetch(
        """INSERT INTO orders (merchant_id, connection_id, channel_order_id, order_number, placed_at, changed_at,
             fetched_at, stored_at, version, delivery_id, intake, channel_status, payment_status, fulfillment_status,
             cancelled_at, gone_at, currency, total, holds, flags, document_hash, document, ship_by)
           SELECT m, c, o, n, p, ch, f, s, 1, d, i, cs, ps, fs, ca, g, cu, t::numeric, h::jsonb,
             string_to_array(coalesce(fl, ''), ','), dh, doc, sb
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
             $7::timestamptz[], $8::timestamptz[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[],
             $14::timestamptz[], $15::timestamptz[], $16::text[], $17::text[], $18::text[], $19::text[],
             $20::bytea[], $21::bytea[], $22::timestamptz[])
             AS r (m, c, o, n, p, ch, f, s, d, i, cs, ps, fs, ca, g, cu, t, h, fl, dh, doc, sb)
           ON CONFLICT (merchant_id, connection_id, channel_order_id) DO NOTHING
           RETURNING merchant_id, connection_id, channel_order_id, order_id""",
        *columns(rows, "merchant_id", "connection_id", "channel_order_id"),
        *_state_columns(rows),
    )
    if len(stored) < len(rows):
        raise Outrun
    return {(r["merchant_id"], r["connection_id"], r["channel_order_id"]): r["order_id"] for r in stored}


async def update(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Replace the state of stored orders (locked by `lock`); each version is one higher."""
    await tx.execute(
        """UPDATE orders AS u SET order_number = n, placed_at = p, changed_at = ch, fetched_at = f, stored_at = s,
             version = u.version + 1, delivery_id = d, intake = i, channel_status = cs, payment_status = ps,
             fulfillment_status = fs, cancelled_at = ca, gone_at = g, currency = cu, total = t::numeric,
             holds = h::jsonb, flags = string_to_array(coalesce(fl, ''), ','), document_hash = dh, document = doc,
             ship_by = sb
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[],
             $6::timestamptz[], $7::timestamptz[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[],
             $13::timestamptz[], $14::timestamptz[], $15::text[], $16::text[], $17::text[], $18::text[],
             $19::bytea[], $20::bytea[], $21::timestamptz[])
             AS r (m, oid, n, p, ch, f, s, d, i, cs, ps, fs, ca, g, cu, t, h, fl, dh, doc, sb)
           WHERE u.merchant_id = m AND u.order_id = oid""",
        *columns(rows, "merchant_id", "order_id"),
        *_state_columns(rows),
    )


_STATE = [
    "order_number",
    "placed_at",
    "changed_at",
    "fetched_at",
    "stored_at",
    "delivery_id",
    "intake",
    "channel_status",
    "payment_status",
    "fulfillment_status",
    "cancelled_at",
    "gone_at",
    "currency",
    "total",
    "holds",
    "flags",
    "document_hash",
    "document",
    "ship_by",
]


def _state_columns(rows: Sequence[dict[str, Any]]) -> list[Sequence[Any]]:
    found: dict[str, Sequence[Any]] = dict(zip(_STATE, columns(rows, *_STATE), strict=True))
    found["holds"] = json_texts(found["holds"])
    found["total"] = number_texts(found["total"])
    found["flags"] = unless_usual(found["flags"], "")
    for name in ("fetched_at", "cancelled_at", "gone_at", "ship_by"):
        found[name] = unless_usual(found[name], None)
    return list(found.values())


async def mark_gone(tx: Connection, rows: Sequence[tuple[int, int, int]], now: datetime) -> dict[int, int]:
    """The channel says these orders do not exist any more: (merchant, order, delivery). Nothing is held up. Returns the
    version each has from now on.
    """
    marked = await tx.fetch(
        """UPDATE orders AS u SET gone_at = $4, version = u.version + 1, delivery_id = r.d, stored_at = $4,
             holds = '[]', flags = array_append(array_remove(u.flags, 'gone'), 'gone')
           FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS r (m, o, d)
           WHERE u.merchant_id = r.m AND u.order_id = r.o AND u.gone_at IS NULL
           RETURNING u.order_id, u.version""",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        now,
    )
    return {row["order_id"]: row["version"] for row in marked}


async def lines_of(tx: Connection, merchants: Sequence[int], orders: Sequence[int]) -> list[Row]:
    """Stored lines of orders given as parallel arrays."""
    return await tx.fetch(
        """SELECT l.order_id, l.line_id, l.listing_id, l.variant_id, l.moves_stock, l.quantity, l.quantity_fulfilled,
             l.made_of, l.lowered, l.unshipped, l.channel_location_id
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, order_id)
           JOIN order_lines l USING (merchant_id, order_id)""",
        merchants,
        orders,
    )


async def lines_to_ship(tx: Connection, merchant_id: int, order_id: int) -> list[Row]:
    """(line_id, name, open, needs_parcel): each line with the units that have not left."""
    return await tx.fetch(
        """SELECT line_id, coalesce(sku, title) AS name,
             greatest(0, quantity - quantity_cancelled - quantity_fulfilled) AS open, needs_parcel
           FROM order_lines WHERE merchant_id = $1 AND order_id = $2 ORDER BY position""",
        merchant_id,
        order_id,
    )


async def units_left(
    tx: Connection, merchants: Sequence[int], orders: Sequence[int]
) -> dict[int, dict[str, int]]:
    """Units by line that are known to have left, of orders given as parallel arrays: order -> line -> units."""
    rows = await tx.fetch(
        """SELECT l.order_id, l.line_id, l.quantity_fulfilled AS units
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, order_id)
           JOIN order_lines l USING (merchant_id, order_id) WHERE l.quantity_fulfilled > 0""",
        merchants,
        orders,
    )
    found: dict[int, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["order_id"], {})[row["line_id"]] = row["units"]
    return found


async def mark_shipped(
    tx: Connection, merchant_id: int, order_id: int, fulfillment_status: str, now: datetime
) -> int:
    """Goods left: the order's next version, which is returned."""
    return int(
        await tx.fetchval(
            """UPDATE orders SET version = version + 1, fulfillment_status = $3, stored_at = $4
               WHERE merchant_id = $1 AND order_id = $2 RETURNING version""",
            merchant_id,
            order_id,
            fulfillment_status,
            now,
        )
    )


_LINE = [
    "merchant_id",
    "order_id",
    "line_id",
    "position",
    "sku",
    "channel_item_id",
    "title",
    "listing_id",
    "variant_id",
    "moves_stock",
    "quantity",
    "quantity_cancelled",
    "quantity_fulfilled",
    "quantity_returned",
    "unit_price",
    "total",
    "needs_parcel",
    "made_of",
    "lowered",
    "unshipped",
    "channel_location_id",
]
_ADD_LINES = f"""INSERT INTO order_lines ({", ".join(_LINE)})
  SELECT m, o, i, n, s, ci, t, li, v, coalesce(mv, true), q, coalesce(qc, 0), coalesce(qf, 0), coalesce(qr, 0), up::numeric,
    tt::numeric, coalesce(np, true), mo, coalesce(lw, 0), coalesce(us, 0), cl
  FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[],
    $8::bigint[], $9::bigint[], $10::boolean[], $11::int[], $12::int[], $13::int[], $14::int[],
    $15::text[], $16::text[], $17::boolean[], $18::jsonb[], $19::int[], $20::int[], $21::text[])
    AS r (m, o, i, n, s, ci, t, li, v, mv, q, qc, qf, qr, up, tt, np, mo, lw, us, cl)"""
_PUT_LINES = f"""{_ADD_LINES}
  ON CONFLICT (merchant_id, order_id, line_id)
  DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _LINE[3:])}"""


async def add_lines(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store the lines of orders that have none yet, which costs a quarter less than looking for each."""
    await tx.execute(_ADD_LINES, *_line_columns(rows))


async def put_lines(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store lines; a line that is there is replaced."""
    await tx.execute(_PUT_LINES, *_line_columns(rows))


def _line_columns(rows: Sequence[dict[str, Any]]) -> list[Sequence[Any]]:
    found: dict[str, Sequence[Any]] = dict(zip(_LINE, columns(rows, *_LINE), strict=True))
    for name in ("unit_price", "total"):
        found[name] = number_texts(found[name])
    for name in ("quantity_cancelled", "quantity_fulfilled", "quantity_returned", "lowered", "unshipped"):
        found[name] = unless_usual(found[name], 0)
    for name in ("moves_stock", "needs_parcel"):
        found[name] = unless_usual(found[name], True)
    for name in ("listing_id", "made_of", "channel_location_id"):
        found[name] = unless_usual(found[name], None)
    return list(found.values())


async def drop_lines(tx: Connection, rows: Sequence[tuple[int, int, str]]) -> None:
    """Lines the channel took out of an order: (merchant, order, line). They stay as cancelled."""
    await tx.execute(
        """UPDATE order_lines AS l SET quantity_cancelled = l.quantity - least(l.quantity, l.quantity_fulfilled)
           FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS r (m, o, i)
           WHERE l.merchant_id = r.m AND l.order_id = r.o AND l.line_id = r.i""",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
    )


async def drop_own_counts(tx: Connection, rows: Sequence[tuple[int, int, str, int]]) -> None:
    """Lines that are not in their order any more, as (merchant, order, line, lowered): their channel's number includes
    nothing of them, and stays lowered by so much.
    """
    await tx.execute(
        """UPDATE order_lines AS l SET lowered = r.w, unshipped = 0
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::int[]) AS r (m, o, i, w)
           WHERE l.merchant_id = r.m AND l.order_id = r.o AND l.line_id = r.i""",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3] for row in rows],
    )


async def add_events(tx: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Append to the orders' history; the version is the one the order has after this change."""
    await tx.execute(
        """INSERT INTO order_events (merchant_id, order_id, version, kind, delivery_id, detail, recorded_at)
           SELECT *, $7 FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::text[], $5::bigint[], $6::jsonb[])""",
        *columns(rows, "merchant_id", "order_id", "version", "kind", "delivery_id", "detail"),
        now,
    )


async def put_holds(tx: Connection, rows: Sequence[tuple[int, int, list[dict[str, str]]]]) -> None:
    """Replace the holds of orders: (merchant, order, holds)."""
    await tx.execute(
        """UPDATE orders o SET holds = r.h::jsonb FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS r (m, o, h)
           WHERE o.merchant_id = r.m AND o.order_id = r.o""",
        [row[0] for row in rows],
        [row[1] for row in rows],
        json_texts([row[2] for row in rows]),
    )


async def lock_ids(tx: Connection, merchant_id: int, order_ids: Sequence[int]) -> None:
    """Lock orders by id, in the order in which everybody locks them."""
    await tx.fetch(
        """SELECT 1 FROM orders WHERE merchant_id = $1 AND order_id = ANY ($2::bigint[])
           ORDER BY merchant_id, connection_id, channel_order_id FOR UPDATE""",
        merchant_id,
        order_ids,
    )


async def holds_of(
    tx: Connection, merchant_id: int, order_ids: Sequence[int]
) -> dict[int, list[dict[str, str]]]:
    rows = await tx.fetch(
        "SELECT order_id, holds FROM orders WHERE merchant_id = $1 AND order_id = ANY ($2::bigint[])",
        merchant_id,
        order_ids,
    )
    return {row["order_id"]: row["holds"] for row in rows}


async def short_lines(tx: Connection, merchant_id: int, order_ids: Sequence[int]) -> list[Row]:
    """Lines of orders that miss units: (order_id, line_id, position, name, kit, missing), in their order."""
    return await tx.fetch(
        """SELECT l.order_id, l.line_id, l.position, coalesce(l.sku, l.title) AS name, l.made_of IS NOT NULL AS kit,
             sum(s.quantity)::int AS missing
           FROM shortages s JOIN order_lines l USING (merchant_id, order_id, line_id)
           WHERE s.merchant_id = $1 AND s.order_id = ANY ($2::bigint[]) AND s.quantity > 0
           GROUP BY l.merchant_id, l.order_id, l.line_id ORDER BY l.order_id, l.position""",
        merchant_id,
        order_ids,
    )


async def unmapped_but_known(tx: Connection, limit: int) -> list[tuple[int, int]]:
    """(merchant, order) of orders that may still ship, with a line that had no variant when it came and has one now."""
    rows = await tx.fetch(
        """SELECT DISTINCT l.merchant_id, l.order_id FROM order_lines l JOIN orders o USING (merchant_id, order_id)
           WHERE l.moves_stock AND l.variant_id IS NULL
             AND o.intake IN ('ship', 'reserve_only') AND o.gone_at IS NULL
             AND (EXISTS (SELECT FROM listings li WHERE li.merchant_id = l.merchant_id AND li.connection_id = o.connection_id
                    AND li.variant_id IS NOT NULL AND (li.channel_item_id = l.channel_item_id OR li.sku = l.sku))
                  OR EXISTS (SELECT FROM variants v WHERE v.merchant_id = l.merchant_id AND v.sku = l.sku))
           ORDER BY l.merchant_id, l.order_id LIMIT $1""",
        limit,
    )
    return [(row["merchant_id"], row["order_id"]) for row in rows]


async def documents(tx: Connection, merchant_id: int, order_ids: Sequence[int]) -> list[Row]:
    """Orders with their sealed documents."""
    return await tx.fetch(
        """SELECT order_id, connection_id, channel_order_id, order_number, delivery_id, intake, holds, stored_at,
             cancelled_at, gone_at, document FROM orders
           WHERE merchant_id = $1 AND order_id = ANY ($2::bigint[]) ORDER BY order_id""",
        merchant_id,
        order_ids,
    )


async def reservations_of(tx: Connection, merchants: Sequence[int], orders: Sequence[int]) -> list[Row]:
    """What the shelves hold for orders given as parallel arrays, in the order it was taken."""
    return await tx.fetch(
        """SELECT r.order_id, r.line_id, r.location_id, r.variant_id, r.held, r.shipped
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, order_id)
           JOIN reservations r USING (merchant_id, order_id) ORDER BY r.order_id, r.line_id, r.location_id""",
        merchants,
        orders,
    )


async def shortages_of(tx: Connection, merchants: Sequence[int], orders: Sequence[int]) -> list[Row]:
    return await tx.fetch(
        """SELECT s.order_id, s.line_id, s.variant_id, s.quantity
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, order_id)
           JOIN shortages s USING (merchant_id, order_id) WHERE s.quantity > 0""",
        merchants,
        orders,
    )
