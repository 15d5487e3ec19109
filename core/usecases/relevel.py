"""Relevel: turn dirty variants into what each listing may sell. A hundred sales make one wish and one push."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.failpoints import reach
from core.hub import Hub
from core.rules.brakes import wave_of
from core.rules.patience import BACKLOG, waiting
from core.rules.stock import Level
from core.store import connections, dirty_marks, level_facts, levels, schedule
from core.store.database import Connection, Row, declare
from core.store.dirty_marks import Taken
from core.usecases.level_variants import Levelled, Pair, level_variants
from core.usecases.run_log import recorded

SLICE = 500  # variants levelled in one transaction


@dataclass(frozen=True, slots=True)
class Releveled:
    variants: int
    connections: int


async def relevel(hub: Hub, *, limit: int = SLICE) -> Releveled:
    """Level one slice of dirty variants and make the channels due that have to be told.

    While many orders of a merchant wait to be applied, its variants of which plenty is left wait for further sales, at the
    longest as `core.rules.patience` says and until somebody looks again: slices ring, and so does the patrol.
    """
    now: datetime = hub.clock()
    async with recorded(hub, "relevel", [], now) as (tx, about):
        dirty = await dirty_marks.take(tx, limit, hub.share, but=await _waiting(tx, now))
        if not dirty:
            return Releveled(0, 0)
        await reach("relevel.taken")
        await declare(tx, {0, *(merchant_id for merchant_id, _ in dirty)})
        levelled = await level_variants(tx, dirty, now, blind=hub.blind_channels)
        rows = [
            _row(one, sold=mark is None or mark.sold)
            for one in levelled
            if (mark := dirty.get(_variant(one.row))) or one.wish.strict
        ]
        told = {(row["merchant_id"], row["connection_id"]) for row in rows if _to_tell(row)}
        if told:
            # In the order in which a push locks them: first its schedule, then the levels.
            await schedule.ring(tx, "push", told, now)
        rows = await _still_true(tx, rows, dirty)
        if rows:
            await levels.put_desired(tx, rows, now)
        about.counts = {"variants": len(dirty), "to_tell": len(told)}
        await reach("relevel.storing")
    await reach("relevel.stored")
    if told:
        await hub.wake.ring("push", {merchant_id for merchant_id, _ in told})
    return Releveled(len(dirty), len(told))


async def _waiting(tx: Connection, now: datetime) -> set[Pair]:
    """Variants that are left for a later round."""
    behind = await dirty_marks.with_backlog(tx, await connections.merchant_ids(tx), BACKLOG)
    if not behind:
        return set()
    await declare(tx, behind)
    return waiting(await dirty_marks.sold_of(tx, behind), now)


def _row(one: Levelled, *, sold: bool) -> dict[str, Any]:
    """What is written about a level. *sold* says that nothing but sales made it be levelled."""
    rule, desired = one.standing.rule, one.wish.quantity
    stopped = rule.stop_sell is not None
    shows = _level(one.row).sells
    return {
        **dict(one.row),
        "desired": desired,
        "strict": one.wish.strict,
        "ahead": one.wish.ahead,
        "stopped": stopped,
        "frozen": rule.freeze is not None,
        "wave": wave_of(before=one.row["before"], shows=shows, desired=desired, stopped=stopped),
        "sold": sold,
    }


def _to_tell(row: Mapping[str, Any]) -> bool:
    """Whether the channel may have to be told; the store decides under the row's lock."""
    return (
        row["maybe"] is not None
        or not _level(row).settled(row["desired"])
        or row["desired"] != row["before"]
        or (row["strict"] and row["possible"] > row["desired"])
    )


def _level(row: Mapping[str, Any] | Row) -> Level:
    return Level(row["predicted"], row["unseen"], row["unshipped"])


async def _still_true(
    tx: Connection, rows: list[dict[str, Any]], dirty: Mapping[Pair, Taken]
) -> list[dict[str, Any]]:
    """*rows* without the quotas of merchants whose channels may be selling more by now than was read.

    A variant that is levelled is ours until we commit: whoever moves its stock waits for its dirty mark. A quota that
    kits are part of rests on other variants too; so all its levels are locked and looked at once more.
    """
    strict = [row for row in rows if row["strict"]]
    if all(_variant(row) in dirty for row in strict):
        return rows
    possible = await level_facts.lock_possible(tx, {_variant(row) for row in strict})
    grown = {row["merchant_id"] for row in strict if possible.get(_key(row), 0) > row["possible"]}
    if grown:
        await dirty_marks.put_back(tx, {pair: mark for pair, mark in dirty.items() if pair[0] in grown})
    return [row for row in rows if row["merchant_id"] not in grown]


def _variant(row: Mapping[str, Any] | Row) -> Pair:
    return row["merchant_id"], row["variant_id"]


def _key(row: Mapping[str, Any]) -> tuple[int, int, int, str]:
    return row["merchant_id"], row["connection_id"], row["listing_id"], row["channel_location_id"]
