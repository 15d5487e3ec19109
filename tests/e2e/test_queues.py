"""Several queues: rings find the worker that serves a merchant, and one whose worker is missing waits a moment longer."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from bell_rig import Desk, open_desk

from console.processes import running
from console.servers import run_servers
from core.shares import queue_of
from jobs.wake import RedisWake, open_redis, queue_name
from jobs.work import BEYOND_S
from tests.usecases.usecase_rig import MUG

QUEUES = 4


def _serving(desk: Desk, *queues: int) -> None:
    served = ",".join(str(queue) for queue in queues)
    desk.worker.environment |= {"FAIRWAY_QUEUES": str(QUEUES), "FAIRWAY_SERVES": served}


async def test_a_ring_goes_to_the_queue_of_the_merchant_and_the_worker_that_serves_it_hears_it(
    fresh: str, own_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh)
    monkeypatch.delenv("REDIS_URL", raising=False)
    with run_servers(own_directory, log=print) as bell:
        assert bell.endpoints.redis_url is not None
        redis = open_redis(bell.endpoints.redis_url)
        async with open_desk(fresh, bell.endpoints.redis_url, own_directory) as desk:
            mine = queue_of(desk.rig.merchant_id, QUEUES)
            other = (mine + 1) % QUEUES
            _serving(desk, mine, other)
            await RedisWake(redis, QUEUES).ring("drain", [desk.rig.merchant_id])
            waiting = {queue: await redis.zcard(queue_name(queue)) for queue in range(QUEUES)}
            assert waiting == {queue: int(queue == mine) for queue in range(QUEUES)}

            async with running(desk.worker), asyncio.timeout(20):
                while await redis.zcard(queue_name(mine)):
                    await asyncio.sleep(0.02)
                await RedisWake(redis, QUEUES).ring("drain", range(100))  # those that nobody listens to stay
                while await redis.zcard(queue_name(mine)) + await redis.zcard(queue_name(other)):
                    await asyncio.sleep(0.02)
            assert sum([await redis.zcard(queue_name(queue)) for queue in range(QUEUES)]) == QUEUES - 2
        await redis.aclose(close_connection_pool=True)


async def test_a_merchant_whose_worker_is_missing_is_served_by_another_after_a_moment(
    fresh: str, own_directory: Path
) -> None:
    async with open_desk(fresh, None, own_directory) as desk:
        _serving(desk, (queue_of(desk.rig.merchant_id, QUEUES) + 1) % QUEUES)
        async with running(desk.worker):
            await desk.rig.deliver(*(desk.rig.order(number, (MUG, 1)) for number in range(1, 401)))
            began = time.monotonic()
            await desk.until_levelled()
            took_s = time.monotonic() - began

        assert await desk.rig.stock() == (1_000_000, 400)
        assert (
            took_s < 10 * BEYOND_S
        )  # two spells for everybody on a busy machine: one drains, the next one levels
        assert await desk.rig.violations(at_rest=True) == {}
