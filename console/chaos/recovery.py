"""How soon it works again: one thing is struck at a time, and the time until it serves is taken. Judges by figures."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bench.drain import fill
from console.chaos.blows import flush
from console.chaos.comebacks import crashes, full_disk, kills
from console.chaos.figures import Figure
from console.chaos.people import Plan, Run, attend, buy
from console.chaos.schedule import WORKERS
from console.chaos.story import calm, stage_of
from console.chaos.tools import Disk
from console.chaos.world import World, open_world
from console.demo import acts
from console.demo.books import compare
from console.demo.shops import open_shops
from console.demo.stage import Stage, Tell, insist
from console.home import Home
from console.servers import Servers
from core.store import deliveries, demo_books
from core.store.migrate import migrate
from simulators.courier import Faults

LEASE_S = 20.0  # as it is when nobody sets another
ROUNDS = 2
BACKLOG = 2_000  # deliveries whose draining is timed
FLUSH_EVERY_S = 2.0


async def tell_recovery(
    servers: Servers, home: Home, plan: Plan, *, disk: Disk | None, tell: Tell
) -> dict[str, Any]:
    """Measure everything, flushing Valkey for *plan.minutes*; returns the figures with `passed`."""
    started = time.monotonic()
    await migrate(servers.endpoints.database_url, home.passwords)
    run = Run(plan)
    shops = await open_shops(plan.seed, 3_000, faults=Faults())
    try:
        async with (
            open_world(servers, home, shops, None, disk, plan.seed, LEASE_S) as world,
            stage_of(servers, home, world, shops, f"BACK{plan.seed:04}") as stage,
        ):
            await acts.link(stage, tell)
            figures = await _rates(stage, world, tell)
            async with _busy(stage, run):
                figures += await _flushes(stage, world, plan, tell)
                figures += await crashes(stage, world, tell)
                figures += await full_disk(stage, world, tell)
                figures += await kills(stage, world, tell)
            await calm(stage, world, run, tell)
            verdict = await compare(stage.hub, stage.merchant_id, shops, stage.connections)
    finally:
        await shops.close()
    lost = verdict.lost + verdict.duplicated + verdict.duplicate_effects + len(verdict.wrong)
    figures.append(Figure("lost, doubled or wrong at the end", lost, 0))
    figures.append(Figure("invariants violated", sum(verdict.numbers["violations"].values()), 0))
    return {
        "figures": [figure.row() for figure in figures],
        "orders": verdict.numbers["orders"],
        "seconds": round(time.monotonic() - started, 1),
        "passed": verdict.passed and all(figure.ok for figure in figures),
    }


@asynccontextmanager
async def _busy(stage: Stage, run: Run) -> AsyncIterator[None]:
    """Buyers buy while the block runs."""
    around = [asyncio.create_task(work) for work in (buy(stage, run), attend(stage, run))]
    try:
        yield
    finally:
        for task in around:
            task.cancel()
        await asyncio.gather(*around, return_exceptions=True)


async def _rates(stage: Stage, world: World, tell: Tell) -> list[Figure]:
    """How fast a backlog is drained while Valkey rings, and while it is gone; in turn, so that both have the same day."""
    took = {"": 0.0, "gone": 0.0}
    for number in range(ROUNDS):
        for fault in took:
            tell(f"draining {BACKLOG} deliveries {'without' if fault else 'with'} Valkey", 0.0)
            world.links["Valkey"].befall(fault)
            for name in WORKERS:
                world.processes[name].send(signal.SIGSTOP)
            await fill(stage.hub, BACKLOG, f"backlog {number} {fault}")
            begun = time.monotonic()
            for name in WORKERS:
                world.processes[name].send(signal.SIGCONT)
            if not fault:
                await stage.hub.wake.ring("drain", [stage.merchant_id])
            while await _backlog(stage):
                await asyncio.sleep(0.05)
            took[fault] += time.monotonic() - begun
    world.links["Valkey"].befall("")
    return [
        Figure("deliveries a second with Valkey", ROUNDS * BACKLOG / took[""], 0, least=True),
        Figure("share of that without Valkey", took[""] / took["gone"], 0.5, least=True),
    ]


async def _backlog(stage: Stage) -> int:
    async with stage.hub.database.transaction([]) as tx:
        return await deliveries.backlog(tx)


async def _flushes(stage: Stage, world: World, plan: Plan, tell: Tell) -> list[Figure]:
    """Valkey forgets everything, again and again; what is lost by it shows in the books at the end."""
    until, flushed = time.monotonic() + plan.seconds, 0
    while time.monotonic() < until:
        tell(f"{flushed} times emptied", 1 - (until - time.monotonic()) / plan.seconds)
        await flush(world.redis_url)
        flushed += 1
        await asyncio.sleep(FLUSH_EVERY_S)
    left = await _left(stage)
    return [Figure("seconds until all is stored after the last of the flushes", left, 30)]


async def _left(stage: Stage) -> float:
    """Seconds until nothing that was accepted by now waits to be understood."""
    begun = time.monotonic()
    async with stage.hub.database.transaction([stage.merchant_id]) as tx:
        newest = await demo_books.newest_delivery(tx)

    async def understood() -> bool:
        async with stage.hub.database.transaction([stage.merchant_id]) as tx:
            return await demo_books.understood(tx, newest)

    while not await insist(understood):
        await asyncio.sleep(0.05)
    return time.monotonic() - begun
