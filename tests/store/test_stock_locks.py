"""Shelves are locked in one order, whoever wants which of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from core.store import connections, stock
from core.usecases.count_stock import Counted, count_stock

SHELVES, DESKS, ROUNDS = 150, 4, 12


async def test_who_want_the_same_shelves_at_once_never_wait_for_each_other_in_a_circle(
    fresh: str, make_hub: Callable[..., Any]
) -> None:
    hub = await make_hub()
    async with hub.database.transaction([]) as tx:
        merchant_id = await connections.add_merchant(tx, "Mia", hub.settings.inbound, hub.clock())
    await count_stock(hub, merchant_id, [Counted(f"S-{n}", 5) for n in range(SHELVES)], cause="first count")
    async with hub.database.transaction([merchant_id]) as tx:
        rows = await tx.fetch("SELECT variant_id FROM stock")
    wanted = [(merchant_id, row["variant_id"]) for row in rows]

    async def desk(number: int) -> None:
        luck = random.Random(number)
        for _ in range(ROUNDS):
            async with hub.database.transaction([merchant_id]) as tx:
                locked = await stock.lock(tx, luck.sample(wanted, SHELVES))
                assert len(locked) == SHELVES
                await asyncio.sleep(0.005)  # the others come, and wait with what they have locked so far

    # A circle would end one of them with an error, after a second.
    await asyncio.gather(*(desk(number) for number in range(DESKS)))
