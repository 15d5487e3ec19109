"""The lines that runs said: written once, read by run, by order and as they come, deleted when they are old."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.log import Said
from core.store.database import Connection, json_texts

LEVELS = ("info", "warning", "error", "critical")  # from the least to the most urgent

_COLUMNS = {
    "connection": 64,
    "order": 64,
    "effect": 64,
    "attempt": 32,
}  # fields that are columns, and their bits

_LINE = """SELECT l.line_id, l.run_id, l.at, l.level, l.message, l.merchant_id, l.connection_id, c.name AS connection,
    l.order_id, l.effect_id, l.attempt, l.fields, r.kind
  FROM run_lines l LEFT JOIN connections c USING (merchant_id, connection_id)
  LEFT JOIN runs r ON r.merchant_id = ANY (ARRAY[0, l.merchant_id]) AND r.run_id = l.run_id"""


@dataclass(frozen=True, slots=True)
class Lines:
    """What a run said. A line is about the run's merchant and connection unless its fields name others."""

    merchant_id: int
    connection_id: int | None
    run_id: int
    said: Sequence[Said]


async def add(tx: Connection, them: Sequence[Lines]) -> None:
    """Write the lines of runs, in a savepoint of their own: where they cannot be written, the rest still can.

    The merchants they are about have to be declared.
    """
    lines = [line for lines in them for line in lines.said]
    rows = [_row(line, lines.merchant_id, lines.connection_id) for lines in them for line in lines.said]
    async with tx.transaction():
        await tx.execute(
            """INSERT INTO run_lines (run_id, merchant_id, at, level, message, connection_id, order_id, effect_id,
                 attempt, fields)
               SELECT r, m, a, v, t, c, o, e, n, f::jsonb
               FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
                 $8::bigint[], $9::int[], $10::text[]) WITH ORDINALITY AS l (r, m, a, v, t, c, o, e, n, f, position)
               ORDER BY position""",
            [lines.run_id for lines in them for _ in lines.said],
            [row["merchant"] for row in rows],
            [line.at for line in lines],
            [line.level for line in lines],
            [line.message for line in lines],
            *([row[name] for row in rows] for name in _COLUMNS),
            json_texts([row["rest"] for row in rows]),
        )


def merchant_of(line: Said, merchant_id: int) -> int:
    """Whose line it is: the merchant it names, else *merchant_id*."""
    named: Any = line.fields.get("merchant")
    return int(named) if _fits(named, 64) else merchant_id


def _row(line: Said, merchant_id: int, connection_id: int | None) -> dict[str, Any]:
    rest = dict(line.fields)
    row: dict[str, Any] = {"merchant": merchant_of(line, merchant_id), "connection": connection_id}
    for name, bits in _COLUMNS.items():
        row.setdefault(name, None)
        if _fits(rest.get(name), bits):  # an order that has no id of ours yet is named in the channel's words
            row[name] = rest.pop(name)
    if rest.get("merchant") == row["merchant"]:
        del rest["merchant"]
    return {**row, "rest": rest}


def _fits(value: Any, bits: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << (bits - 1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are asked for. An order is meant by our ids for it and by the words its channel has for it."""

    since: datetime
    connection_id: int | None = None
    order_ids: tuple[int, ...] = ()
    order_words: tuple[str, ...] = ()
    level: str = LEVELS[0]


async def find(
    tx: Connection,
    merchants: Sequence[int],
    wanted: Wanted,
    limit: int,
    *,
    after: tuple[datetime, int] | None = None,
    above: int = 0,
    but: Collection[int] = (),
) -> list[dict[str, Any]]:
    """Up to *limit* lines that are wanted, the oldest first, from *after* (time, id) on; only such with an id *above*
    and not among *but*.
    """
    rows = await tx.fetch(
        f"""{_LINE} WHERE l.merchant_id = ANY ($1::bigint[]) AND (l.at, l.line_id) > ($2, $3)
             AND l.line_id > $4 AND l.line_id <> ALL ($5::bigint[]) AND l.level = ANY ($6::text[])
             AND ($7::bigint IS NULL OR l.connection_id = $7)
             AND (NOT $8 OR l.order_id = ANY ($9::bigint[]) OR l.fields ->> 'order' = ANY ($10::text[]))
           ORDER BY l.at, l.line_id LIMIT $11""",
        [0, *merchants],
        *(after or (wanted.since, 0)),
        above,
        list(but),
        list(LEVELS[LEVELS.index(wanted.level) :]),
        wanted.connection_id,
        bool(wanted.order_ids or wanted.order_words),
        list(wanted.order_ids),
        list(wanted.order_words),
        limit,
    )
    return [dict(row) for row in rows]


async def of_run(tx: Connection, merchants: Sequence[int], run_id: int, limit: int) -> list[dict[str, Any]]:
    """The first *limit* lines of a run, the oldest first."""
    rows = await tx.fetch(
        f"{_LINE} WHERE l.run_id = $2 AND l.merchant_id = ANY ($1::bigint[]) ORDER BY l.at, l.line_id LIMIT $3",
        [0, *merchants],
        run_id,
        limit,
    )
    return [dict(row) for row in rows]


async def handed_out(tx: Connection) -> int:
    """The highest id a line was given so far, committed or not."""
    return int(
        await tx.fetchval(
            """SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('run_lines', 'line_id')::regclass), 0)"""
        )
    )


async def trim(tx: Connection, merchants: Sequence[int], before: datetime, limit: int) -> int:
    """Delete up to *limit* lines said *before*; returns how many were."""
    status = await tx.execute(
        """DELETE FROM run_lines l USING (
             SELECT merchant_id, line_id FROM run_lines WHERE at < $2 AND merchant_id = ANY ($1::bigint[])
             ORDER BY at LIMIT $3) old
           WHERE l.merchant_id = old.merchant_id AND l.line_id = old.line_id""",
        [0, *merchants],
        before,
        limit,
    )
    return int(status.rsplit(" ", 1)[-1])
