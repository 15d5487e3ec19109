"""A worker that is asked to stop finishes the step it is at and begins no other, whatever still waits."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from bell_rig import Desk, open_desk

from console.processes import running
from console.servers import run_servers
from core.usecases.drain import SLICE
from jobs.wake import RedisWake, open_redis
from jobs.worker import end

BACKLOG = 8 * SLICE
STEP_S = 1.0  # what a slice takes here; a spell goes on for five
SLOW = f"drain.moving=delay:{STEP_S}~W-"


@pytest.mark.parametrize("rung", [True, False], ids=["rung by Redis", "without Redis"])
async def test_a_worker_with_a_backlog_ends_after_the_step_it_is_at(
    fresh: str, own_directory: Path, monkeypatch: pytest.MonkeyPatch, *, rung: bool
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh)
    monkeypatch.delenv("REDIS_URL", raising=False)
    if not rung:
        monkeypatch.setenv("REDIS_URL", "")
    with run_servers(own_directory, log=print) as bell:
        async with open_desk(fresh, bell.endpoints.redis_url, own_directory) as desk:
            await _backlog(desk)
            redis = open_redis(bell.endpoints.redis_url) if bell.endpoints.redis_url else None
            assert bool(redis) is rung
            desk.worker.environment = {**desk.worker.environment, "FAIRWAY_FAILPOINT": SLOW}
            async with running(desk.worker):
                if redis:
                    await RedisWake(redis).ring("drain", [1])
                left_when_asked = await desk.until_left(BACKLOG - SLICE)
                if redis:  # what is rung for meanwhile begins no spell
                    await RedisWake(redis).ring("drain", [1])
                asked = time.monotonic()
                await desk.worker.stop()
                took_s = time.monotonic() - asked
            if redis:
                await redis.aclose(close_connection_pool=True)

            # Two lanes have a slice each in hand at most.
            assert await desk.left() >= left_when_asked - 2 * SLICE
            assert took_s < 5 * STEP_S  # a busy machine stretches a step, never how many there are
            assert desk.worker.child is not None
            assert desk.worker.child.returncode == 0


async def test_what_swallows_its_cancellation_is_cancelled_again() -> None:
    asked = 0

    async def deaf() -> None:
        nonlocal asked
        while asked < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                asked += 1
        await asyncio.sleep(60)

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(task)

    assert (asked, task.cancelled()) == (2, True)


async def _backlog(desk: Desk) -> None:
    placed = desk.rig.clock()
    for batch in range(0, BACKLOG, SLICE):
        numbers = range(batch + 1, batch + SLICE + 1)
        await desk.rig.deliver(*(desk.rig.order(number, ("MUG-B", 1), changed=placed) for number in numbers))
    assert await desk.left() == BACKLOG
