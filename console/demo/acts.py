"""What happens in a story: accounts are linked, webhooks found again, goods restocked, packed and carried.

Every act insists: what it asks of the hub is asked again while the database is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial

from console.demo import shops as world
from console.demo.stage import Stage, Tell, insist, until
from core.rules.stock import CROSSING
from core.store import connections, demo_books, reconciles, schedule
from core.usecases.count_stock import Counted, count_stock
from core.usecases.link_account import link_account, subscribe
from core.usecases.ship_order import Box, ship_order

DESKS = 4  # parcels packed side by side


async def link(stage: Stage, tell: Tell) -> None:
    """Both shops and the carrier are linked, the shelves counted, and the shops allowed to be told."""
    tell("linking two shops and a carrier", 0.0)
    hub, shops = stage.hub, stage.shops
    shopify = await link_account(
        hub, merchant="demo", channel="shopify", name="My Shopify shop",
        settings={"shop": world.SHOP, "base_url": stage.urls[0]},
        credentials={"access_token": world.TOKEN, "client_secret": world.CLIENT_SECRET},
    )  # fmt: skip
    woocommerce = await link_account(
        hub, merchant="demo", channel="woocommerce", name="My WooCommerce shop",
        settings={"base_url": stage.urls[1], "calls_per_s": world.CALLS_PER_S},
        credentials={"consumer_key": world.KEY, "consumer_secret": world.SECRET, "webhook_secret": world.HOOK_SECRET},
    )  # fmt: skip
    easypost = await link_account(
        hub, merchant="demo", channel="easypost", name="My carrier",
        settings={"base_url": stage.urls[2], "calls_per_s": world.CALLS_PER_S},
        credentials={"api_key": world.CARRIER_KEY, "webhook_secret": world.CARRIER_SECRET},
    )  # fmt: skip
    await subscribe(hub, easypost, stage.door)
    stage.merchant_id = shopify.merchant_id
    stage.connection_ids = (shopify.connection_id, woocommerce.connection_id)
    stage.tokens = {link.token: link.connection_id for link in (shopify, woocommerce, easypost)}
    for link, shop in ((shopify, "shopify"), (woocommerce, "woocommerce")):
        for topic in world.ORDER_TOPICS[shop]:
            address = f"{stage.door}/hooks/{link.token}/{topic}"
            (shops.shopify if shop == "shopify" else shops.woocommerce).subscribe(topic, address)
    await count_stock(
        hub,
        stage.merchant_id,
        [Counted(sku, count) for sku, count in shops.supply.items()],
        cause="first count",
    )

    async def known() -> bool:
        async with hub.database.transaction([stage.merchant_id]) as tx:
            return await demo_books.cataloged(tx, list(stage.connection_ids), world.VARIANTS)

    await until(known, "the catalogues to be read", 60)
    async with hub.database.transaction([stage.merchant_id]) as tx:
        for connection_id in stage.connection_ids:
            await connections.switch_push(tx, stage.merchant_id, connection_id, on=True)
            await connections.switch_fulfillments(tx, stage.merchant_id, connection_id, on=True)
        await schedule.ring(tx, "push", stage.pairs, hub.clock())
    await stage.rest(30)


async def settle(stage: Stage, tell: Tell) -> None:
    """Webhooks arrive, then both shops are asked for what never came."""
    tell("asking for what webhooks lost", 0.0)
    await stage.shops.courier.settled()

    async def ask() -> None:
        async with stage.hub.database.transaction([stage.merchant_id]) as tx:
            await schedule.ring(tx, "pull", stage.pairs, stage.hub.clock())

    await insist(ask)
    await stage.hub.wake.ring("pull", [stage.merchant_id])
    await stage.rest()


async def look_again(stage: Stage, tell: Tell) -> None:
    """The hub reads back what both shops show, as it does every ten minutes, and heals what no order explains."""
    tell("looking at what the shops show", 0.0)
    await asyncio.sleep(CROSSING.total_seconds() + 1)  # a look proves nothing about what was just written

    async def ask() -> None:
        async with stage.hub.database.transaction([stage.merchant_id]) as tx:
            # The schedule first, as workers lock it: the other way round, each may wait for the other.
            await schedule.ring(tx, "reconcile", stage.pairs, stage.hub.clock())
            for pair in stage.pairs:
                await reconciles.begin(tx, *pair, "demo", stage.hub.clock())

    async def healed() -> bool:
        async with stage.hub.database.transaction([stage.merchant_id]) as tx:
            return await demo_books.reconciled(tx)

    await insist(ask)
    await stage.hub.wake.ring("reconcile", [stage.merchant_id])
    await until(healed, "what the shops show to be healed", stage.patience_s)
    await stage.rest()


async def restock(stage: Stage, tell: Tell) -> None:
    """New goods come in for what was sold twice, so that every order can be shipped."""
    tell("restocking what was oversold", 0.0)

    async def receive() -> None:
        async with stage.hub.database.transaction([stage.merchant_id]) as tx:
            wanted = await demo_books.covering_counts(tx)
        counts = [Counted(sku, on_hand) for sku, on_hand in wanted.items()]
        if counts:
            await count_stock(stage.hub, stage.merchant_id, counts, cause="new goods")

    await insist(receive)
    await stage.rest()


async def pack(stage: Stage, tell: Tell, *, but: Collection[str] = ()) -> int:
    """Every order that can leave leaves in a parcel of its own, but those whose channel's id is in *but*; returns how
    many did. Its shop is told, the carrier follows it.
    """

    async def left() -> list[int]:
        async with stage.hub.database.transaction([stage.merchant_id]) as tx:
            return await demo_books.orders_to_ship(tx, list(but))

    waiting = await insist(left)
    whole = len(waiting)

    async def desk() -> None:
        while waiting:
            order_id = waiting.pop()
            carrier = ("UPS", "USPS", "DHLExpress")[order_id % 3]
            box = Box(carrier, f"{stage.parcels}{order_id:08}")
            pack_one = partial(
                ship_order, stage.hub, stage.merchant_id, order_id, box, despite_holds=True, cause="demo"
            )
            await insist(pack_one)
            tell(f"{whole - len(waiting)} parcels packed", 1 - len(waiting) / max(1, whole))

    await asyncio.gather(*(desk() for _ in range(DESKS)))
    return whole


async def carry(stage: Stage, tell: Tell) -> None:
    """The carrier carries the parcels, a step at a time, and calls back about each."""
    carrier, codes = stage.shops.easypost, list(stage.shops.easypost.truth())
    on_the_way, whole = codes, len(codes)
    while on_the_way:
        stage.shops.rng.shuffle(on_the_way)
        on_the_way = [code for code in on_the_way if carrier.advance(code)]
        tell("parcels on their way", 1 - len(on_the_way) / max(1, whole))
        await asyncio.sleep(0.2)
    await stage.shops.callbacks.settled()
