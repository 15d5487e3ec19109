"""A Redis that is emptied, or full of hints about nothing: the worker finds what is due all the same, soon.

The numbers are those of our list of bad inputs; forged jobs (125) are in tests/e2e/test_without_redis.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.processes import running
from console.servers import run_servers
from jobs.wake import QUEUE, open_redis
from jobs.work import KINDS
from tests.console.servers_rig import private_directory
from tests.e2e.bell_rig import open_desk
from tests.usecases.usecase_rig import MUG, Rig

JUNK = 3_000
SOON_S = 15.0  # far below the half minute in which due work has to be found


@pytest.fixture
def own_directory() -> Iterator[Path]:
    yield from private_directory()


@pytest.fixture
def redis_url(own_directory: Path) -> Iterator[str]:
    with run_servers(own_directory, log=lambda _: None) as own:
        assert own.endpoints.redis_url is not None
        yield own.endpoints.redis_url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    opened = open_redis(redis_url)
    yield opened
    await opened.aclose(close_connection_pool=True)


@pytest.fixture
async def rig(fresh: str, redis_url: str, own_directory: Path) -> AsyncIterator[Rig]:
    """A merchant with a million mugs, and a worker process that listens to this Redis."""
    async with open_desk(fresh, redis_url, own_directory) as desk, running(desk.worker):
        yield desk.rig
        assert await desk.rig.violations(at_rest=True) == {}


async def sold(rig: Rig, first: int, count: int) -> None:
    """Store *count* orders of one mug each without a ring, and wait until they are applied."""
    at = rig.clock()
    await rig.deliver(*(rig.order(number, (MUG, 1), changed=at) for number in range(first, first + count)))
    async with asyncio.timeout(SOON_S):
        while await rig.admin.fetchval("SELECT count(*) FROM todo"):
            await asyncio.sleep(0.02)


def hint(kind: str) -> bytes:
    return json.dumps({"t": None, "f": "work", "a": [kind], "k": {}, "et": 1}).encode()


async def test_126_127_junk_hints_and_an_emptied_redis_hide_no_work_and_cause_none(
    rig: Rig, redis: Any
) -> None:
    pipe = redis.pipeline(transaction=False)
    for number, kind in enumerate([*KINDS, "no-such-kind", "", "drain; DROP TABLE orders", "x" * 10_000]):
        pipe.set(f"arq:job:hint-{number}", hint(kind))
        pipe.zadd(QUEUE, {f"hint-{number}": 1})
    pipe.zadd(QUEUE, {f"junk-{number}": 1 for number in range(JUNK)})
    pipe.zadd(QUEUE, {f"work:{kind}:delivery:{10**12}": 1 for kind in KINDS})
    await pipe.execute()

    await sold(rig, 1, 20)
    await redis.flushall()
    await sold(rig, 21, 20)
    await redis.set(QUEUE, "not a queue")
    await sold(rig, 41, 20)
    await redis.delete(QUEUE)
    await sold(rig, 61, 20)

    assert await rig.stock() == (1_000_000, 80)
    kinds = {row["kind"] for row in await rig.admin.fetch("SELECT DISTINCT kind FROM runs")}
    assert kinds.isdisjoint({"pull", "fetch", "catalog", "effect", "probe"})  # hinted at, and not due


async def test_127_junk_is_cleared_away(rig: Rig, redis: Any) -> None:
    await redis.zadd(QUEUE, {f"junk-{number}": 1 for number in range(JUNK)})

    async with asyncio.timeout(SOON_S):
        while await redis.zcard(QUEUE):
            await asyncio.sleep(0.05)
