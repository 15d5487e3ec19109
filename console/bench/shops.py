"""Merchants with three simulated shops each, running, linked to the hub, with full shelves: the first sells, the two others
have to be told.
"""

from __future__ import annotations

import asyncio
import random
import resource
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from bench.bodies import SECRET
from core.errors import FairwayError
from core.hub import Hub
from core.store import bench_books, connections, demo_books, schedule
from core.usecases.count_stock import Counted, count_stock
from core.usecases.link_account import link_account
from simulators.courier import Courier
from simulators.serving import Served, serve
from simulators.woocommerce import WooCommerceSimulator

KEY, KEY_SECRET = "ck_bench", "cs_bench"
SHOPS = 3
CALLS_PER_S = "500"  # what a simulated host bears
FULL = 1_000_000  # units of each SKU: nothing sells out
PATIENCE_S = 3_600.0  # a thousand merchants' catalogues take minutes on a quiet machine
AT_ONCE = 8


@dataclass(slots=True)
class Shop:
    """One simulated shop; *token* is the secret part of its webhook address at the hub."""

    number: int
    merchant: int  # 0, 1, ...
    simulator: WooCommerceSimulator
    served: Served
    token: str = ""
    connection_id: int = 0

    @property
    def url(self) -> str:
        return self.served.url

    def products(self) -> dict[str, int]:
        """Products' ids by SKU."""
        return {sku: product.product_id for sku, product in self.simulator.catalogue.by_sku.items()}

    def shown(self) -> dict[str, int | None]:
        return {sku: product.stock_quantity for sku, product in self.simulator.catalogue.by_sku.items()}

    def calls(self) -> int:
        """Calls about products: reading what is shown, and writing it."""
        return sum(
            count
            for name, count in self.simulator.books.calls.items()
            if name.split(" ")[1].startswith("products")
        )


@dataclass(slots=True)
class Shops:
    """*merchant_ids* are the hub's, by the merchants' numbers; *supply* is what each merchant has of each SKU."""

    every: list[Shop]
    supply: dict[str, int]
    merchant_ids: list[int] = field(default_factory=list)

    @property
    def merchants(self) -> range:
        return range(len(self.every) // SHOPS)

    @property
    def selling(self) -> list[Shop]:
        """Each merchant's first shop."""
        return self.every[::SHOPS]

    @property
    def told(self) -> list[Shop]:
        """All others."""
        return [shop for shop in self.every if shop.number % SHOPS]

    def calls(self) -> int:
        return sum(shop.calls() for shop in self.told)

    def refill(self) -> None:
        """Every shop shows the full count again, whoever wrote there meanwhile."""
        for shop in self.told:
            for sku, product in shop.simulator.catalogue.by_sku.items():
                product.stock_quantity = self.supply[sku]


@asynccontextmanager
async def open_shops(merchants: int, skus: int, now: Callable[[], datetime]) -> AsyncIterator[Shops]:
    """Run three shops for each of *merchants* during the block, with the same *skus* SKUs, `SKU-0` and so on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
    supply = {f"SKU-{number}": FULL for number in range(skus)}
    courier = Courier(random.Random(1))  # noqa: S311 - it carries nothing: these shops have no subscribers
    every: list[Shop] = []
    try:
        for number in range(merchants * SHOPS):
            simulator = WooCommerceSimulator(
                consumer_key=KEY,
                consumer_secret=KEY_SECRET,
                webhook_secret=SECRET,
                seed=number,
                courier=courier,
                now=now,
            )
            for sku, count in supply.items():
                simulator.add_product(sku=sku, name=f"Thing {sku}", price="19.90", quantity=count)
            every.append(Shop(number, number // SHOPS, simulator, await serve(simulator.app())))
        yield Shops(every, supply)
    finally:
        for shop in every:
            await shop.served.close()
        await courier.close()


async def link(hub: Hub, shops: Shops, tell: Callable[[str, float], None]) -> None:
    """Link all shops, count the shelves, wait until the catalogues are read, and let the hub tell every shop.

    A worker must run. *tell* hears of each merchant that is ready. Raises `FairwayError` when it takes too long.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(merchant: int) -> int:
        async with gate:
            for shop in shops.every[merchant * SHOPS : (merchant + 1) * SHOPS]:
                made = await link_account(
                    hub, merchant=f"bench-{merchant}", channel="woocommerce", name=f"shop {shop.number % SHOPS + 1}",
                    settings={"base_url": shop.url, "calls_per_s": CALLS_PER_S},
                    credentials={"consumer_key": KEY, "consumer_secret": KEY_SECRET, "webhook_secret": SECRET},
                )  # fmt: skip
                shop.token, shop.connection_id = made.token, made.connection_id
            full = [Counted(sku, count) for sku, count in shops.supply.items()]
            await count_stock(hub, made.merchant_id, full, cause="bench")
            return made.merchant_id

    shops.merchant_ids = list(await asyncio.gather(*(one(merchant) for merchant in shops.merchants)))
    end = time.monotonic() + PATIENCE_S
    for done, merchant_id in enumerate(shops.merchant_ids):
        tell("linking shops", done / len(shops.merchant_ids))
        mine = [
            shop.connection_id for shop in shops.every if shops.merchant_ids[shop.merchant] == merchant_id
        ]
        while True:
            async with hub.database.transaction([merchant_id]) as tx:
                if await demo_books.cataloged(tx, mine, len(shops.supply)):
                    break
            if time.monotonic() > end:
                raise FairwayError("Waited too long for the catalogues to be read.")
            await asyncio.sleep(0.1)
        async with hub.database.transaction([merchant_id]) as tx:
            for connection_id in mine:
                await connections.switch_push(tx, merchant_id, connection_id, on=True)
            pairs = [(merchant_id, connection_id) for connection_id in mine]
            await schedule.ring(tx, "push", pairs, hub.clock())
    await settle(hub, shops, end - time.monotonic())


async def settle(hub: Hub, shops: Shops, patience_s: float) -> None:
    """Wait until every delivery is applied, every level made and confirmed by its shop. Looks without resting long: what
    is measured ends with it. Raises `FairwayError` when it takes longer than *patience_s*.
    """
    end = time.monotonic() + patience_s
    while True:
        async with hub.database.transaction(shops.merchant_ids) as tx:
            if await bench_books.settled(tx):
                return
        if time.monotonic() > end:
            raise FairwayError(f"Waited {patience_s:.0f} s for the hub to have told everybody.")
        await asyncio.sleep(0.02)
