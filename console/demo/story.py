"""The story of the demo: link two shops and a carrier, sell, lose webhooks, find them again, ship, and compare books."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from connectors import discover
from console.demo import shops as world
from console.demo.books import compare
from console.demo.chaos import LOST_REPLIES, Chaos, raging
from console.demo.shops import Shops
from console.home import Home
from console.processes import Process, running
from console.servers import Servers
from core.errors import FairwayError
from core.hub import Hub, open_hub
from core.rules.stock import CROSSING
from core.settings import read_settings
from core.store import connections, demo_books, reconciles, schedule
from core.store.database import RETRYABLE
from core.store.migrate import migrate
from core.usecases.count_stock import Counted, count_stock
from core.usecases.link_account import link_account, subscribe
from core.usecases.ship_order import Box, ship_order
from core.wake import Silent
from jobs.wake import RedisWake, open_redis
from simulators.faults import CallFaults

BUYERS_PER_S = 90.0  # how fast buyers come
SETTLE_S = 90.0  # how long the hub may take to come to rest
CHAOS_S = 240.0  # and while it is hit all the time: pauses after failures grow
PER_ORDER_S = 0.15  # more for each order
UNSEEN_S = 5  # how long a sale may go unexplained
DESKS = 4  # parcels packed side by side

T = TypeVar("T")
Tell = Callable[[str, float], None]  # what happens now, and how much of it is done (0 ... 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is told: *orders* from *seed*; with *chaos* everything is killed now and then and answers are lost; without
    *valkey* nothing ever rings.
    """

    orders: int
    seed: int
    chaos: bool = False
    valkey: bool = True


@dataclass(slots=True)
class Demo:
    """A running hub and a running world."""

    plan: Plan
    hub: Hub
    shops: Shops
    web: Process
    worker: Process
    merchant_id: int = 0
    connection_ids: tuple[int, int] = (0, 0)

    @property
    def patience_s(self) -> float:
        return (CHAOS_S if self.plan.chaos else SETTLE_S) + PER_ORDER_S * self.plan.orders


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
            wake = RedisWake(redis) if redis else Silent()
            async with open_hub(settings, discover(), wake=wake, application="demo", pool=DESKS) as hub:
                demo = Demo(plan, hub, shops, roles[0], roles[1])
                rng = random.Random(plan.seed)  # noqa: S311
                chaos = Chaos(servers, roles, rng) if plan.chaos else None
                await _tell_all(demo, chaos, tell)
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
        "tracking_pushes": verdict.tracking_pushes,
        "tracking_missing": verdict.tracking_missing,
        "callbacks": shops.callbacks.counts["sent"],
        "duplicate_effects": verdict.duplicate_effects,
        "lost": verdict.lost,
        "duplicated": verdict.duplicated,
        "oversold": verdict.oversold,
        "oversold_explained": verdict.explained,
        "wrong_levels": len(verdict.wrong),
        "wrong": verdict.wrong[:20],
        "invariants_violated": sum(verdict.numbers["violations"].values()),
        "violations": verdict.numbers["violations"],
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


async def _tell_all(demo: Demo, chaos: Chaos | None, tell: Tell) -> None:
    await _link(demo, tell)
    if chaos:
        demo.shops.spoil(CallFaults(lost_replies=LOST_REPLIES))
    async with raging(chaos):
        await _sell(demo, demo.plan.orders, tell)
        await _settle(demo, tell)
        await _restock(demo, tell)
        await _ship(demo, tell)
        await _carry(demo, tell)
    demo.shops.spoil(CallFaults())
    await _settle(demo, tell)
    await _look_again(demo, tell)
    tell("comparing the books", 1.0)


async def _link(demo: Demo, tell: Tell) -> None:
    """Both shops and the carrier are linked, the shelves counted, and the shops allowed to be told."""
    tell("linking two shops and a carrier", 0.0)
    hub, shops = demo.hub, demo.shops
    shopify = await link_account(
        hub, merchant="demo", channel="shopify", name="My Shopify shop",
        settings={"shop": world.SHOP, "base_url": shops.urls[0]},
        credentials={"access_token": world.TOKEN, "client_secret": world.CLIENT_SECRET},
    )  # fmt: skip
    woocommerce = await link_account(
        hub, merchant="demo", channel="woocommerce", name="My WooCommerce shop",
        settings={"base_url": shops.urls[1], "calls_per_s": world.CALLS_PER_S},
        credentials={"consumer_key": world.KEY, "consumer_secret": world.SECRET, "webhook_secret": world.HOOK_SECRET},
    )  # fmt: skip
    easypost = await link_account(
        hub, merchant="demo", channel="easypost", name="My carrier",
        settings={"base_url": shops.urls[2], "calls_per_s": world.CALLS_PER_S},
        credentials={"api_key": world.CARRIER_KEY, "webhook_secret": world.CARRIER_SECRET},
    )  # fmt: skip
    await subscribe(hub, easypost, demo.web.address)
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
            await connections.switch_fulfillments(tx, demo.merchant_id, connection_id, on=True)
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

    async def ask() -> None:
        async with demo.hub.database.transaction([demo.merchant_id]) as tx:
            pairs = [(demo.merchant_id, connection_id) for connection_id in demo.connection_ids]
            await schedule.ring(tx, "pull", pairs, demo.hub.clock())

    await _insist(ask)
    await demo.hub.wake.ring("pull")
    await _rest(demo, demo.patience_s)


