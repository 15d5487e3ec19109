"""Relevel: turn dirty variants into what each listing may sell. A hundred sales make one wish and one push."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.hub import Hub
from core.rules.stock import Level, desired_level
from core.store import levels, schedule
from core.store.database import declare
from core.usecases.run_log import recorded

SLICE = 500  # variants levelled in one transaction


@dataclass(frozen=True, slots=True)
class Releveled:
    variants: int
    connections: int


async def relevel(hub: Hub, *, limit: int = SLICE) -> Releveled:
    """Level one slice of dirty variants and make the channels due that have to be told."""
    now: datetime = hub.clock()
    async with recorded(hub, "relevel", [], now) as (tx, about):
        dirty = await levels.take_dirty(tx, limit)
        if not dirty:
            return Releveled(0, 0)
        await declare(tx, {0, *(merchant_id for merchant_id, _ in dirty)})
        rows = [
            {**dict(row), "desired": desired_level(row["free"])}
            for row in await levels.free_by_level(tx, dirty)
        ]
        told = {(row["merchant_id"], row["connection_id"]) for row in rows if _to_tell(row)}
        if told:
            # In the order in which a push locks them: first its schedule, then the levels.
            await schedule.ring(tx, "push", told, now)
        if rows:
            await levels.put_desired(tx, rows, now)
        about.counts = {"variants": len(dirty), "to_tell": len(told)}
    if told:
        await hub.wake.ring("push")
    return Releveled(len(dirty), len(told))


def _to_tell(row: dict[str, Any]) -> bool:
    """Whether the channel may have to be told; the store decides under the row's lock."""
    level = Level(row["predicted"], row["unseen"])
    return row["maybe"] is not None or not level.settled(row["desired"]) or row["desired"] != row["before"]
