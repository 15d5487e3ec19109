"""How fast stored deliveries become orders: one worker's drain over a backlog, by wall clock and by CPU."""

from __future__ import annotations

import os
import platform
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.cpu import spending
from core.clock import wall_clock
from core.hub import Hub
from core.sealing import BodyBox
from core.store import connections, deliveries, demo_books, listings
from core.store.deliveries import Incoming
from core.usecases.count_stock import Counted, count_stock
from jobs.work import Worker
from simulators.courier import Courier, Webhook
from simulators.woocommerce import WooCommerceSimulator

SKUS = 500
BATCH = 500


async def bench_drain(hub: Hub, count: int, postgres: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Store *count* order deliveries in the empty database of *hub*, drain them, and say how fast.

    Listings are levelled along the way, as a worker does. `cpu_us` is this process's CPU per delivery,
    `postgres_cpu_us` that of the server whose process is *postgres*.
    """
    tell(f"storing {count} deliveries")
    await fill(hub, count)
    tell("draining them")
    return await _measure(hub, count, postgres)


@dataclass(frozen=True, slots=True)
class Place:
    """A merchant and the connection its orders come from; *box* seals what it is sent."""

    merchant_id: int
    connection_id: int
    box: BodyBox


async def fill(hub: Hub, count: int, merchant: str = "bench") -> None:
    """Store *count* order deliveries of a new *merchant*, whose shelves are full."""
    place = await open_place(hub, {f"SKU-{n}": 10 * count for n in range(SKUS)}, merchant)
    await store(hub, place, _bodies(count))


async def open_place(hub: Hub, supply: Mapping[str, int], merchant: str = "bench") -> Place:
    """A new *merchant* that has *supply* units of each SKU, and one shop whose webhooks are stored by `store`."""
    now = hub.clock()
    async with hub.database.transaction([]) as tx:
        merchant_id = await connections.add_merchant(tx, merchant, hub.settings.inbound, now)
    async with hub.database.transaction([merchant_id]) as tx:
        connection_id = await connections.add_connection(
            tx, merchant_id=merchant_id, channel="woocommerce", name="shop", account=merchant,
            settings={"base_url": "http://127.0.0.1:1"}, token=merchant, stock_since=now, now=now,
            kinds=(),  # there is no shop to ask or to tell
        )  # fmt: skip
        box = await connections.data_key(tx, merchant_id, hub.settings.inbound)
        await listings.default_location(tx, merchant_id)
    await count_stock(hub, merchant_id, [Counted(*one) for one in supply.items()], cause="bench")
    return Place(merchant_id, connection_id, box)


async def store(hub: Hub, place: Place, bodies: Sequence[bytes]) -> None:
    """Store *bodies* of new orders as deliveries that wait to be drained."""
    for start in range(0, len(bodies), BATCH):
        batch = []
        for body in bodies[start : start + BATCH]:
            key = deliveries.dedupe_key(place.connection_id, "order.created", body)
            batch.append(
                Incoming(
                    merchant_id=place.merchant_id,
                    connection_id=place.connection_id,
                    topic="order.created",
                    via="webhook",
                    dedupe_key=key,
                    sealed=place.box.seal(body, deliveries.body_owner(place.connection_id, key)),
                    headers={},
                    received_at=hub.clock(),
                )
            )
        async with hub.database.transaction([place.merchant_id]) as tx:
            await deliveries.add(tx, batch)


async def drain_all(hub: Hub) -> None:
    """Drain what is stored and level what it moved, as a worker does, until nothing is left."""
    worker = Worker(hub)
    while await _left(hub):
        await worker.spell("drain")
        await worker.spell("relevel")


def _bodies(count: int) -> list[bytes]:
    """Order bodies as a WooCommerce shop writes them: two lines each."""
    kept: list[bytes] = []

    class Keeps(Courier):
        def post(self, webhook: Webhook) -> None:
            kept.append(webhook.body)

    rng = random.Random(1)
    shop = WooCommerceSimulator(
        consumer_key="ck",
        consumer_secret="cs",
        webhook_secret="s",
        seed=1,
        courier=Keeps(rng),
        now=wall_clock,
    )
    for n in range(SKUS):
        shop.add_product(sku=f"SKU-{n}", name=f"Thing {n}", price="19.90", quantity=10 * count)
    shop.subscribe("order.created", "http://127.0.0.1:1/")
    for n in range(count):
        shop.checkout([(f"SKU-{n % SKUS}", 1), (f"SKU-{(n * 7 + 1) % SKUS}", 2)])
    return kept


async def _left(hub: Hub) -> int:
    async with hub.database.transaction([]) as tx:
        return await deliveries.backlog(tx)


async def _stored(hub: Hub) -> int:
    async with hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
    async with hub.database.transaction(merchants) as tx:
        return int((await demo_books.numbers(tx))["orders"])


async def _measure(hub: Hub, count: int, postgres: int) -> dict[str, Any]:
    with spending(postgres) as spent:
        await drain_all(hub)
    return {
        "deliveries": count,
        "orders": await _stored(hub),
        "seconds": round(spent.seconds, 2),
        "per_s": round(count / spent.seconds),
        "cpu_us": round(spent.ours / count * 1e6),
        "postgres_cpu_us": round(spent.postgres / count * 1e6),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "at": hub.clock().isoformat(timespec="seconds"),
    }
