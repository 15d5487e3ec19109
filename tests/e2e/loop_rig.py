"""The whole loop in one process: two simulated shops with one stock, a carrier, a hub's web application and its worker."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from replay_rig import Running, run_hub

from console.demo import shops as world
from console.demo.shops import Shops
from core.hub import Hub
from core.store import connections, schedule
from core.usecases.count_stock import Counted, count_stock
from core.usecases.link_account import link_account, subscribe
from jobs.work import Worker
from simulators.courier import Courier
from simulators.easypost import EasyPostSimulator
from simulators.serving import serve
from simulators.shopify import ShopifySimulator
from simulators.woocommerce import WooCommerceSimulator

_LEFT = """SELECT EXISTS (SELECT FROM todo) OR EXISTS (SELECT FROM dirty) OR EXISTS (SELECT FROM fetches)
  OR EXISTS (SELECT FROM listing_levels WHERE pending)
  OR EXISTS (SELECT FROM outbox WHERE status = 'pending') OR EXISTS (SELECT FROM schedule WHERE due_at <= $1)"""

SUPPLY = {"MUG": 10, "TEA": 4}
LOOKS = 40  # rounds of the worker within which the loop has to come to rest


@dataclass
class Loop:
    """Both shops linked to one merchant and allowed to be told. *connections* are by channel."""

    hub: Hub
    running: Running
    shops: Shops
    merchant_id: int
    connections: dict[str, int]

    @property
    def shopify(self) -> ShopifySimulator:
        return self.shops.shopify

    @property
    def woocommerce(self) -> WooCommerceSimulator:
        return self.shops.woocommerce

    async def turn(self) -> None:
        """Let webhooks arrive and the worker look until nothing is left to do for anybody."""
        await self.shops.courier.settled()
        worker = Worker(self.hub)
        for _ in range(LOOKS):
            await worker.look()
            await self.shops.callbacks.settled()
            if not await self.running.admin.fetchval(_LEFT, self.hub.clock()):
                return
        raise AssertionError(f"not at rest after {LOOKS} looks")


@asynccontextmanager
async def open_loop(hub: Hub, admin_url: str, *, seed: int) -> AsyncIterator[Loop]:
    """Shops that show `SUPPLY` and send their order webhooks once, rightly signed."""
    courier, callbacks = Courier(random.Random(seed)), Courier(random.Random(seed + 1))
    shops = Shops(
        ShopifySimulator(
            shop=world.SHOP, access_token=world.TOKEN, client_secret=world.CLIENT_SECRET, seed=seed,
            courier=courier, now=hub.clock, cost_bucket=(20_000, 1_000),
        ),
        WooCommerceSimulator(
            consumer_key=world.KEY, consumer_secret=world.SECRET, webhook_secret=world.HOOK_SECRET, seed=seed,
            courier=courier, now=hub.clock,
        ),
        EasyPostSimulator(
            api_key=world.CARRIER_KEY, webhook_secret=world.CARRIER_SECRET, seed=seed, courier=callbacks, now=hub.clock,
        ),
        courier,
        callbacks,
        random.Random(seed),
        supply=dict(SUPPLY),
    )  # fmt: skip
    for sku, quantity in SUPPLY.items():
        shops.shopify.add_variant(sku=sku, title=sku, price="12.90", quantity=quantity)
        shops.woocommerce.add_product(sku=sku, name=sku, price="12.90", quantity=quantity)
    for simulator in (shops.shopify, shops.woocommerce, shops.easypost):
        shops.served.append(await serve(simulator.app()))
    try:
        async with run_hub(hub, admin_url) as running:
            yield await _linked(hub, running, shops)
    finally:
        await shops.close()


async def _linked(hub: Hub, running: Running, shops: Shops) -> Loop:
    shopify = await link_account(
        hub, merchant="loop", channel="shopify", name="one",
        settings={"shop": world.SHOP, "base_url": shops.urls[0]},
        credentials={"access_token": world.TOKEN, "client_secret": world.CLIENT_SECRET},
    )  # fmt: skip
    woocommerce = await link_account(
        hub, merchant="loop", channel="woocommerce", name="two",
        settings={"base_url": shops.urls[1], "calls_per_s": world.CALLS_PER_S},
        credentials={"consumer_key": world.KEY, "consumer_secret": world.SECRET, "webhook_secret": world.HOOK_SECRET},
    )  # fmt: skip
    easypost = await link_account(
        hub, merchant="loop", channel="easypost", name="three",
        settings={"base_url": shops.urls[2], "calls_per_s": world.CALLS_PER_S},
        credentials={"api_key": world.CARRIER_KEY, "webhook_secret": world.CARRIER_SECRET},
    )  # fmt: skip
    await subscribe(hub, easypost, running.url)
    for link, channel, shop in (
        (shopify, "shopify", shops.shopify),
        (woocommerce, "woocommerce", shops.woocommerce),
    ):
        for topic in world.ORDER_TOPICS[channel]:
            shop.subscribe(topic, f"{running.url}/hooks/{link.token}/{topic}")
    merchant_id = shopify.merchant_id
    running.merchants.append(merchant_id)
    await count_stock(
        hub, merchant_id, [Counted(sku, count) for sku, count in SUPPLY.items()], cause="first count"
    )
    found = {"shopify": shopify.connection_id, "woocommerce": woocommerce.connection_id}
    loop = Loop(hub, running, shops, merchant_id, found)
    await loop.turn()
    async with hub.database.transaction([merchant_id]) as tx:
        for connection_id in found.values():
            await connections.switch_push(tx, merchant_id, connection_id, on=True)
            await connections.switch_fulfillments(tx, merchant_id, connection_id, on=True)
        await schedule.ring(tx, "push", [(merchant_id, c) for c in found.values()], hub.clock())
    await loop.turn()
    return loop