async def _look_again(demo: Demo, tell: Tell) -> None:
    """The hub reads back what both shops show, as it does every ten minutes, and heals what no order explains."""
    tell("looking at what the shops show", 0.0)
    await asyncio.sleep(CROSSING.total_seconds() + 1)  # a look proves nothing about what was just written

    async def ask() -> None:
        async with demo.hub.database.transaction([demo.merchant_id]) as tx:
            pairs = [(demo.merchant_id, connection_id) for connection_id in demo.connection_ids]
            for pair in pairs:
                await reconciles.begin(tx, *pair, "demo", demo.hub.clock())
            await schedule.ring(tx, "reconcile", pairs, demo.hub.clock())

    async def healed() -> bool:
        async with demo.hub.database.transaction([demo.merchant_id]) as tx:
            return await demo_books.reconciled(tx)

    await _insist(ask)
    await demo.hub.wake.ring("reconcile")
    await _until(healed, "what the shops show to be healed", demo.patience_s)
    await _rest(demo, demo.patience_s)


async def _restock(demo: Demo, tell: Tell) -> None:
    """New goods come in for what was sold twice, so that every order can be shipped."""
    tell("restocking what was oversold", 0.0)

    async def receive() -> None:
        async with demo.hub.database.transaction([demo.merchant_id]) as tx:
            wanted = await demo_books.covering_counts(tx)
        counts = [Counted(sku, on_hand) for sku, on_hand in wanted.items()]
        if counts:
            await count_stock(demo.hub, demo.merchant_id, counts, cause="new goods")

    await _insist(receive)
    await _rest(demo, demo.patience_s)


async def _ship(demo: Demo, tell: Tell) -> None:
    """Every order leaves in a parcel of its own; its shop is told, the carrier follows it."""

    async def left() -> list[int]:
        async with demo.hub.database.transaction([demo.merchant_id]) as tx:
            return await demo_books.orders_to_ship(tx)

    waiting = await _insist(left)
    whole = len(waiting)

    async def pack() -> None:
        while waiting:
            order_id = waiting.pop()
            carrier = ("UPS", "USPS", "DHLExpress")[order_id % 3]
            box = Box(carrier, f"DEMO{demo.plan.seed:04}{order_id:08}")
            pack_one = partial(
                ship_order, demo.hub, demo.merchant_id, order_id, box, despite_holds=True, cause="demo"
            )
            await _insist(pack_one)
            tell(f"{whole - len(waiting)} parcels packed", 1 - len(waiting) / max(1, whole))

    await asyncio.gather(*(pack() for _ in range(DESKS)))
    await _rest(demo, demo.patience_s)


async def _carry(demo: Demo, tell: Tell) -> None:
    """The carrier carries the parcels, a step at a time, and calls back about each."""
    carrier, codes = demo.shops.easypost, list(demo.shops.easypost.truth())
    on_the_way, whole = codes, len(codes)
    while on_the_way:
        demo.shops.rng.shuffle(on_the_way)
        on_the_way = [code for code in on_the_way if carrier.advance(code)]
        tell("parcels on their way", 1 - len(on_the_way) / max(1, whole))
        await asyncio.sleep(0.2)
    await demo.shops.callbacks.settled()


async def _rest(demo: Demo, patience_s: float) -> None:
    async def resting() -> bool:
        async with demo.hub.database.transaction([demo.merchant_id]) as tx:
            return await demo_books.at_rest(tx)

    await _until(resting, "the hub to come to rest", patience_s)


async def _insist(work: Callable[[], Awaitable[T]]) -> T:
    """Do *work* until it is done, as a person at a desk does while the database is away."""
    until = time.monotonic() + CHAOS_S
    while True:
        try:
            return await work()
        except RETRYABLE:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.1)


async def _until(true: Callable[[], Awaitable[bool]], what: str, patience_s: float) -> None:
    """Look ten times a second, as an observer may; raises `FairwayError` when it takes too long."""
    until = time.monotonic() + patience_s
    while not await _insist(true):
        if time.monotonic() > until:
            raise FairwayError(
                f"Waited {patience_s:.0f} s for {what}.", fix="See worker.log in the demo's directory."
            )
        await asyncio.sleep(0.1)
