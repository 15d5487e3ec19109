"""A real hub over a running Shopify and a running WooCommerce shop, in simulated time. Nobody sends a webhook: orders are
known once they are pulled.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connectors import discover
from console.drift.shops import CHANNELS, SHOPIFY, WOOCOMMERCE, Shop, ShopifyShop, WooCommerceShop
from console.drift.wire import Clock, Wire
from core.hub import Hub, open_hub
from core.net import open_client, sender
from core.settings import Settings
from core.store import connections, drifts, reconciles, schedule
from core.usecases.adjust_stock import adjust_stock
from core.usecases.book_units import Asked
from core.usecases.count_stock import Counted, count_stock
from core.usecases.link_account import link_account
from jobs.work import Worker
from simulators.courier import Courier
from simulators.serving import serve
from simulators.shopify import ShopifySimulator
from simulators.woocommerce import WooCommerceSimulator

BELIEVED = SHOPIFY  # units that this shop puts back on sale are booked; the other one is told again
TICK_S = 10.0  # between two rounds of the worker
_TOKEN, _SECRET, _KEY = "shpat_drift", "drift-secret", "ck_drift"


@dataclass(slots=True)
class World:
    """*links* are the connections by shop. *truth* is what is really left of each SKU: on the shelf and sold to nobody,
    whether the hub has heard of the sale or not.
    """

    hub: Hub
    clock: Clock
    wire: Wire
    shops: Mapping[str, Shop]
    merchant_id: int = 0
    links: dict[str, int] = field(default_factory=dict)
    truth: dict[str, int] = field(default_factory=dict)
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        self.worker = Worker(self.hub)

    def buy(self, shop: str, sku: str, units: int) -> str | None:
        """A buyer buys at *shop*; the order's id, None where it shows too few."""
        order_id = self.shops[shop].buy(sku, units)
        if order_id is not None:
            self.truth[sku] -= units
        return order_id

    def cancel(self, shop: str, order_id: str, sku: str, units: int) -> None:
        self.shops[shop].cancel(order_id)
        self.truth[sku] += units

    def take_back(self, shop: str, order_id: str, sku: str, units: int) -> None:
        """Shipped goods come back, and *shop* puts them on sale. They are there where its word is taken for it."""
        self.shops[shop].take_back(order_id, sku, units)
        if shop == BELIEVED:
            self.truth[sku] += units

    async def adjust(self, changes: Mapping[str, int]) -> None:
        """So many units more are on the shelf than were thought to be there, or fewer."""
        self.clock.forward(1)
        rows = [Asked(sku, units) for sku, units in changes.items()]
        key = f"simulation:{self.clock().isoformat()}"
        await adjust_stock(
            self.hub, self.merchant_id, rows, why="a person counted", op_key=key, actor="simulation"
        )
        for sku, units in changes.items():
            self.truth[sku] += units

    async def ring(self, *kinds: str) -> None:
        pairs = [(self.merchant_id, connection_id) for connection_id in self.links.values()]
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            for kind in kinds:
                await schedule.ring(tx, kind, pairs, self.hub.clock())

    async def spell(self, *kinds: str) -> None:
        """A worker does what is due of these kinds, and no other."""
        for kind in kinds:
            await self.worker.spell(kind)
            await self.hub.settled()

    async def live(self, seconds: float) -> None:
        """So much time passes, and the worker looks for what is due now and then."""
        until = self.clock.now + timedelta(seconds=seconds)
        while self.clock.now < until:
            self.clock.forward(min(TICK_S, (until - self.clock.now).total_seconds()))
            await self.worker.look()
            await self.hub.settled()

    async def pull(self) -> None:
        """Every order that the shops list by now is known."""
        await self.ring("pull")
        await self.spell("pull", "drain")

    async def sweep(self) -> list[int]:
        """Read back everything that both shops show, as `fairway reconcile` does; the sweeps' ids."""
        ids = []
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            for connection_id in self.links.values():
                where = (self.merchant_id, connection_id)
                ids.append(await reconciles.begin(tx, *where, "simulation", self.hub.clock()))
        await self.ring("reconcile")
        while True:
            await self.spell("reconcile")
            async with self.hub.database.transaction([self.merchant_id]) as tx:
                if all(row["finished_at"] for row in await reconciles.of_ids(tx, ids)):
                    return ids
            self.clock.forward(0.1)

    async def begin(self, counts: Mapping[str, int]) -> None:
        """The shelves are counted, the catalogues read, and both shops are told. Units that are put back on sale are
        booked where they come back to Shopify; WooCommerce is told again.
        """
        rows = [Counted(sku, units) for sku, units in counts.items()]
        await count_stock(self.hub, self.merchant_id, rows, cause="the first count")
        self.truth = dict(counts)
        await self.ring("catalog")
        await self.spell("catalog", "relevel")
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            for shop, connection_id in self.links.items():
                await connections.switch_push(tx, self.merchant_id, connection_id, on=True)
                wins = "channel" if shop == BELIEVED else "hub"
                where = (self.merchant_id, connection_id)
                await drifts.put_policy(tx, *where, ["channel_restock"], wins, "the simulation", self.clock())
        for connection_id in self.links.values():
            self.hub.forget(self.merchant_id, connection_id)
        await self.ring("push")
        await self.live(60)


