"""Decide waves: a person answers whether a change of many listings is meant."""

from __future__ import annotations

from core.errors import Missing
from core.hub import Hub
from core.store import connections, schedule, waves
from core.store.database import again


@again
async def decide_wave(hub: Hub, wave_id: int, *, release: bool, by: str) -> int:
    """Tell the channel after all (*release*), or leave its listings as they are until what they may sell changes again.

    Returns how many levels that is about. Raises `Missing` when there is no such open question.
    """
    now = hub.clock()
    async with hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
    async with hub.database.transaction(merchants) as tx:
        found = await waves.find(tx, wave_id)
        if found is None:
            raise Missing(f"There is no wave {wave_id} that waits.", fix="See `fairway waves`.")
        where = found["merchant_id"], found["connection_id"]
        await schedule.ring(tx, "push", [where], now)
        await waves.decide(tx, wave_id, "released" if release else "dropped", by, now)
        if release:
            count = await waves.let_go(tx, *where, found["kind"])
        else:
            count = await waves.put_aside(tx, *where, found["kind"], now)
    await hub.wake.ring("push", [where[0]])
    return count
