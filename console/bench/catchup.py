"""After hours in the dark: how long until orders and stock are true again, channel by channel, in simulated time.

Shopify and WooCommerce are the real connectors over HTTP to the simulated shops, paced by the hub's own rules; Amazon and
eBay, which have no connector, are arithmetic. The worst of each: all of the merchant's orders came in at that channel,
and every one of its listings has to be told another count.
"""

from __future__ import annotations

import os
import platform
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from bench import cpu
from connectors import discover
from connectors.shopify import live as shopify_live
from connectors.shopify import orders as shopify_orders
from connectors.shopify import outbound as shopify_outbound
from console.bench.gates import Gate, rounded
from console.bench.outage import PUBLISHED, Need, Published, computed_s, least_s, pages
from console.bench.paced import PacedGate, Time
from core.clock import wall_clock
from core.connector import Page, PullsOrders, ReadsStock, TellsBudget, Window, WritesStock, limits_for
from core.errors import ChannelError, FairwayError, Recovery
from core.flow import Flow, Response
from core.model.inventory import StockSeen, StockWrite
from core.net import Line, drive, open_client, sender
from core.rules.backoff import pause_after
from core.usecases.pull_orders import OVERLAP
from simulators.courier import Courier
from simulators.serving import serve
from simulators.shopify import ShopifySimulator
from simulators.woocommerce import WooCommerceSimulator

DARK_S = 6 * 3600
LATENCY_S = 0.2  # until a call is answered. Assumed
MOST = 1.25  # times the arithmetic minimum
CALM_S = 60.0  # long enough for every bucket to be full again
STUCK = 20  # times a pull may be put off without a page more than the time before
BEGAN = datetime(2026, 11, 27, 6, tzinfo=UTC)
_KEY = "of-a-simulated-shop"
DOMAIN = "dark.myshopify.com"


@dataclass(frozen=True, slots=True)
class Ask:
    """*orders* a day and *listings* of the merchant."""

    orders: int
    listings: int

    @property
    def missed(self) -> int:
        """Orders that came in while it was dark."""
        return round(self.orders * DARK_S / 86_400)


@dataclass(frozen=True, slots=True)
class Shop:
    """A simulated shop with what it takes to call it; *listed* says which orders it has."""

    slug: str
    simulator: Any
    settings: Mapping[str, str]
    credentials: Mapping[str, str]
    listed: Callable[[], Any]


async def bench_catchup(ask: Ask, tell: Callable[[str, float], None]) -> dict[str, Any]:
    """Each channel in turn; the seconds are simulated ones."""
    rows = []
    for number, (slug, made) in enumerate((("shopify", _shopify), ("woocommerce", _woocommerce))):
        tell(f"{slug} is dark for six hours", number / 2)
        time = Time(BEGAN)
        rows.append(await _run(ask, made(ask, time), time, partial(_later, tell, (number + 0.5) / 2)))
    rows += [_computed(ask, channel) for channel in PUBLISHED]
    gates = [
        Gate(
            f"{row['channel']}: catching up, times the arithmetic minimum",
            MOST,
            row["times_minimum"],
            most=True,
        )
        for row in rows
        if row["how"] == "run"
    ]
    minutes = [row["minutes"] for row in rows if row["how"] == "run"]
    return {
        "channels": rows,
        "longest_minutes": None if None in minutes else max(minutes),
        "orders_missed": ask.missed,
        "listings": ask.listings,
        "dark_hours": DARK_S // 3600,
        "assumed_latency_s": LATENCY_S,
        "sources": {channel.name: channel.source for channel in PUBLISHED},
        "gates": [gate.row() for gate in gates],
        "machine": f"simulated time; {cpu.model() or platform.machine()}, {os.cpu_count()} cores",
        "at": wall_clock().isoformat(timespec="seconds"),
    }


def _courier() -> Courier:
    """Nobody has subscribed: it has nothing to carry."""
    return Courier(random.Random(1))  # noqa: S311 - seeded


def _later(tell: Callable[[str, float], None], done: float, text: str) -> None:
    tell(text, done)


def _shopify(ask: Ask, time: Time) -> Shop:
    limits = discover()["shopify"].manifest.limits["graphql"]
    shop = ShopifySimulator(
        shop=DOMAIN, access_token=_KEY, client_secret=_KEY, seed=1, courier=_courier(), now=time,
        cost_bucket=(limits.burst, limits.points_per_s),
    )  # fmt: skip
    for n in range(ask.listings):
        shop.add_variant(sku=f"SKU-{n}", title=f"Thing {n}", price="19.90", quantity=1_000)
    _sell(ask, time, shop.checkout)
    return Shop("shopify", shop, {"shop": DOMAIN}, {"access_token": _KEY}, lambda: shop.orders)


