"""The story of a chaos run: buyers buy, everything is struck, then it is calm, and the books are compared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors import discover
from console.chaos.blows import rage
from console.chaos.people import BUYERS_PER_S, Plan, Run, attend, buy, carrier, desk
from console.chaos.report import channels_story, numbers_of
from console.chaos.schedule import Strike, strikes
from console.chaos.tools import Clocks, Disk
from console.chaos.world import World, open_world
from console.demo import acts
from console.demo.books import compare
from console.demo.chaos import LOST_REPLIES
from console.demo.shops import Shops, open_shops
from console.demo.stage import Stage
from console.home import Home
from console.servers import Servers
from core.clock import wall_clock
from core.errors import FairwayError
from core.hub import open_hub
from core.settings import read_settings
from core.store import demo_books
from core.store.deliveries import dedupe_key
from core.store.migrate import migrate
from jobs.wake import RedisWake, open_redis
from simulators.courier import Faults, Webhook
from simulators.faults import CallFaults

SETTLE_S = 120.0  # how long the hub may take, each time, to come to rest once it is calm
DAY = timedelta(hours=25)  # how late what is late comes

# What befalls webhooks: each comes five times, shuffled, one in ten never, one in twenty a day late.
FAULTS = Faults(copies=5, lost=0.1, bad_signature=0.02, reordered=0.2, late=0.05, delay_s=0.6)


Says = Callable[[str, float], None]
Tell = Callable[[float, Run, int, str], None]  # seconds gone, what was counted, orders, what happens now


async def tell_chaos(
    servers: Servers, home: Home, plan: Plan, *, clocks: Clocks | None, disk: Disk | None, tell: Tell
) -> dict[str, Any]:
    """Run it; returns its numbers with `passed`."""
    started = time.monotonic()
    await migrate(servers.endpoints.database_url, home.passwords)

    def now() -> datetime:
        return wall_clock() + timedelta(seconds=clocks.base_s if clocks else 0.0)

    without = ({"clock"} if clocks is None else set()) | ({"disk"} if disk is None else set())
    run = Run(plan)
    shops = await open_shops(plan.seed, round(plan.seconds * BUYERS_PER_S), faults=FAULTS, now=now)
    try:
        async with (
            open_world(servers, home, shops, clocks, disk, plan.seed) as world,
            stage_of(servers, home, world, shops, f"CHAOS{plan.seed:04}") as stage,
        ):

            def say(what: str, _share: float = 0.0) -> None:
                tell(time.monotonic() - started, run, sum(shops.bought.values()), what)

            await acts.link(stage, say)
            _listen(stage, run)
            shops.spoil(CallFaults(lost_replies=LOST_REPLIES))
            await _struck(stage, world, run, strikes(plan.seed, plan.minutes, without), say)
            shops.spoil(CallFaults())
            try:
                await calm(stage, world, run, say)
            except FairwayError as error:
                run.stuck = error.message
            say("comparing the books")
            verdict = await compare(stage.hub, stage.merchant_id, shops, stage.connections)
            async with stage.hub.database.transaction([stage.merchant_id]) as tx:
                unstored = await demo_books.not_stored(tx, sorted(run.acked))
                left = await demo_books.left(tx)
                skus = [row["sku"] for row in (*verdict.wrong, *verdict.unexplained)]
                stories = {
                    sku: await demo_books.story_of(tx, sku) | channels_story(shops, sku) for sku in skus[:20]
                }
    finally:
        await shops.close()
    return numbers_of(run, verdict, unstored, left, time.monotonic() - started) | {"stories": stories}


@asynccontextmanager
async def stage_of(
    servers: Servers, home: Home, world: World, shops: Shops, parcels: str
) -> AsyncIterator[Stage]:
    """A person's own way to the hub: past the proxies."""
    ends = servers.endpoints
    environment = home.environment(ends.database_url, ends.redis_url, "fairway_worker")
    settings = read_settings(
        {**environment, "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1", "FAIRWAY_QUEUES": str(world.queues)}
    )
    redis = open_redis(world.redis_url)
    try:
        async with open_hub(
            settings,
            discover(),
            wake=RedisWake(redis, settings.share.queues),
            application="chaos",
            pool=acts.DESKS + 2,
        ) as hub:
            yield Stage(hub, shops, world.door, world.urls, parcels, patience_s=SETTLE_S)
    finally:
        await redis.aclose(close_connection_pool=True)


def _listen(stage: Stage, run: Run) -> None:
    """Remember every webhook that is answered 200: from then on it may not be lost."""

    def take(webhook: Webhook) -> None:
        _, _, token, topic = urlsplit(webhook.url).path.split("/", 3)
        run.acked.add(dedupe_key(stage.tokens[token], unquote(topic), webhook.body))

    stage.shops.courier.taken = stage.shops.callbacks.taken = take


async def _struck(stage: Stage, world: World, run: Run, plan: list[Strike], say: Says) -> None:
    """Everything goes on, and everything is struck."""

    def told(one: Strike) -> None:
        run.struck.append(one)
        say(f"{one.target}: {one.fault}", 0.0)

    around = [
        asyncio.create_task(work)
        for work in (buy(stage, run), desk(stage, run), carrier(stage), attend(stage, run))
    ]
    raging = asyncio.create_task(rage(world, plan, run.plan.seconds, told))
    try:
        await asyncio.wait([raging, *around], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (raging, *around):
            task.cancel() if not task.done() else None
        ended = await asyncio.gather(raging, *around, return_exceptions=True)
    for one in ended:
        if isinstance(one, Exception):
            raise one


async def calm(stage: Stage, world: World, run: Run, say: Says) -> None:
    """Nothing is struck any more: the rest leaves, a day passes, what was late comes, and all comes to rest."""
    say("calm: what was struck comes back", 0.0)
    for shop, order_id in sorted(run.doomed):
        if order_id not in stage.shops.called_off(shop):
            stage.shops.call_off(shop, order_id)
    await acts.settle(stage, say)
    await acts.restock(stage, say)
    await acts.pack(stage, say)
    await stage.rest()
    await acts.carry(stage, say)
    await acts.settle(stage, say)
    say("a day passes, and what was late comes", 0.0)
    if world.clocks:
        world.clocks.pass_time(DAY.total_seconds())
        # Its own timers, that of the search for deadlocks among them, do not survive such a step.
        await asyncio.to_thread(world.keepers["PostgreSQL"].restart)
    stage.shops.courier.bring_late()
    await acts.settle(stage, say)
    await acts.look_again(stage, say)
