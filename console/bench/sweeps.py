"""A catalogue read back from several channels at once: CPU until every count that is shown was compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bench.cpu import Spent, spending
from console.bench.stand import Stand
from console.processes import running
from core.hub import Hub
from core.store import bench_books, bench_fill, connections, listings, schedule
from core.usecases.lease import run_due
from core.usecases.reconcile import next_reconcile, reconcile

CHUNK = 5_000
QUIET = timedelta(hours=1)  # since the shops were told: what differs by then is no echo
UNITS = 50
LESS = 1_000  # of so many listings one shows a unit less than it should
CALLS_PER_S = "100000"  # a shop that never asks to be left alone


@dataclass(frozen=True, slots=True)
class Swept:
    """*levels* were compared in *sweeps* that ended, *found* by what each was taken for."""

    spent: Spent
    sweeps: int
    levels: int
    found: dict[str, int]


async def sweep_all(stand: Stand, listed: int, channels: int, tell: Callable[[str, float], None]) -> Swept:
    """Fill a database with *listed* variants, listed at *channels* shops each, and read all of it back."""
    shop = stand.other(
        "bench.shop_pages",
        {"BENCH_PRODUCTS": str(listed), "BENCH_UNITS": str(UNITS), "BENCH_LESS": str(LESS)},
    )
    async with stand.another_hub("sweeps") as hub, running(shop):
        merchant_id, pairs = await _fill(hub, listed, channels, shop.address, tell)
        await stand.analyze(hub)
        await stand.checkpoint()
        tell("reading back", 0.0)
        async with hub.database.transaction([merchant_id]) as tx:
            await schedule.ring(tx, "reconcile", pairs, hub.clock())
        with spending(stand.postgres) as spent:
            while (sweeps := await _ended(hub, merchant_id))["ended"] < channels:
                tell("reading back", sweeps["levels"] / (listed * channels))
                await run_due(hub, "reconcile", reconcile, next_reconcile)
    return Swept(spent, sweeps["ended"], sweeps["levels"], sweeps["found"])


async def _ended(hub: Hub, merchant_id: int) -> dict[str, Any]:
    async with hub.database.transaction([merchant_id]) as tx:
        return await bench_books.sweeps(tx, merchant_id)


async def _fill(
    hub: Hub, listed: int, channels: int, address: str, tell: Callable[[str, float], None]
) -> tuple[int, list[tuple[int, int]]]:
    """The merchant and its connections, as pairs."""
    now, keys = hub.clock(), hub.settings.outbound
    assert keys is not None  # noqa: S101 - a worker's settings
    async with hub.database.transaction([]) as tx:
        merchant_id = await connections.add_merchant(tx, "bench", hub.settings.inbound, now)
    async with hub.database.transaction([merchant_id]) as tx:
        shelf = await listings.default_location(tx, merchant_id)
        shops = []
        for number in range(channels):
            name = f"shop {number + 1}"
            connection_id = await connections.add_connection(
                tx, merchant_id=merchant_id, channel="woocommerce", name=name, account=name,
                settings={"base_url": address, "calls_per_s": CALLS_PER_S}, token=name, stock_since=now, now=now,
                kinds=("reconcile",),
            )  # fmt: skip
            for secret in ("consumer_key", "consumer_secret"):
                await connections.put_credential(
                    tx, merchant_id, connection_id, secret, "outbound", secret, keys
                )
            await connections.switch_push(tx, merchant_id, connection_id, on=True)
            await listings.map_location_once(tx, merchant_id, connection_id, "", shelf, name)
            shops.append(connection_id)
    for start in range(0, listed, CHUNK):
        tell(f"listing {listed} variants at {channels} shops", start / listed)
        numbers = range(start, min(start + CHUNK, listed))
        async with hub.database.transaction([merchant_id]) as tx:
            await bench_fill.list_variants(tx, merchant_id, shelf, numbers, UNITS, now)
            for connection_id in shops:
                await bench_fill.list_items(tx, merchant_id, connection_id, numbers, UNITS, now - QUIET)
    return merchant_id, [(merchant_id, connection_id) for connection_id in shops]
