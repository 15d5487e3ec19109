"""The story of the demo: link two shops, sell, lose webhooks, find them again, and compare the books."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from connectors import discover
from console.demo import shops as world
from console.demo.books import compare
from console.demo.shops import Shops
from console.home import Home
from console.processes import Process, running
from console.servers import Servers
from core.errors import FairwayError
from core.hub import Hub, open_hub
from core.settings import read_settings
from core.store import connections, demo_books, schedule
from core.store.migrate import migrate
from core.usecases.count_stock import Counted, count_stock
from core.usecases.link_account import link_account
from core.wake import Silent
from jobs.wake import RedisWake, open_redis

BUYERS_PER_S = 90.0  # how fast buyers come
SETTLE_S = 90.0  # how long the hub may take to come to rest

Tell = Callable[[str, float], None]  # what happens now, and how much of it is done (0 ... 1)


@dataclass(slots=True)
class Demo:
    """A running hub and two running shops."""

    hub: Hub
    shops: Shops
    web: Process
    worker: Process
    merchant_id: int = 0
    connection_ids: tuple[int, int] = (0, 0)


async def tell_story(
    servers: Servers, home: Home, *, orders: int, seed: int, tell: Tell, pages: Callable[[], Any]
) -> dict[str, Any]:
    """Run the demo; returns its numbers with `passed`. *pages* opens the status page while it runs."""
    started = time.monotonic()
    await migrate(servers.endpoints.database_url, home.passwords)
    common = {
        "FAIRWAY_PORT": "0",
        "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1",
        "FAIRWAY_PULL_EVERY_S": "3600",  # the story asks for pulls itself
    }
    roles = [
        Process(
            role,
            {
                **home.environment(
                    servers.endpoints.database_url, servers.endpoints.redis_url, f"fairway_{role}"
                ),
                **common,
            },
            home.directory / f"{role}.log",
        )
        for role in ("web", "worker")
    ]
    shops = await world.open_shops(seed, orders)
    try:
        async with running(*roles), pages():
            environment = (
                home.environment(
                    servers.endpoints.database_url, servers.endpoints.redis_url, "fairway_worker"
                )
                | common
            )
            settings = read_settings(environment)
            redis = open_redis(settings.redis_url) if settings.redis_url else None
            wake = RedisWake(redis) if redis else Silent()
            async with open_hub(settings, discover(), wake=wake, application="demo", pool=3) as hub:
                demo = Demo(hub, shops, roles[0], roles[1])
                await _link(demo, tell)
                await _sell(demo, orders, tell)
                await _settle(demo, tell)
                verdict = await compare(
                    hub,
                    demo.merchant_id,
                    shops,
                    dict(zip(("shopify", "woocommerce"), demo.connection_ids, strict=True)),
                )
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
        "orders": verdict.numbers["orders"],
        "holds": verdict.numbers["holds"],
        "parked": verdict.numbers["parked"],
        "stock_pushes": verdict.numbers["stock_pushes"],
        "lost": verdict.lost,
        "duplicated": verdict.duplicated,
        "oversold": verdict.oversold,
        "oversold_explained": verdict.explained,
        "wrong_levels": verdict.wrong_levels,
        "invariants_violated": sum(verdict.numbers["violations"].values()),
        "violations": verdict.numbers["violations"],
        "propagation_p50_ms": verdict.numbers["propagation_p50_ms"],
        "propagation_p95_ms": verdict.numbers["propagation_p95_ms"],
        "memory_mb": round(memory),
        "seconds": round(time.monotonic() - started, 1),
        "passed": verdict.passed,
    }


async def _link(demo: Demo, tell: Tell) -> None:
    """Both shops are linked, counted, and allowed to be told what they may sell."""
    tell("linking two shops", 0.0)
    hub, shops = demo.hub, demo.shops
    shopify = await link_account(
        hub, merchant="demo", channel="shopify", name="My Shopify shop",
        settings={"shop": world.SHOP, "base_url": shops.urls[0]},
        credentials={"access_token": world.TOKEN, "client_secret": world.CLIENT_SECRET},
    )  # fmt: skip
    woocommerce = await link_account(
        hub, merchant="demo", channel="woocommerce", name="My WooCommerce shop",
        settings={"base_url": shops.urls[1]},
        credentials={"consumer_key": world.KEY, "consumer_secret": world.SECRET, "webhook_secret": world.HOOK_SECRET},
    )  # fmt: skip
    demo.merchant_id = shopify.merchant_id
    demo.connection_ids = (shopify.connection_id, woocommerce.connection_id)
    for link, shop in ((shopify, "shopify"), (woocommerce, "woocommerce")):
        for topic in world.ORDER_TOPICS[shop]:
            address = f"{demo.web.address}/hooks/{link.token}/{topic}"
            (shops.shopify if shop == "shopify" else shops.woocommerce).subscribe(topic, address)
    await count_stock(
        hub,
        demo.merchant_id,
        [Counted(sku, count) for sku, count in shops.supply.items()],
        cause="first count",
    )

    async def known() -> bool:
        async with hub.database.transaction([demo.merchant_id]) as tx:
            return await demo_books.cataloged(tx, list(demo.connection_ids), world.VARIANTS)

    await _until(known, "the catalogues to be read", 60)
    async with hub.database.transaction([demo.merchant_id]) as tx:
        for connection_id in demo.connection_ids:
            await connections.switch_push(tx, demo.merchant_id, connection_id, on=True)
        pairs = [(demo.merchant_id, connection_id) for connection_id in demo.connection_ids]
        await schedule.ring(tx, "push", pairs, hub.clock())
    await _rest(demo, 30)


async def _sell(demo: Demo, orders: int, tell: Tell) -> None:
    """Buyers come at a steady pace until *orders* orders are made."""
    begun, made, tried = time.monotonic(), 0, 0
    demo.shops.buy_odd()
    made = sum(demo.shops.bought.values())
    while made < orders:
        tried += 1
        made += demo.shops.buy()
        if tried % 5 == 0:
            tell(f"{made} orders", made / orders)
        ahead = begun + tried / BUYERS_PER_S - time.monotonic()
        await asyncio.sleep(max(0.0, ahead))
    tell(f"{made} orders", 1.0)


async def _settle(demo: Demo, tell: Tell) -> None:
    """Webhooks arrive, then both shops are asked for what never came."""
    tell("asking for what webhooks lost", 0.0)
    await demo.shops.courier.settled()
    async with demo.hub.database.transaction([demo.merchant_id]) as tx:
        pairs = [(demo.merchant_id, connection_id) for connection_id in demo.connection_ids]
        await schedule.ring(tx, "pull", pairs, demo.hub.clock())
    await demo.hub.wake.ring("pull")
    await _rest(demo, SETTLE_S)
    tell("comparing the books", 1.0)


async def _rest(demo: Demo, patience_s: float) -> None:
    async def resting() -> bool:
        async with demo.hub.database.transaction([demo.merchant_id]) as tx:
            return await demo_books.at_rest(tx)

    await _until(resting, "the hub to come to rest", patience_s)


async def _until(true: Callable[[], Awaitable[bool]], what: str, patience_s: float) -> None:
    """Look ten times a second, as an observer may; raises `FairwayError` when it takes too long."""
    until = time.monotonic() + patience_s
    while not await true():
        if time.monotonic() > until:
            raise FairwayError(
                f"Waited {patience_s:.0f} s for {what}.", fix="See worker.log in the demo's directory."
            )
        await asyncio.sleep(0.1)
