"""What the hub's reservations are compared with sells each unit once, however many sessions want it."""

from __future__ import annotations

from bench.hot_update import open_shelf
from console.bench.stand import open_stand


async def test_many_sessions_sell_what_is_there_and_no_more() -> None:
    async with open_stand() as stand, open_shelf(await stand.new_database("shelf"), 5) as shelf:
        await shelf.fill("A", 30)
        await shelf.fill("B", 30)
        assert await shelf.sell("A", 20) == 20
        assert await shelf.sell("A", 20) == 10
        assert await shelf.free("A") == 0
        assert await shelf.free("B") == 30
