"""Parts of an exhaustive run that are about what is there: counts, kits, differences, shortages. Judges nothing."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from console.chaos.stand import Stand
from console.chaos.trade import KIT, MERCHANT, SHOPS, list_everywhere, sell, skus
from core.store import chaos_books, reconciles, schedule
from core.store.database import Connection
from simulators.faults import CallFaults

STILL_S = 12.0  # a look proves nothing about what was just written, as everything was when it was opened


async def _drift(stand: Stand) -> None:
    """Somebody changes a count behind the hub's back in each shop. The hub reads both, until every difference is over or
    waits for a person.

    A difference of what the last write had changed would be taken for a lost write, about which nobody is asked.
    """
    await asyncio.sleep(max(0.0, stand.opened_at + STILL_S - time.monotonic()))
    one, other = skus(stand, 2)
    shopify, woocommerce = stand.shops.shopify, stand.shops.woocommerce
    shopify.set_available(one, shopify.available(one) - next(stand.edits))
    woocommerce.set_stock(other, (woocommerce.stock_of(other) or 0) + next(stand.edits))
    await _read_back(stand)


async def _read_back(stand: Stand) -> None:
    for pair in stand.stage.pairs:
        await stand.ask(_begin, pair, stand)
    await stand.stage.hub.wake.ring("reconcile", [stand.stage.merchant_id])

    await stand.until(partial(stand.ask, chaos_books.reconciled), "what the shops show to be settled")


async def _begin(tx: Connection, pair: tuple[int, int], stand: Stand) -> None:
    now = stand.stage.hub.clock()
    await schedule.ring(tx, "reconcile", [pair], now)
    await reconciles.begin(tx, *pair, "chaos", now)


async def guess(stand: Stand) -> None:
    """A shop takes counts and its answers are lost, so that what it shows is guessed until the shop was read."""
    for _ in range(2):
        woocommerce = stand.shops.woocommerce
        woocommerce.call_faults = CallFaults(lost_replies=1.0)
        sell(stand, "shopify", skus(stand, 1)[0])
        await stand.shops.courier.settled()
        await stand.until(partial(stand.ask, chaos_books.guessed), "a count to be guessed")
        woocommerce.call_faults = CallFaults()
        await stand.ask(chaos_books.land)
        await stand.quiet()
        stand.arm()
        # Pooled as they are nothing hangs on it, so nobody else asks for the orders that would make it sure.
        await stand.until(partial(_sure, stand), "nothing to be guessed any more")


async def _sure(stand: Stand) -> bool:
    await stand.ring("pull")
    await _read_back(stand)
    return bool(await stand.ask(chaos_books.sure))


async def drift(stand: Stand) -> None:
    for _ in range(2):
        await _drift(stand)


async def heal(stand: Stand) -> None:
    """What differs is asked about, and a person says whose count is right."""
    await stand.command("drifts", "policy", "ask", *MERCHANT)
    await _drift(stand)
    for drift_id in await stand.ask(chaos_books.asked_drifts):
        await stand.command("drifts", "heal", str(drift_id), "--by", "hub", done_is_refused=True)
    await stand.command("drifts", "policy", "hub", *MERCHANT)


async def list_new(stand: Stand) -> None:
    """An order comes for what no catalogue has named yet; then it is listed, and counted."""
    for _ in range(2):
        sku = f"NEW-{next(stand.numbers):05}"
        stand.shops.shopify.add_variant(sku=sku, title="New", price="9.00", quantity=50)
        stand.shops.woocommerce.add_product(sku=sku, name="New", price="9.00", quantity=50)
        sell(stand, "woocommerce", sku)
        await stand.quiet()
        await list_everywhere(stand, sku)
        stand.shops.supply[sku] = 50
        await stand.command("stock", "count", sku, "50", *MERCHANT)
        await stand.quiet()


async def _short(stand: Stand) -> str:
    """Of what two buyers were promised only a part is found on the shelf."""
    (sku,) = skus(stand, 1)
    for shop in SHOPS:
        sell(stand, shop, sku)
    await stand.quiet()
    await stand.command("stock", "count", sku, "1", *MERCHANT)
    return sku


async def _enough(stand: Stand, sku: str) -> None:
    await stand.command("stock", "count", sku, "9000", *MERCHANT)
    await stand.quiet()


async def count(stand: Stand) -> None:
    for _ in range(2):
        await _enough(stand, await _short(stand))


async def propose(stand: Stand) -> None:
    """The hub may cancel: it says which orders go without, until the units are there after all."""
    await stand.command("incidents", "policy", "cancel", *MERCHANT)
    for _ in range(2):
        sku = await _short(stand)

        await stand.until(partial(stand.ask, chaos_books.proposed), "a cancellation to be proposed")
        await _enough(stand, sku)
    await stand.command("incidents", "policy", "ask", *MERCHANT)


async def resolve(stand: Stand) -> None:
    for _ in range(2):
        sku = await _short(stand)

        await stand.until(partial(stand.ask, chaos_books.open_incidents), "an incident")
        for incident_id in await stand.ask(chaos_books.open_incidents):
            await stand.command("incidents", "resolve", str(incident_id), "--policy", "backorder")
        await _enough(stand, sku)


async def kit(stand: Stand) -> None:
    """A kit is made of something else, and of something else again."""
    for sku in skus(stand, 2):
        await stand.command("stock", "kits", "set", KIT, f"{sku}=2", *MERCHANT)
        stand.kit = {sku: 2}
        await stand.quiet()
