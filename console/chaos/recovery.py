"""How soon it works again: one thing is struck at a time, and the time until it serves is taken. Judges by figures."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp

from bench.drain import fill
from console.chaos.blows import flush
from console.chaos.people import Plan, Run, attend, buy
from console.chaos.schedule import WORKERS
from console.chaos.story import calm, stage_of
from console.chaos.tools import Disk
from console.chaos.world import World, open_world
from console.demo import acts
from console.demo import shops as world_of
from console.demo.books import compare
from console.demo.shops import open_shops
from console.demo.stage import Stage, Tell, insist
from console.home import Home
from console.servers import Servers
from core.store import deliveries, demo_books
from core.store.migrate import migrate
from simulators.courier import Faults
from simulators.faults import CallFaults
from simulators.woocommerce.face import encode
from simulators.woocommerce.webhooks import signature

LEASE_S = 20.0  # as it is when nobody sets another
CRASHES, KILLS, ROUNDS = 5, 3, 2
BACKLOG = 2_000  # deliveries whose draining is timed
FULL_S = 10.0  # how long the disk stays full
FLUSH_EVERY_S = 2.0

_knocks = itertools.count()


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, and what it may be: at most *want*, or at least where *least*."""

    name: str
    got: float
    want: float
    least: bool = False

    @property
    def ok(self) -> bool:
        return self.got >= self.want if self.least else self.got <= self.want

    def row(self) -> dict[str, Any]:
        sign = ">=" if self.least else "<="
        return {"ok": self.ok, "name": self.name, "want": f"{sign} {self.want:g}", "got": round(self.got, 2)}


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
                figures += await _crashes(stage, world, tell)
                figures += await _full_disk(stage, world, tell)
                figures += await _kills(stage, world, tell)
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
                await stage.hub.wake.ring("drain")
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


async def _crashes(stage: Stage, world: World, tell: Tell) -> list[Figure]:
    """PostgreSQL is killed; how long until webhooks are answered 200 again."""
    found = []
    for number in range(CRASHES):
        tell("PostgreSQL is killed", number / CRASHES)
        world.keepers["PostgreSQL"].kill()
        found.append(await _serving(stage))
        await asyncio.sleep(1.0)
    return [Figure("seconds from PostgreSQL's crash to the next 200, worst", max(found), 60)]


async def _full_disk(stage: Stage, world: World, tell: Tell) -> list[Figure]:
    """The disk is full for a while; how long until webhooks are answered 200 once it has space again."""
    if world.disk is None:
        return []
    tell("the disk is full", 0.0)
    refused, until = 0, time.monotonic() + FULL_S
    world.disk.fill()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            while time.monotonic() < until:
                refused += not await _knock(session, stage)
                await asyncio.sleep(0.05)
    finally:
        world.disk.free()
    return [
        Figure("webhooks that were refused while the disk was full", refused, 1, least=True),
        Figure("seconds from space on the disk to the next 200", await _serving(stage), 60),
    ]


async def _kills(stage: Stage, world: World, tell: Tell) -> list[Figure]:
    """All workers are killed in the middle of something; how long until each piece of it is taken over."""
    found: list[float] = []
    stage.shops.spoil(CallFaults(delay_s=1.0))  # so that there always is something
    for number in range(KILLS):
        tell("all workers are killed", number / KILLS)
        pieces: dict[tuple[str, int, int], int] = {}
        while not pieces:
            async with stage.hub.database.transaction([]) as tx:
                pieces = await demo_books.held(tx)
        for name in WORKERS:
            world.processes[name].send(signal.SIGKILL)
        begun, left = time.monotonic(), set(pieces)
        while left:
            async with stage.hub.database.transaction([]) as tx:
                now_left = await demo_books.still_held(tx, {piece: pieces[piece] for piece in left})
            found += [time.monotonic() - begun] * len(left - now_left)
            left = now_left
            await asyncio.sleep(0.05)
    stage.shops.spoil(CallFaults())
    slow = sorted(found)[min(len(found) - 1, int(len(found) * 0.99))]
    return [
        Figure("pieces of work that dead workers held", len(found), 1, least=True),
        Figure("seconds until they were taken over, 99 of 100", slow, 30),
    ]


async def _serving(stage: Stage) -> float:
    """Seconds until a webhook that is sent from now on is answered 200: one is tried every tenth of a second."""
    begun = time.monotonic()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        tries: set[asyncio.Task[bool]] = set()
        try:
            while True:
                tries.add(asyncio.create_task(_knock(session, stage)))
                done, tries = await asyncio.wait(tries, timeout=0.1)
                if any(task.result() for task in done):
                    return time.monotonic() - begun
                await asyncio.sleep(0.1)
        finally:
            for task in tries:
                task.cancel()
            await asyncio.gather(*tries, return_exceptions=True)


async def _knock(session: aiohttp.ClientSession, stage: Stage) -> bool:
    """Whether a webhook is answered 200 now. It says again what an order is, in other bytes, so that it has to be stored."""
    shop = stage.shops.woocommerce
    body = encode(shop.order_payload(next(iter(shop.orders.values())))) + b" " * next(_knocks)
    token = next(word for word, number in stage.tokens.items() if number == stage.connections["woocommerce"])
    signed = {
        "X-WC-Webhook-Signature": signature(body, world_of.HOOK_SECRET),
        "Content-Type": "application/json",
    }
    with suppress(aiohttp.ClientError, TimeoutError):
        async with session.post(
            f"{stage.door}/hooks/{token}/order.updated", data=body, headers=signed
        ) as answer:
            return answer.status == 200
    return False
