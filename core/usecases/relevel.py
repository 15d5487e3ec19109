"""Relevel: turn dirty variants into what each listing may sell. A hundred sales make one wish and one push."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.hub import Hub
from core.rules.stock import desired_level
from core.store import levels, schedule
from core.store.database import declare

SLICE = 500  # variants levelled in one transaction


@dataclass(frozen=True, slots=True)
class Releveled:
    variants: int
    connections: int


async def relevel(hub: Hub, *, limit: int = SLICE) -> Releveled:
    """Level one slice of dirty variants and make the channels due that have to be told."""
    now: datetime = hub.clock()
    async with hub.database.transaction([]) as tx:
        dirty = await levels.take_dirty(tx, limit)
        if not dirty:
            return Releveled(0, 0)
        await declare(tx, {merchant_id for merchant_id, _ in dirty})
        rows = [
            {**dict(row), "desired": desired_level(row["free"])} for row in await levels.free_by_level(tx, dirty)
        ]
        told = await levels.put_desired(tx, rows, now) if rows else []
        if told:
            await schedule.ring(tx, "push", told, now)
    if told:
        await hub.wake.ring("push")
    return Releveled(len(dirty), len(told))
