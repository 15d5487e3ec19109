"""Marks on variants whose listings must be levelled anew: which there are, taken and put back by levelling.

They are set by `core.store.stock.mark_dirty`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.rules.patience import Mark
from core.shares import EVERYBODY, Share
from core.store.database import Connection

LOOKED_AT = 5_000  # marks in one round that may be found to wait; what is beyond them waits for nothing


async def with_backlog(tx: Connection, merchants: Sequence[int], more_than: int) -> list[int]:
    """Those of *merchants* for whom *more_than* so many deliveries wait to be applied."""
    rows = await tx.fetch(
        """SELECT m.id FROM unnest($1::bigint[]) AS m (id)
           WHERE EXISTS (SELECT FROM todo t WHERE t.merchant_id = m.id OFFSET $2)""",
        merchants,
        more_than,
    )
    return [row["id"] for row in rows]


async def sold_of(tx: Connection, merchants: Sequence[int]) -> list[Mark]:
    """Marks of *merchants* that only sales made, not locked: what levelling may leave for later (`LOOKED_AT` of them)."""
    rows = await tx.fetch(
        """SELECT d.merchant_id, d.variant_id, d.since, coalesce((SELECT min(s.on_hand - s.reserved) FROM stock s
               WHERE s.merchant_id = d.merchant_id AND s.variant_id = d.variant_id), 0) AS left,
             EXISTS (SELECT FROM listing_levels ll
               WHERE ll.merchant_id = d.merchant_id AND ll.variant_id = d.variant_id AND ll.strict) AS strict
           FROM unnest($1::bigint[]) AS m (merchant_id) JOIN dirty d USING (merchant_id) WHERE d.sold LIMIT $2""",
        merchants,
        LOOKED_AT,
    )
    return [Mark(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Taken:
    """A mark of a levelling: since when it was there, and whether only sales made it (*sold*)."""

    since: datetime
    sold: bool


async def take(
    tx: Connection, limit: int, share: Share = EVERYBODY, *, but: Collection[tuple[int, int]] = ()
) -> dict[tuple[int, int], Taken]:
    """(merchant, variant) pairs to level, of merchants of *share* and none of those that are to wait (*but*), in key order;
    their marks are gone when this transaction commits.
    """
    rows = await tx.fetch(
        """DELETE FROM dirty d USING (SELECT merchant_id, variant_id FROM dirty
             WHERE (merchant_id, variant_id) NOT IN (SELECT * FROM unnest($2::bigint[], $3::bigint[]))
               AND queue_of(merchant_id, $4) = ANY ($5::int[])
             ORDER BY merchant_id, variant_id LIMIT $1 FOR UPDATE SKIP LOCKED) free
           WHERE d.merchant_id = free.merchant_id AND d.variant_id = free.variant_id
           RETURNING d.merchant_id, d.variant_id, d.since, d.sold""",
        limit,
        *_columns(but),
        share.queues,
        share.serves,
    )
    return {
        (row["merchant_id"], row["variant_id"]): Taken(row["since"], row["sold"])
        for row in sorted(rows, key=lambda row: (row["merchant_id"], row["variant_id"]))
    }


async def put_back(tx: Connection, marks: Mapping[tuple[int, int], Taken]) -> None:
    """Level these later after all: marks that this transaction has taken, as they were."""
    await tx.execute(
        """INSERT INTO dirty (merchant_id, variant_id, since, sold)
           SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::boolean[])""",
        *_columns(marks),
        [mark.since for mark in marks.values()],
        [mark.sold for mark in marks.values()],
    )


def _columns(pairs: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    both = list(pairs)
    return [pair[0] for pair in both], [pair[1] for pair in both]