def _woocommerce(ask: Ask, time: Time) -> Shop:
    shop = WooCommerceSimulator(
        consumer_key=_KEY, consumer_secret=_KEY, webhook_secret=_KEY, seed=1, courier=_courier(), now=time
    )  # fmt: skip
    for n in range(ask.listings):
        shop.add_product(sku=f"SKU-{n}", name=f"Thing {n}", price="19.90", quantity=1_000)
    _sell(ask, time, shop.checkout)
    credentials = {"consumer_key": _KEY, "consumer_secret": _KEY}
    return Shop("woocommerce", shop, {}, credentials, lambda: range(ask.missed))


def _sell(ask: Ask, time: Time, checkout: Callable[[list[tuple[str, int]]], Any]) -> None:
    """Orders of two lines each, evenly over the dark hours; afterwards they are over."""
    for n in range(ask.missed):
        first, second = n % ask.listings, (n * 7 + 1) % ask.listings
        lines = {first: 1, second: 2}
        if checkout([(f"SKU-{sku}", units) for sku, units in lines.items()]) is None:
            raise FairwayError("A simulated buyer could not buy.")
        time.sleep(DARK_S / ask.missed)


async def _run(ask: Ask, shop: Shop, time: Time, tell: Callable[[str], None]) -> dict[str, Any]:
    connector = discover()[shop.slug]
    tells = connector if isinstance(connector, TellsBudget) else None
    gate = PacedGate(limits_for(connector.manifest, shop.settings), tells, time)
    served = await serve(shop.simulator.app())
    try:
        async with open_client(allow_private_hosts=True) as client:
            send = sender(client, allow_private_hosts=True, deadline_s=60)

            async def answered(
                method: str, url: str, headers: Mapping[str, str], body: bytes | None
            ) -> Response:
                time.sleep(LATENCY_S)
                return await send(method, url, headers, body)

            settings = {**shop.settings, "base_url": served.url}
            line = Line(connector, settings, shop.credentials, answered, time, gate)
            # What the catalogue has known before, asked for in good time.
            calm = PacedGate(gate.limits, tells, time)
            known = await _listings(Line(connector, settings, shop.credentials, answered, time, calm), time)
            time.sleep(CALM_S)
            back = time.now
            tell(f"{shop.slug}: orders")
            read = await _pull(line, time)
            pulled = time.now if read is not None else None
            if read is not None and len(read) != len(shop.listed()):
                raise FairwayError(f"{len(read)} of {len(shop.listed())} orders were read.")
            began = time.now
            tell(f"{shop.slug}: counts")
            wanted = await _push(line, time, known, connector.manifest.stock_batch)
            told = time.now
            tell(f"{shop.slug}: reading back")
            shown = {
                (one.channel_stock_id, one.channel_location_id): one.quantity
                for one in await _listings(line, time)
            }
    finally:
        await served.close()
    wrong = sum(shown.get(key) != quantity for key, quantity in wanted.items())
    if wrong or len(wanted) != ask.listings:
        raise FairwayError(f"{wrong} of {len(wanted)} counts are wrong after all was told.")
    least = least_s(_needs(ask, shop.slug))
    seconds = None if pulled is None else (time.now - back).total_seconds()
    return {
        "channel": connector.manifest.name,
        "how": "run",
        "orders_minutes": None if pulled is None else rounded((pulled - back).total_seconds() / 60),
        "stock_minutes": rounded((told - began).total_seconds() / 60),
        "read_back_minutes": rounded((time.now - told).total_seconds() / 60),
        "minutes": None if seconds is None else rounded(seconds / 60),
        "least_minutes": rounded(least / 60),
        "times_minimum": None if seconds is None or not least else rounded(seconds / least),
        "calls": gate.calls,
        "turned_away": gate.refused,
        **_rates(ask, shop.slug),
    }


def _needs(ask: Ask, slug: str) -> list[Need]:
    """Calls that cannot be done without, each once: orders, counts told, all of it read back."""
    manifest = discover()[slug].manifest
    (limits,) = manifest.limits.values()
    listing, telling = pages(ask.missed, manifest.page_size), pages(ask.listings, manifest.stock_batch)
    if slug == "shopify":
        return [
            Need(listing, shopify_orders.PAGE_COST, limits),
            Need(telling, shopify_outbound.WRITE_COST, limits),
            Need(telling, shopify_live.PAGE_COST, limits),
        ]
    # Without compare-and-set each batch is read before it is written.
    return [Need(listing, 1, limits), Need(telling, 2, limits), Need(telling, 1, limits)]


