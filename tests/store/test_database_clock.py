"""Every process goes by the database's clock, however wrong its own machine's is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from core.clock import AnchoredClock, wall_clock
from core.store.database import Database


async def test_a_transaction_tells_the_time_and_a_wrong_clock_is_right_from_then_on(
    role_url: Callable[[str], str],
) -> None:
    database = await Database.connect(role_url("fairway_worker"), size=1)
    database.clock = AnchoredClock(wall=lambda: wall_clock() - timedelta(hours=1))
    before = database.clock()

    async with database.transaction([]):
        pass

    after = database.clock()
    await database.close()
    assert abs(wall_clock() - before - timedelta(hours=1)) < timedelta(seconds=5)
    assert abs(wall_clock() - after) < timedelta(seconds=5)


async def test_whoever_has_connected_goes_by_the_databases_clock_already(
    role_url: Callable[[str], str],
) -> None:
    database = await Database.connect(role_url("fairway_worker"), size=1)
    database.clock._wall = lambda: wall_clock() + timedelta(days=1)

    now = database.clock()

    await database.close()
    assert abs(wall_clock() - now) < timedelta(seconds=5)
