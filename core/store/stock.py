"""The ledger, its balances, reservations and shortages: always written together, in SKU order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from core.store.database import Connection, Row, columns, declare, unless_usual
from core.store.policies import ELSEWHERE


class Entry(NamedTuple):
    """One change of a balance. *op_key* makes the same operation one entry, however often it is tried.

    *reason* is one of `core.rules.movements.Reason`, *cause* what made it, *actor* who did it. It counts from
    *occurred_at* (None: from when it is recorded). *order_id* says whose units moved, where they were an order's.
    """

    merchant_id: int
    variant_id: int
    location_id: int
    on_hand_delta: int
    reserved_delta: int
    reason: str
    cause: str
    op_key: str
    quarantined_delta: int = 0
    incoming_delta: int = 0
    actor: str = "hub"
    occurred_at: datetime | None = None
    order_id: int | None = None


async def lock(tx: Connection, variants: Iterable[tuple[int, int]]) -> list[Row]:
    """Balances of (merchant, variant) pairs at every location; locked in that order, so that no two
    transactions wait for each other.
    """
    wanted = sorted(set(variants))
    return await tx.fetch(
        """SELECT s.merchant_id, s.variant_id, s.location_id, s.on_hand, s.reserved
           FROM unnest($1::bigint[], $2::bigint[]) AS k (merchant_id, variant_id)
           JOIN stock s USING (merchant_id, variant_id)
           ORDER BY s.merchant_id, s.variant_id, s.location_id FOR UPDATE OF s""",
        [pair[0] for pair in wanted],
        [pair[1] for pair in wanted],
    )


# What happened before a count was told of it is in that count: the first count after it takes it back.
_IN_A_COUNT = """in_a_count AS (
             INSERT INTO stock_ledger (merchant_id, op_key, variant_id, location_id, on_hand_delta, reserved_delta,
               reason, cause, actor, occurred_at, recorded_at)
             SELECT n.merchant_id, n.op_key || ':counted', n.variant_id, n.location_id, -n.on_hand_delta, 0, 'count',
               n.cause, n.actor, c.at, $14
             FROM new n JOIN stock s USING (merchant_id, variant_id, location_id)
             CROSS JOIN LATERAL (SELECT coalesce(min(l.occurred_at), s.counted_at) AS at FROM stock_ledger l
               WHERE l.merchant_id = n.merchant_id AND l.variant_id = n.variant_id AND l.location_id = n.location_id
                 AND l.reason = 'count' AND l.occurred_at BETWEEN n.occurred_at AND s.counted_at) c
             WHERE n.on_hand_delta <> 0 AND n.reason <> 'count' AND n.occurred_at <= s.counted_at
             ON CONFLICT (merchant_id, op_key) DO NOTHING
             RETURNING *
           ), """
_KEY_AND_DELTAS = (
    "merchant_id, variant_id, location_id, on_hand_delta, reserved_delta, quarantined_delta, incoming_delta"
)


async def post(tx: Connection, entries: Sequence[Entry], now: datetime) -> None:
    """Append *entries* to the ledger and move the balances with them, in one statement.

    An entry that occurred before the newest count at its location changes what was, not what is: the units were in
    that count, or missing from it, already. Whoever posts such entries has locked the balances.
    """
    both = f"(SELECT {_KEY_AND_DELTAS} FROM new UNION ALL SELECT {_KEY_AND_DELTAS} FROM in_a_count) AS n"
    dated = any(e.occurred_at is not None and e.on_hand_delta for e in entries)
    await tx.execute(
        f"""WITH new AS (
             INSERT INTO stock_ledger (merchant_id, op_key, variant_id, location_id, on_hand_delta, reserved_delta,
               quarantined_delta, incoming_delta, reason, cause, actor, occurred_at, order_id, recorded_at)
             -- Of arrays of unequal length the shorter ones end in NULLs: what is usual is not sent.
             SELECT m, k, v, l, coalesce(oh, 0), rs, coalesce(qu, 0), coalesce(inc, 0), r, c, coalesce(a, 'hub'),
               coalesce(t, $14), o, $14
             FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::int[], $6::int[], $7::int[],
               $8::int[], $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::bigint[])
               AS e (m, k, v, l, oh, rs, qu, inc, r, c, a, t, o)
             ON CONFLICT (merchant_id, op_key) DO NOTHING
             RETURNING {"*" if dated else _KEY_AND_DELTAS}
           ), {_IN_A_COUNT if dated else ""}sums AS (
             SELECT merchant_id, variant_id, location_id, sum(on_hand_delta)::int AS oh, sum(reserved_delta)::int AS rs,
               sum(quarantined_delta)::int AS qu, sum(incoming_delta)::int AS inc
             FROM {both if dated else "new"}
             GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
           ), moved AS (
             -- Apart from the insert below: PostgreSQL checks a row that is to be inserted before it looks for the
             -- one that is there, and a release alone is below zero.
             UPDATE stock s SET on_hand = s.on_hand + sums.oh, reserved = s.reserved + sums.rs,
               quarantined = s.quarantined + sums.qu, incoming = s.incoming + sums.inc FROM sums
             WHERE s.merchant_id = sums.merchant_id AND s.variant_id = sums.variant_id
               AND s.location_id = sums.location_id
             RETURNING s.merchant_id, s.variant_id, s.location_id
           )
           INSERT INTO stock AS s (merchant_id, variant_id, location_id, on_hand, reserved, quarantined, incoming)
           SELECT * FROM sums WHERE (merchant_id, variant_id, location_id) NOT IN (SELECT * FROM moved)
           ON CONFLICT (merchant_id, variant_id, location_id)
           DO UPDATE SET on_hand = s.on_hand + excluded.on_hand, reserved = s.reserved + excluded.reserved,
             quarantined = s.quarantined + excluded.quarantined, incoming = s.incoming + excluded.incoming""",
        [e.merchant_id for e in entries],
        [e.op_key for e in entries],
        [e.variant_id for e in entries],
        [e.location_id for e in entries],
        unless_usual([e.on_hand_delta for e in entries], 0),
        [e.reserved_delta for e in entries],
        unless_usual([e.quarantined_delta for e in entries], 0),
        unless_usual([e.incoming_delta for e in entries], 0),
        [e.reason for e in entries],
        [e.cause for e in entries],
        unless_usual([e.actor for e in entries], "hub"),
        unless_usual([e.occurred_at for e in entries], None),
        unless_usual([e.order_id for e in entries], None),
        now,
    )


async def transaction_id(tx: Connection) -> str:
    """This transaction's number, which no other one ever has."""
    return str(await tx.fetchval("SELECT pg_current_xact_id()::text"))


