"""Merchant's own words and rules, and the deliveries they are tried on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeAlias

from core.store.database import Connection, Row, json_texts

Lookups: TypeAlias = dict[str, dict[str, str]]


async def put_words(tx: Connection, merchant_id: int, rows: Sequence[tuple[int, str, str, str]]) -> None:
    """Keep (connection or 0, lookup, word, meaning) rows; a word that is there gets the new meaning."""
    await tx.execute(
        """INSERT INTO overrides SELECT $1, c, l, w, m
           FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) AS r (c, l, w, m)
           ON CONFLICT (merchant_id, connection_id, lookup, word) DO UPDATE SET meaning = excluded.meaning""",
        merchant_id,
        *([row[index] for row in rows] for index in range(4)),
    )


async def words(tx: Connection) -> list[dict[str, Any]]:
    """Every word of the declared merchants, with the connection's name ("" for all)."""
    rows = await tx.fetch(
        """SELECT m.name AS merchant, coalesce(c.name, '') AS connection, o.lookup, o.word, o.meaning
           FROM overrides o JOIN merchants m USING (merchant_id)
           LEFT JOIN connections c USING (merchant_id, connection_id) ORDER BY 1, 2, 3, 4"""
    )
    return [dict(row) for row in rows]


async def put_rules(
    tx: Connection, merchant_id: int, connection_id: int, rules: Sequence[tuple[dict[str, Any], str]]
) -> None:
    """Replace the intake rules of one connection (0: of all) by (conditions, action), the first to be asked first."""
    await tx.execute(
        "DELETE FROM intake_rules WHERE merchant_id = $1 AND connection_id = $2", merchant_id, connection_id
    )
    await tx.execute(
        """INSERT INTO intake_rules SELECT $1, $2, n, c::jsonb, a
           FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS r (c, a, n)""",
        merchant_id,
        connection_id,
        json_texts([conditions for conditions, _ in rules]),
        [action for _, action in rules],
    )


async def newest_bodies(tx: Connection, merchant_id: int, limit: int) -> list[Row]:
    """The newest deliveries with their sealed bodies."""
    return await tx.fetch(
        """SELECT connection_id, topic, dedupe_key, body FROM deliveries
           WHERE merchant_id = $1 ORDER BY delivery_id DESC LIMIT $2""",
        merchant_id,
        limit,
    )


async def orders_held_for(tx: Connection, merchant_id: int, code: str) -> list[tuple[int, str]]:
    """(connection, channel order id) of orders that carry a hold of one code."""
    rows = await tx.fetch(
        """SELECT connection_id, channel_order_id FROM orders WHERE merchant_id = $1 AND holds <> '[]'
           AND holds @> jsonb_build_array(jsonb_build_object('code', $2::text)) ORDER BY 1, 2""",
        merchant_id,
        code,
    )
    return [(row["connection_id"], row["channel_order_id"]) for row in rows]


async def overrides(tx: Connection, pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], Lookups]:
    """The merchants' own lookup rows for (merchant, connection) pairs; those of the connection win over those of all its
    merchant's.
    """
    rows = await tx.fetch(
        """SELECT merchant_id, connection_id, lookup, word, meaning FROM overrides
           WHERE merchant_id = ANY ($1::bigint[]) ORDER BY connection_id""",
        [*{merchant for merchant, _ in pairs}],
    )
    found: dict[tuple[int, int], Lookups] = {pair: {} for pair in pairs}
    for row, pair in _for_pairs(rows, pairs):
        found[pair].setdefault(row["lookup"], {})[row["word"]] = row["meaning"]
    return found


async def intake_rules(
    tx: Connection, pairs: Collection[tuple[int, int]]
) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """The rules for (merchant, connection) pairs, first those of the connection, then those for all of its merchant's."""
    rows = await tx.fetch(
        """SELECT merchant_id, connection_id, conditions, action FROM intake_rules
           WHERE merchant_id = ANY ($1::bigint[]) ORDER BY connection_id DESC, position""",
        [*{merchant for merchant, _ in pairs}],
    )
    found: dict[tuple[int, int], list[dict[str, Any]]] = {pair: [] for pair in pairs}
    for row, pair in _for_pairs(rows, pairs):
        found[pair].append({"conditions": row["conditions"], "action": row["action"]})
    return found


def _for_pairs(
    rows: Sequence[Row], pairs: Collection[tuple[int, int]]
) -> Iterator[tuple[Row, tuple[int, int]]]:
    """Each row with each pair that it is for: the connection 0 stands for all of a merchant's."""
    if not rows:
        return
    of_merchant: dict[int, list[tuple[int, int]]] = {}
    for pair in pairs:
        of_merchant.setdefault(pair[0], []).append(pair)
    for row in rows:
        for pair in of_merchant[row["merchant_id"]]:
            if row["connection_id"] in (0, pair[1]):
                yield row, pair
