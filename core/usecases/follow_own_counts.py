"""Follows what channels do to their own counts: the levels of the listings that sold move as the channel moved them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from core.rules.own_count import still_counts
from core.rules.stock import CROSSING, LONGEST_CALL
from core.store import levels, orders
from core.store.database import Connection, Row
from core.usecases.order_lines import LineKey, Want, WantedLine

LevelKey = tuple[int, int, int, str]  # merchant, connection, listing, channel location


class Change(NamedTuple):
    """What one order line did to its channel's number of a listing: by how much it *lowered* it (below zero: raised),
    and how many more *unshipped* units it includes. *sold* is how many more units were ordered. *location* is the
    channel's, where it said so.
    """

    want: Want
    listing_id: int
    variant_id: int | None
    location: str | None
    lowered: int = 0
    unshipped: int = 0
    sold: int = 0

    @property
    def moves(self) -> bool:
        return bool(self.lowered or self.unshipped)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A stored line that is not in its order any more, and what it is to the channel's number from now on."""

    key: tuple[int, int, str]  # merchant, order, line
    lowered: int


def changes_of(
    lines: Sequence[WantedLine], before: dict[LineKey, Row], wants: Sequence[Want]
) -> tuple[list[Change], list[Dropped]]:
    """What happened to the channels' own counts since *before*, and the stored lines that are gone."""
    changes = [
        change for line in lines for change in _of_line(line, before.get(line.key) if before else None)
    ]
    named = {line.key for line in lines} if before else set()
    dropped = []
    by_order = {want.order_id: want for want in wants}
    for key, row in before.items():
        want = by_order.get(key[0])
        if want is None or key in named:
            continue
        # An order that was deleted gives nothing back; a line that was taken out of one does where cancelling does.
        back = want.order is not None and want.rule.gives_back
        left = min(row["lowered"], row["quantity_fulfilled"]) if back else row["lowered"]
        dropped.append(Dropped((want.merchant_id, *key), left))
        if row["listing_id"]:
            changes.append(_change(want, row, lowered=left - row["lowered"], unshipped=-row["unshipped"]))
    return [change for change in changes if change.moves or change.sold], dropped


def _of_line(line: WantedLine, known: Row | None) -> Iterable[Change]:
    lowered, unshipped, sold = line.own.lowered, line.own.unshipped, line.line.units
    if known:
        sold -= known["quantity"]
        lowered -= known["lowered"]
        if known["listing_id"] == line.listing_id:
            unshipped -= known["unshipped"]
        elif known["listing_id"]:
            yield _change(line.want, known, unshipped=-known["unshipped"])
    elif line.want.in_counts:
        lowered = sold = 0  # it was off the number that we looked at first
    if line.listing_id:
        where = line.line.channel_location_id
        yield Change(line.want, line.listing_id, line.variant_id, where, lowered, unshipped, max(0, sold))


def _change(want: Want, row: Row, *, lowered: int = 0, unshipped: int = 0) -> Change:
    return Change(want, row["listing_id"], row["variant_id"], row["channel_location_id"], lowered, unshipped)


async def follow_own_counts(
    tx: Connection,
    lines: Sequence[WantedLine],
    changes: Sequence[Change],
    dropped: Sequence[Dropped],
    now: datetime,
) -> dict[int, Row]:
    """Move levels by *changes*; returns the first level of each listing of *lines* as it was before."""
    wanted = {(line.want.merchant_id, line.listing_id) for line in lines if line.listing_id}
    wanted |= {(change.want.merchant_id, change.listing_id) for change in changes}
    if dropped:
        await orders.drop_own_counts(tx, [(*one.key, one.lowered) for one in dropped])
    if not wanted:
        return {}
    keys = sorted(wanted)
    known: dict[int, list[Row]] = defaultdict(list)
    for row in await levels.lock_of_listings(tx, [key[0] for key in keys], [key[1] for key in keys]):
        known[row["listing_id"]].append(row)
    moved: dict[LevelKey, dict[str, Any]] = {}
    blind: list[tuple[int, int, datetime, datetime]] = []  # where a write may have wiped the change out
    for change in changes:
        level = _level(known.get(change.listing_id, ()), change.location)
        if level is None:
            continue
        key = (
            level["merchant_id"],
            level["connection_id"],
            level["listing_id"],
            level["channel_location_id"],
        )
        sums = moved.setdefault(
            key, {**dict(level), "lowered": 0, "more_unshipped": 0, "maybe": None, "sold": 0}
        )
        sums["more_unshipped"] += change.unshipped
        sums["sold"] += change.sold
        if change.lowered < 0:
            counts = still_counts(change.want.happened, level["confirmed_at"], CROSSING)
            if counts is False:
                continue
            if counts is None:
                sums["maybe"] = level["predicted"]
        sums["lowered"] += change.lowered
        if change.lowered > 0 and not change.want.rule.compares:
            blind.append((change.want.merchant_id, change.listing_id, *change.want.happened))
    crossed = await levels.written_near(tx, blind, CROSSING, LONGEST_CALL) if blind else set()
    if moved:
        await levels.count_own(
            tx,
            [
                {**row, "maybe": row["confirmed"] if row["listing_id"] in crossed else row["maybe"]}
                for _, row in sorted(moved.items())
            ],
            now,
        )
    return {listing_id: rows[0] for listing_id, rows in known.items()}


def _level(rows: Sequence[Row], location: str | None) -> Row | None:
    """The level at the channel's *location*, else its first one."""
    return next((row for row in rows if row["channel_location_id"] == location), rows[0] if rows else None)
