"""Shelves are locked in one order, whoever wants which of them: nobody waits for each other in a circle."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from core.store import connections, stock
from core.usecases.count_stock import Counted, count_stock

SHELVES = 30


async def test_shelves_are_locked_in_the_order_of_their_keys_in_whichever_order_they_are_wanted(
    fresh: str, make_hub: Callable[..., Any]
) -> None:
    hub = await make_hub()
    async with hub.database.transaction([]) as tx:
        merchant_id = await connections.add_merchant(tx, "Mia", hub.settings.inbound, hub.clock())
    await count_stock(hub, merchant_id, [Counted(f"S-{n}", 5) for n in range(SHELVES)], cause="first count")
    async with hub.database.transaction([merchant_id]) as tx:
        variants = [row["variant_id"] for row in await tx.fetch("SELECT variant_id FROM stock ORDER BY 1")]
    middle = variants[SHELVES // 2]
    wanted = [(merchant_id, variant) for variant in random.Random(1).sample(variants, SHELVES)]

    async def everything() -> int:
        async with hub.database.transaction([merchant_id]) as tx:
            return len(await stock.lock(tx, wanted))

    async with hub.database.transaction([merchant_id]) as tx:
        await stock.lock(tx, [(merchant_id, middle)])
        waiting = asyncio.create_task(everything())
        async with hub.database.transaction([merchant_id]) as other, asyncio.timeout(5):
            waits = """SELECT EXISTS (SELECT FROM pg_stat_activity
              WHERE wait_event_type = 'Lock' AND datname = current_database())"""
            while not await other.fetchval(waits):
                await asyncio.sleep(0.01)
            rows = await other.fetch("SELECT variant_id FROM stock ORDER BY 1 FOR UPDATE SKIP LOCKED")

    assert [row["variant_id"] for row in rows] == variants[SHELVES // 2 + 1 :]
    assert await waiting == SHELVES