@asynccontextmanager
async def open_world(
    settings: Settings, seed: int, stock: Iterable[tuple[str, int, int]]
) -> AsyncIterator[World]:
    """Both shops, linked, each listing every SKU of *stock*: (SKU, what Shopify shows, what WooCommerce shows)."""
    clock = Clock()
    couriers = [Courier(random.Random(seed + place)) for place in range(2)]  # noqa: S311
    shopify = ShopifySimulator(
        shop="drift.myshopify.com", access_token=_TOKEN, client_secret=_SECRET, seed=seed, courier=couriers[0],
        now=clock, cost_bucket=(100_000, 10_000),
    )  # fmt: skip
    woocommerce = WooCommerceSimulator(
        consumer_key=_KEY, consumer_secret=_SECRET, webhook_secret=_SECRET, seed=seed, courier=couriers[1], now=clock,
    )  # fmt: skip
    shops: dict[str, Shop] = {SHOPIFY: ShopifyShop(shopify), WOOCOMMERCE: WooCommerceShop(woocommerce)}
    for sku, *shown in stock:
        for shop, quantity in zip(CHANNELS, shown, strict=True):
            shops[shop].list(sku, quantity)
    served = [await serve(one.app()) for one in (shopify, woocommerce)]
    client = open_client(allow_private_hosts=True)
    send = sender(client, allow_private_hosts=True, deadline_s=settings.call_deadline_s)
    wire = Wire(send, clock, random.Random(f"calls {seed}"))  # noqa: S311
    asked: dict[str, dict[str, Any]] = {
        SHOPIFY: {
            "settings": {"shop": "drift.myshopify.com", "base_url": served[0].url},
            "credentials": {"access_token": _TOKEN, "client_secret": _SECRET},
        },
        WOOCOMMERCE: {
            "settings": {"base_url": served[1].url, "calls_per_s": "1000"},
            "credentials": {"consumer_key": _KEY, "consumer_secret": _SECRET, "webhook_secret": _SECRET},
        },
    }
    try:
        async with open_hub(settings, discover(), clock=clock, send=wire, application="simulation") as hub:
            world = World(hub, clock, wire, shops)
            for shop in CHANNELS:
                link = await link_account(hub, merchant="drift", channel=shop, name=shop, **asked[shop])
                world.merchant_id, world.links[shop] = link.merchant_id, link.connection_id
            yield world
    finally:
        await client.close()
        for one_served in served:
            await one_served.close()
        for courier in couriers:
            await courier.close()