_RESERVATION = ("merchant_id", "order_id", "line_id", "location_id", "variant_id", "held", "shipped")
_ADD_RESERVATIONS = f"""INSERT INTO reservations ({", ".join(_RESERVATION)})
  SELECT m, o, i, l, v, h, coalesce(s, 0)
  FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::int[], $7::int[])
    AS r (m, o, i, l, v, h, s)"""


async def add_reservations(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store the reservations of orders that have none yet."""
    await tx.execute(_ADD_RESERVATIONS, *_reservation_columns(rows))


async def put_reservations(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store reservations; one that is there is replaced."""
    await tx.execute(
        f"""{_ADD_RESERVATIONS} ON CONFLICT (merchant_id, order_id, line_id, variant_id, location_id)
           DO UPDATE SET held = excluded.held, shipped = excluded.shipped""",
        *_reservation_columns(rows),
    )


def _reservation_columns(rows: Sequence[dict[str, Any]]) -> list[Sequence[Any]]:
    *usual, shipped = columns(rows, *_RESERVATION)
    return [*usual, unless_usual(shipped, 0)]


async def put_shortages(tx: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    """Open, change or close shortages; *oversold* is only ever set when one opens or grows. One that opens again has the
    new cause. Only `core.usecases.record_shortages` does this, so that each has its incident.
    """
    await tx.execute(
        """INSERT INTO shortages AS s (merchant_id, order_id, line_id, variant_id, quantity, oversold, cause, opened_at,
             closed_at)
           SELECT m, o, l, v, q, x, c, $8::timestamptz, CASE WHEN q = 0 THEN $8::timestamptz END
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::int[], $6::int[], $7::jsonb[])
             AS r (m, o, l, v, q, x, c)
           ON CONFLICT (merchant_id, order_id, line_id, variant_id) DO UPDATE SET quantity = excluded.quantity,
             oversold = s.oversold + excluded.oversold, closed_at = excluded.closed_at,
             cause = CASE WHEN s.quantity = 0 AND excluded.quantity > 0 THEN excluded.cause ELSE s.cause END,
             opened_at = CASE WHEN s.quantity = 0 AND excluded.quantity > 0 THEN excluded.opened_at ELSE s.opened_at END""",
        *columns(rows, "merchant_id", "order_id", "line_id", "variant_id", "quantity", "oversold", "cause"),
        now,
    )


async def dirty_of(tx: Connection, merchant_id: int, variants: Sequence[int]) -> set[int]:
    """Those of *variants* that are marked to be levelled anew."""
    rows = await tx.fetch(
        "SELECT variant_id FROM dirty WHERE merchant_id = $1 AND variant_id = ANY ($2::bigint[])",
        merchant_id,
        list(variants),
    )
    return {row["variant_id"] for row in rows}


async def mark_dirty(
    tx: Connection, variants: Iterable[tuple[int, int]], now: datetime, *, sold: bool = False
) -> None:
    """Say that listings of (merchant, variant), and of every kit it is in, must be levelled anew. Locks a mark that is
    there: levelling that runs now may not take it away before we have committed.

    *sold* says that a sale made it so, or something that follows from one: what changes then is never held as a wave.
    """
    wanted = sorted(set(variants))
    await tx.execute(
        """WITH RECURSIVE moved AS (
             SELECT m, v FROM unnest($1::bigint[], $2::bigint[]) AS k (m, v)
             UNION
             SELECT c.merchant_id, c.kit_id
             FROM moved JOIN kit_components c ON c.merchant_id = moved.m AND c.component_id = moved.v)
           INSERT INTO dirty AS d (merchant_id, variant_id, since, sold) SELECT m, v, $3, $4 FROM moved ORDER BY m, v
           ON CONFLICT (merchant_id, variant_id) DO UPDATE SET marks = d.marks + 1, sold = d.sold AND excluded.sold""",
        [pair[0] for pair in wanted],
        [pair[1] for pair in wanted],
        now,
        sold,
    )


async def below_reserved(tx: Connection, merchant_id: int, variants: Sequence[int]) -> list[Row]:
    """Shelves of *variants* that hold less than is set aside: (variant_id, location_id, missing)."""
    return await tx.fetch(
        """SELECT variant_id, location_id, reserved - on_hand AS missing FROM stock
           WHERE merchant_id = $1 AND variant_id = ANY ($2::bigint[]) AND on_hand < reserved""",
        merchant_id,
        variants,
    )


async def below_and_dirty(tx: Connection, merchants: Sequence[int]) -> dict[int, list[int]]:
    """Variants of *merchants* that have just moved and of which a shelf holds less than is set aside."""
    await declare(tx, merchants)
    rows = await tx.fetch(
        """SELECT DISTINCT s.merchant_id, s.variant_id FROM dirty d JOIN stock s USING (merchant_id, variant_id)
           WHERE s.on_hand < s.reserved ORDER BY 1, 2"""
    )
    found: dict[int, list[int]] = {}
    for row in rows:
        found.setdefault(row["merchant_id"], []).append(row["variant_id"])
    return found


async def last_lowered(
    tx: Connection, merchant_id: int, shelves: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], dict[str, Any]]:
    """Of (variant, location) pairs, the last entry by which units were found missing: its reason, cause and time."""
    rows = await tx.fetch(
        """SELECT k.v, k.l, e.reason, e.cause, e.recorded_at FROM unnest($2::bigint[], $3::bigint[]) AS k (v, l)
           CROSS JOIN LATERAL (SELECT * FROM stock_ledger e WHERE e.merchant_id = $1 AND e.variant_id = k.v
             AND e.location_id = k.l AND e.on_hand_delta < 0 AND e.reason <> 'ship' ORDER BY e.entry_id DESC LIMIT 1) e""",
        merchant_id,
        [shelf[0] for shelf in shelves],
        [shelf[1] for shelf in shelves],
    )
    return {
        (row["v"], row["l"]): {
            "reason": row["reason"],
            "lowered_by": row["cause"],
            "lowered_at": row["recorded_at"].isoformat(),
        }
        for row in rows
    }


# Whether orders of a connection (o) are served from a shelf s.
_SERVED = """(EXISTS (SELECT FROM connection_locations cl WHERE cl.merchant_id = o.merchant_id
    AND cl.connection_id = o.connection_id AND cl.location_id = s.location_id)
  OR (s.location_id = (SELECT min(x.location_id) FROM locations x WHERE x.merchant_id = o.merchant_id)
    AND NOT EXISTS (SELECT FROM connection_locations cl WHERE cl.merchant_id = o.merchant_id
      AND cl.connection_id = o.connection_id)))"""

# Of a shortage sh of an order line l: what is missing is free, or the kit it is missing for is there ready-made, or what
# is missing is a ready-made kit and some location has all it is made of.
_COULD_BE_FILLED = f"""(
  EXISTS (SELECT FROM stock s WHERE s.merchant_id = sh.merchant_id
    AND s.variant_id IN (sh.variant_id, l.variant_id) AND s.on_hand > s.reserved AND ({_SERVED} OR {ELSEWHERE}))
  OR (sh.variant_id = l.variant_id AND EXISTS (
    SELECT FROM jsonb_each_text(l.made_of) m
    JOIN stock s ON s.merchant_id = sh.merchant_id AND s.variant_id = m.key::bigint
      AND s.on_hand - s.reserved >= m.value::int AND ({_SERVED} OR {ELSEWHERE})
    GROUP BY s.location_id HAVING count(*) = (SELECT count(*) FROM jsonb_object_keys(l.made_of)))))"""


async def merchants_short(tx: Connection, merchants: Sequence[int]) -> list[int]:
    """Which of *merchants* have a shortage that free units could fill."""
    await declare(tx, merchants)
    rows = await tx.fetch(
        f"""SELECT DISTINCT sh.merchant_id FROM shortages sh JOIN orders o USING (merchant_id, order_id)
           JOIN order_lines l USING (merchant_id, order_id, line_id) WHERE sh.quantity > 0 AND {_COULD_BE_FILLED}"""
    )
    return sorted(row["merchant_id"] for row in rows)


async def open_shortages(tx: Connection, merchant_id: int, limit: int) -> list[Row]:
    """Lines with open shortages that free units could fill: what has to ship first, then what was placed first; last what
    is to be cancelled. *made_of* is component -> units of a line whose *variant_id* is a kit.
    """
    return await tx.fetch(
        f"""SELECT sh.order_id, sh.line_id, l.variant_id, l.made_of, o.connection_id
           FROM shortages sh JOIN orders o USING (merchant_id, order_id)
           JOIN order_lines l USING (merchant_id, order_id, line_id)
           WHERE sh.merchant_id = $1 AND sh.quantity > 0 AND {_COULD_BE_FILLED}
           GROUP BY sh.order_id, sh.line_id, l.variant_id, l.made_of, o.merchant_id, o.order_id
           ORDER BY o.holds @> '[{{"code": "cancel_proposed"}}]', o.ship_by NULLS LAST,
             coalesce(o.placed_at, min(sh.opened_at)), sh.order_id, sh.line_id LIMIT $2""",
        merchant_id,
        limit,
    )


async def competing_sales(tx: Connection, merchant_id: int, variants: Sequence[int]) -> list[Row]:
    """The last reservations of variants, newest first: who took the units an oversold order wanted."""
    return await tx.fetch(
        """SELECT r.variant_id, o.order_id, o.connection_id, o.channel_order_id, o.placed_at, d.received_at, r.held
           FROM unnest($2::bigint[]) AS v (variant_id)
           CROSS JOIN LATERAL (SELECT * FROM reservations r WHERE r.merchant_id = $1 AND r.variant_id = v.variant_id
             ORDER BY r.order_id DESC LIMIT 5) r
           JOIN orders o ON o.merchant_id = r.merchant_id AND o.order_id = r.order_id
           JOIN deliveries d ON d.merchant_id = o.merchant_id AND d.delivery_id = o.delivery_id""",
        merchant_id,
        variants,
    )


async def levels_of_stock(tx: Connection, limit: int) -> list[dict[str, Any]]:
    """Every variant with its balances, for people: sku, title, location, on_hand, reserved, free, ..."""
    rows = await tx.fetch(
        """SELECT v.sku, v.title, l.name AS location, s.on_hand, s.reserved, s.on_hand - s.reserved AS free,
             s.quarantined, s.incoming, s.counted_at
           FROM stock s JOIN variants v USING (merchant_id, variant_id) JOIN locations l USING (merchant_id, location_id)
           ORDER BY v.sku, l.name LIMIT $1""",
        limit,
    )
    return [dict(row) for row in rows]
