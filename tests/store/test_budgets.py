"""Rows of budgets and circuits under concurrent workers: each change is made once, and only by its merchant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from core.connector import BudgetTold, Limits
from core.hub import Hub
from core.rules.budget import full
from core.rules.circuit import BURST_S, FIRST_S, TRIPS_AT, seconds_shut
from core.store import budgets, circuits
from core.store.budgets import Family, Taking
from core.store.database import Database

LIMITS = Limits(points_per_s=40, burst=400)
OURS, THEIRS = Family(1, 7, "api", LIMITS, tells=False), Family(2, 8, "api", LIMITS, tells=False)


@pytest.fixture
async def database(make_hub: Callable[..., Awaitable[Hub]]) -> Database:
    return (await make_hub()).database


async def take(database: Database, family: Family, now: Any, cost: float = 1.0) -> tuple[float, float]:
    async with database.transaction([family.merchant_id]) as tx:
        [(_, granted, wait)] = await budgets.take_chunks(tx, [Taking(family, cost)], now)
    return granted, wait


async def test_many_workers_at_once_are_handed_what_is_there_and_the_rest_waits(
    database: Database, clock: Any
) -> None:
    results = await asyncio.gather(*[take(database, OURS, clock()) for _ in range(30)])

    grants = [granted for granted, _ in results if granted]
    assert sum(grants) == full(LIMITS, clock()).points == 360
    assert len(grants) == 9
    assert all(wait > 0 for granted, wait in results if not granted)


async def test_what_a_worker_did_not_use_another_may(database: Database, clock: Any) -> None:
    while (await take(database, OURS, clock()))[0]:
        continue
    async with database.transaction([1]) as tx:
        [(_, granted, wait)] = await budgets.take_chunks(tx, [Taking(OURS, 5.0, 25.0)], clock())

    assert (granted, wait) == (25.0, 0.0)


async def test_a_block_holds_for_every_worker_until_its_end(database: Database, clock: Any) -> None:
    await take(database, OURS, clock())
    async with database.transaction([1]) as tx:
        await budgets.block(tx, OURS, clock() + timedelta(seconds=60), clock())

    assert (await take(database, OURS, clock()))[1] == pytest.approx(60, abs=0.01)
    clock.forward(seconds=60.1)
    assert (await take(database, OURS, clock()))[0] > 0


async def test_what_the_channel_tells_stays_and_what_the_manifest_says_follows_it(
    database: Database, clock: Any
) -> None:
    telling = Family(1, 7, "graphql", LIMITS, tells=True)
    for family in (telling, OURS):
        async with database.transaction([1]) as tx:
            await budgets.tell(tx, family, BudgetTold(family.name, 50.0, 10.0, 100.0), clock())
    async with database.transaction([1]) as tx:
        takings = [Taking(telling, 1.0), Taking(OURS, 1.0)]
        (told, _, _), (stated, _, _) = await budgets.take_chunks(tx, takings, clock())

    assert (told.points_per_s, told.burst, told.points) == (10.0, 100.0, 40.0)
    assert (stated.points_per_s, stated.burst) == (40.0, 400.0)


async def test_a_merchant_neither_sees_nor_touches_the_budget_of_another(
    database: Database, clock: Any
) -> None:
    await take(database, OURS, clock())
    await take(database, THEIRS, clock())

    async with database.transaction([1]) as tx:
        assert [row["merchant_id"] for row in await tx.fetch("SELECT merchant_id FROM budgets")] == [1]
        assert await tx.execute("UPDATE budgets SET points = 0 WHERE merchant_id = 2") == "UPDATE 0"
        assert await circuits.find(tx, [(2, 8)]) == {}


async def fail(database: Database, now: Any) -> None:
    async with database.transaction([1]) as tx:
        await circuits.count_failure(tx, 1, 7, now, "timeout")


async def test_failures_at_the_same_moment_are_all_counted(database: Database, clock: Any) -> None:
    await asyncio.gather(*[fail(database, clock()) for _ in range(4)])

    async with database.transaction([1]) as tx:
        found = (await circuits.find(tx, [(1, 7)]))[1, 7]
    assert (found.failures, found.last_error) == (4, "timeout")


async def test_calls_that_were_under_way_when_it_opened_do_not_open_it_longer(
    database: Database, clock: Any
) -> None:
    await fail(database, clock())
    clock.forward(seconds=BURST_S)
    await asyncio.gather(*[fail(database, clock()) for _ in range(19)])

    async with database.transaction([1]) as tx:
        found = (await circuits.find(tx, [(1, 7)]))[1, 7]
    assert (found.failures, seconds_shut(found, clock())) == (TRIPS_AT, FIRST_S)


async def test_of_many_workers_one_begins_to_try(database: Database, clock: Any) -> None:
    for _ in range(TRIPS_AT):
        await fail(database, clock())
    clock.forward(seconds=FIRST_S)

    async def begin() -> bool:
        async with database.transaction([1]) as tx:
            seen = (await circuits.find(tx, [(1, 7)]))[1, 7]
            await all_have_seen.wait()
            return await circuits.begin_probe(tx, 1, 7, seen, clock()) is not None

    all_have_seen = asyncio.Barrier(5)
    assert sorted(await asyncio.gather(*[begin() for _ in range(5)])) == [False] * 4 + [True]


async def test_an_answer_closes_it(database: Database, clock: Any) -> None:
    await fail(database, clock())
    async with database.transaction([1]) as tx:
        await circuits.close(tx, 1, 7)
        assert await circuits.find(tx, [(1, 7)]) == {}
