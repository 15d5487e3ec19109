"""Strikes: does to the world what the schedule says, and takes it back. Chooses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from redis.exceptions import RedisError

from console.chaos.schedule import PROCESSES, Strike
from console.chaos.world import World
from jobs.wake import open_redis


async def rage(world: World, plan: Sequence[Strike], seconds: float, tell: Callable[[Strike], None]) -> None:
    """Strike as *plan* says, for *seconds*; *tell* hears of each strike as it begins. Afterwards nothing is struck any
    more, but what was killed may still be on its way back.
    """
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for one in plan:
            await asyncio.sleep(max(0.0, begun + one.at_s - time.monotonic()))
            tell(one)
            group.create_task(_strike(world, one))
        await asyncio.sleep(max(0.0, begun + seconds - time.monotonic()))


async def _strike(world: World, one: Strike) -> None:
    match one.fault:
        case "kill":
            _kill(world, one.target)
        case "flush":
            await flush(world.redis_url)
        case "cut":
            world.links[one.target].cut()
        case _:
            with _struck(world, one):
                await asyncio.sleep(one.for_s)


def _kill(world: World, target: str) -> None:
    if target in PROCESSES:
        world.processes[target].send(signal.SIGKILL)
    else:
        world.keepers[target].kill()


async def flush(redis_url: str) -> None:
    """FLUSHALL, if there is anything to flush."""
    redis = open_redis(redis_url)
    with suppress(RedisError, OSError):  # it may be down already: then there is nothing to forget
        await redis.flushall()
    with suppress(RedisError, OSError):
        await redis.aclose(close_connection_pool=True)


@contextmanager
def _struck(world: World, one: Strike) -> Iterator[None]:
    """The fault holds while the block runs."""
    match one.fault:
        case "stop":
            child = world.processes[one.target].child
            world.processes[one.target].send(signal.SIGSTOP)
            try:
                yield
            finally:
                if child is not None and child.returncode is None:
                    with suppress(ProcessLookupError):
                        os.killpg(child.pid, signal.SIGCONT)
        case "clock":
            assert world.clocks is not None  # noqa: S101 - else the schedule has none of these
            world.clocks.put(one.target, one.amount)
            try:
                yield
            finally:
                world.clocks.put(one.target, 0.0)
        case "disk":
            assert world.disk is not None  # noqa: S101 - as above
            world.disk.fill()
            try:
                yield
            finally:
                world.disk.free()
        case _:
            link = world.links[one.target]
            link.befall(one.fault, one.amount)
            try:
                yield
            finally:
                link.befall("")
