"""The story of the demo: link two shops and a carrier, sell, lose webhooks, find them again, ship, and compare books."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from connectors import discover
from console.demo import acts
from console.demo import shops as world
from console.demo.acts import DESKS
from console.demo.books import compare
from console.demo.chaos import LOST_REPLIES, Chaos, raging
from console.demo.shops import Shops
from console.demo.stage import Stage, Tell
from console.home import Home
from console.processes import Process, running
from console.servers import Servers
from core.hub import open_hub
from core.settings import read_settings
from core.store.migrate import migrate
from core.wake import Silent
from jobs.wake import RedisWake, open_redis
from simulators.faults import CallFaults

BUYERS_PER_S = 90.0  # how fast buyers come
SETTLE_S = 90.0  # how long the hub may take to come to rest
CHAOS_S = 240.0  # and while it is hit all the time: pauses after failures grow
PER_ORDER_S = 0.15  # more for each order
UNSEEN_S = 5  # how long a sale may go unexplained


@dataclass(frozen=True, slots=True)
class Plan:
    """What is told: *orders* from *seed*; with *chaos* everything is killed now and then and answers are lost; without
    *valkey* nothing ever rings.
    """

    orders: int
    seed: int
    chaos: bool = False
    valkey: bool = True


async def tell_story(
    servers: Servers, home: Home, plan: Plan, *, tell: Tell, pages: Callable[[], Any]
) -> dict[str, Any]:
    """Run the demo; returns its numbers with `passed`. *pages* opens the status page while it runs."""
    started = time.monotonic()
    await migrate(servers.endpoints.database_url, home.passwords)
    if not plan.valkey and servers.valkey is not None:
        await asyncio.to_thread(servers.valkey.stop)
    roles = [_process(role, servers, home) for role in ("web", "worker")]
    shops = await world.open_shops(plan.seed, plan.orders)
    try:
        async with running(*roles), pages():
            roles[0].environment = {
                **roles[0].environment,
                "FAIRWAY_PORT": str(urlsplit(roles[0].address).port),
            }
            settings = read_settings(_environment("worker", servers, home))
            redis = open_redis(settings.redis_url) if settings.redis_url else None
            wake = RedisWake(redis, settings.share.queues) if redis else Silent()
            async with open_hub(settings, discover(), wake=wake, application="demo", pool=DESKS) as hub:
                stage = Stage(
                    *(hub, shops, roles[0].address, shops.urls, f"DEMO{plan.seed:04}"),
                    patience_s=(CHAOS_S if plan.chaos else SETTLE_S) + PER_ORDER_S * plan.orders,
                )
                rng = random.Random(plan.seed)  # noqa: S311
                chaos = Chaos(servers, roles, rng) if plan.chaos else None
                await _tell_all(stage, plan, chaos, tell)
                verdict = await compare(hub, stage.merchant_id, shops, stage.connections)
                memory = sum(process.memory_mb() for process in roles)
            if redis:
                await redis.aclose(close_connection_pool=True)
    finally:
        await shops.close()
    counts = shops.courier.counts
    return {
        "sent": counts["sent"],
        "accepted": counts["accepted"],
        "rejected": counts["rejected"],
        "never_sent": counts["lost"],
        "deduplicated": counts["accepted"] - verdict.numbers["webhooks"],
        "holds": verdict.numbers["holds"],
        "stock_pushes": verdict.numbers["stock_pushes"],
        "callbacks": shops.callbacks.counts["sent"],
        **verdict.figures(),
        "propagation_p50_ms": verdict.numbers["propagation_p50_ms"],
        "propagation_p95_ms": verdict.numbers["propagation_p95_ms"],
        "killed": dict(chaos.counts) if chaos else {},
        "memory_mb": round(memory),
        "seconds": round(time.monotonic() - started, 1),
        "passed": verdict.passed,
    }


def _environment(role: str, servers: Servers, home: Home) -> dict[str, str]:
    ends = servers.endpoints
    return {
        **home.environment(ends.database_url, ends.redis_url, f"fairway_{role}"),
        "FAIRWAY_PORT": "0",
        "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1",
        "FAIRWAY_PULL_EVERY_S": "3600",  # the story asks for pulls itself
        "FAIRWAY_LEASE_S": "5",  # on this machine every call is short: who dies is soon replaced
        "FAIRWAY_UNSEEN_PATIENCE_S": str(
            UNSEEN_S
        ),  # nor is any order of these shops ever late in their lists
    }


def _process(role: str, servers: Servers, home: Home) -> Process:
    return Process(role, _environment(role, servers, home), home.directory / f"{role}.log")


async def _tell_all(stage: Stage, plan: Plan, chaos: Chaos | None, tell: Tell) -> None:
    await acts.link(stage, tell)
    if chaos:
        stage.shops.spoil(CallFaults(lost_replies=LOST_REPLIES))
    async with raging(chaos):
        await _sell(stage.shops, plan.orders, tell)
        await acts.settle(stage, tell)
        await acts.restock(stage, tell)
        await acts.pack(stage, tell)
        await stage.rest()
        await acts.carry(stage, tell)
    stage.shops.spoil(CallFaults())
    await acts.settle(stage, tell)
    await acts.look_again(stage, tell)
    tell("comparing the books", 1.0)


async def _sell(shops: Shops, orders: int, tell: Tell) -> None:
    """Buyers come at a steady pace until *orders* orders are made."""
    begun, made, tried = time.monotonic(), 0, 0
    shops.buy_odd()
    made = sum(shops.bought.values())
    while made < orders:
        tried += 1
        made += shops.buy() is not None
        if tried % 5 == 0:
            tell(f"{made} orders", made / orders)
        ahead = begun + tried / BUYERS_PER_S - time.monotonic()
        await asyncio.sleep(max(0.0, ahead))
    tell(f"{made} orders", 1.0)