def _rates(ask: Ask, slug: str) -> dict[str, float]:
    """What the channel lets through for good: counts told, and orders read, where nothing else is asked."""
    manifest = discover()[slug].manifest
    reading, telling, _ = _needs(ask, slug)
    return {
        "counts_per_s": rounded(manifest.stock_batch / telling.points * telling.limits.points_per_s),
        "orders_per_s": rounded(manifest.page_size / reading.points * reading.limits.points_per_s),
    }


async def _pull(line: Line, time: Time) -> set[str] | None:
    """Ids of all orders that changed in the dark, as `core.usecases.pull_orders` asks for them; None if it never ends."""
    connector = line.connector
    assert isinstance(connector, PullsOrders)  # noqa: S101
    window = Window(BEGAN - OVERLAP, time.now + OVERLAP)
    found: set[str] = set()
    stuck = 0
    cursor: str | None = None
    while stuck < STUCK:
        before = len(found)
        try:
            while True:
                page: Page = await drive(connector.pull_orders(window, cursor), line)
                found |= {_id(item) for item in page.items}
                cursor = page.next_cursor
                if cursor is None:
                    return found
        except ChannelError as error:
            _put_off(error, time)
            # A pull that was put off goes on with the page it was at.
            stuck = stuck + 1 if len(found) == before else 0
    return None


def _id(item: bytes) -> str:
    match = re.search(rb'"id":\s*"?([^",}]+)', item)
    if match is None:
        raise FairwayError("A simulated order has no id.")
    return match[1].decode()


def _put_off(error: ChannelError, time: Time) -> None:
    """Time passes until the work is due again, as `core.usecases.lease` says."""
    if error.recovery is not Recovery.WAIT:
        raise error
    time.sleep(pause_after(error, 0).total_seconds())


async def _again(begin: Callable[[], Flow[Any]], line: Line, time: Time) -> Any:
    while True:
        try:
            return await drive(begin(), line)
        except ChannelError as error:
            _put_off(error, time)


async def _listings(line: Line, time: Time) -> list[StockSeen]:
    """Everything the channel shows."""
    connector = line.connector
    assert isinstance(connector, ReadsStock)  # noqa: S101
    found: list[StockSeen] = []
    cursor: str | None = None
    while True:
        page = await _again(partial(connector.read_stock, cursor), line, time)
        found += page.stock
        cursor = page.next_cursor
        if cursor is None:
            return found


async def _push(line: Line, time: Time, known: list[StockSeen], batch: int) -> dict[tuple[str, str], int]:
    """Tell every listing one unit less than it shows; what each should show now."""
    connector = line.connector
    assert isinstance(connector, WritesStock)  # noqa: S101
    wanted: dict[tuple[str, str], int] = {}
    for first in range(0, len(known), batch):
        writes = [
            StockWrite(
                channel_stock_id=one.channel_stock_id,
                channel_location_id=one.channel_location_id,
                desired=(one.quantity or 0) - 1,
                predicted=one.quantity,
                key=str(UUID(int=first + place + 1)),
            )
            for place, one in enumerate(known[first : first + batch])
        ]
        written = await _again(partial(connector.push_stock, writes), line, time)
        for one, result in zip(writes, written, strict=True):
            if result.error:
                raise FairwayError(f"A count was refused: {result.error} {result.message}")
            wanted[one.channel_stock_id, one.channel_location_id] = one.desired
    return wanted


def _computed(ask: Ask, channel: Published) -> dict[str, Any]:
    orders, stock = computed_s(channel, ask.missed, ask.listings, LATENCY_S)
    reading, telling = pages(ask.missed, channel.per_page), pages(ask.listings, channel.per_write)
    least = max(least_s([Need(reading, 1, channel.orders)]), least_s([Need(telling, 1, channel.stock)]))
    return {
        "channel": channel.name,
        "how": "computed",
        "orders_minutes": rounded(orders / 60),
        "stock_minutes": rounded(stock / 60),
        "read_back_minutes": None,
        "minutes": rounded(max(orders, stock) / 60),
        "least_minutes": rounded(least / 60),
        "times_minimum": None,
        "calls": reading + telling,
        "turned_away": None,
        "counts_per_s": rounded(channel.per_write * channel.stock.points_per_s),
        "orders_per_s": rounded(channel.per_page * channel.orders.points_per_s),
    }
