"""One thing is struck, and the time until it serves again is taken: a crash, a full disk, killed workers."""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from contextlib import suppress

import aiohttp

from console.chaos.figures import Figure
from console.chaos.schedule import WORKERS
from console.chaos.world import World
from console.demo import shops as world_of
from console.demo.stage import Stage, Tell
from core.store import demo_books
from simulators.faults import CallFaults
from simulators.woocommerce.face import encode
from simulators.woocommerce.webhooks import signature

CRASHES, KILLS = 5, 3
FULL_S = 10.0  # how long the disk stays full

_knocks = itertools.count()


async def crashes(stage: Stage, world: World, tell: Tell) -> list[Figure]:
    """PostgreSQL is killed; how long until webhooks are answered 200 again."""
    found = []
    for number in range(CRASHES):
        tell("PostgreSQL is killed", number / CRASHES)
        world.keepers["PostgreSQL"].kill()
        found.append(await _serving(stage))
        await asyncio.sleep(1.0)
    return [Figure("seconds from PostgreSQL's crash to the next 200, worst", max(found), 60)]


async def full_disk(stage: Stage, world: World, tell: Tell) -> list[Figure]:
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


async def kills(stage: Stage, world: World, tell: Tell) -> list[Figure]:
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
