"""What is played so that processes come to a crash point: each part does twice what leads there. Judges nothing."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from console.chaos.stand import Stand
from console.demo import shops as world
from core.failpoints import visitors
from core.store import chaos_books, reconciles, schedule
from simulators.faults import CallFaults

SHOPS = ("shopify", "woocommerce")
KIT = "KIT-1"
CARRIERS = ("UPS", "USPS")
START_S = 5.0  # what a worker may take to end, to start and to look for everything
STILL_S = 12.0  # a look proves nothing about what was just written, as everything was when it was opened
MERCHANT = ("--merchant", "demo")

_Order = tuple[str, str]  # shop, the shop's id


async def open_part(stand: Stand) -> None:
    """What all parts have in common: a kit that both shops list, and news of parcels that names no whole order."""
    shops = stand.shops
    shops.shopify.add_variant(sku=KIT, title="A kit", price="9.00", quantity=0)
    shops.woocommerce.add_product(sku=KIT, name="A kit", price="9.00", quantity=0)
    for token, connection_id in stand.stage.tokens.items():
        if connection_id == stand.stage.connection_ids[0]:
            shops.shopify.subscribe(
                "fulfillments/create", f"{stand.stage.door}/hooks/{token}/fulfillments/create"
            )
    await stand.command("stock", "kits", "set", KIT, "DEMO-001=2", *MERCHANT)
    await _list(stand, KIT)
    stand.kit = {"DEMO-001": 2}


def skus(stand: Stand, count: int) -> list[str]:
    """SKUs that nobody has touched for long."""
    found: list[str] = []
    while len(found) < count:
        number = next(stand.numbers) % world.VARIANTS + 1
        if number % world.SCARCE_EVERY and number > 2:
            found.append(f"DEMO-{number:03}")
    return found


def _sell(stand: Stand, shop: str, sku: str, units: int = 2) -> _Order:
    if shop == "shopify":
        bought = stand.shops.shopify.checkout([(sku, units)])
        made = bought.key if bought else None
    else:
        order = stand.shops.woocommerce.checkout([(sku, units)])
        made = str(order.order_id) if order else None
    assert made is not None, f"{shop} has no {sku} left"  # noqa: S101 - nothing sells out here
    stand.shops.bought[shop] += 1
    return shop, made


async def _sell_some(stand: Stand) -> list[_Order]:
    """Two rounds: somebody buys in each shop, and each shop comes to know what the other sold."""
    bought = []
    for _ in range(2):
        bought += [_sell(stand, shop, sku) for shop, sku in zip(SHOPS, skus(stand, 2), strict=True)]
        await stand.quiet()
    return bought


async def buy(stand: Stand) -> None:
    await _sell_some(stand)


async def ship(stand: Stand) -> None:
    await _ship(stand, await _sell_some(stand))


async def tell(stand: Stand) -> None:
    """As `ship`, with nothing befalling anybody before the goods leave."""
    bought = await _sell_some(stand)
    stand.arm()
    await _ship(stand, bought)


async def _ship(stand: Stand, bought: Sequence[_Order]) -> None:
    """Goods leave in two parcels for each shop, its carrier follows them to the door, and their buyers hear of it."""
    codes = []
    # One after the other, so that what befalls somebody the first and the second time is about different shops.
    for number, (shop, order) in enumerate(reversed(bought)):
        connection_id = stand.stage.connections[shop]
        ids = await stand.ask(chaos_books.order_ids, connection_id, [order])
        code = f"{stand.stage.parcels}{ids[order]:08}"
        codes.append(code)
        words = ("--carrier", CARRIERS[number % 2], "--tracking", code)
        await stand.command("ship", str(ids[order]), *words)
        await stand.quiet()
    while codes:
        codes = [code for code in codes if stand.shops.easypost.advance(code)]
        await asyncio.sleep(0.1)
    await stand.shops.callbacks.settled()


async def pull(stand: Stand) -> None:
    for sku in skus(stand, 2):
        _sell(stand, "woocommerce", sku)
        await stand.ring("pull")
        await stand.quiet()


async def catalog(stand: Stand) -> None:
    for _ in range(2):
        await stand.ring("catalog")
        await stand.quiet()


async def certify(stand: Stand) -> None:
    """Hours before the link are over, and what both shops list of them is read twice."""
    for _ in range(2):
        await stand.ask(chaos_books.open_windows, stand.stage.connection_ids, stand.stage.hub.clock())
        await stand.ring("certify")

        async def certified() -> bool:
            return bool(await stand.ask(chaos_books.certified, stand.stage.connection_ids))

        await stand.until(certified, "every hour to be certified")


async def _drift(stand: Stand) -> None:
    """Somebody changes a count behind the hub's back in each shop. The hub reads both, until every difference is over or
    waits for a person.
    """
    await asyncio.sleep(max(0.0, stand.opened_at + STILL_S - time.monotonic()))
    one, other = skus(stand, 2)
    shopify, woocommerce = stand.shops.shopify, stand.shops.woocommerce
    shopify.set_available(one, shopify.available(one) - 3)
    woocommerce.set_stock(other, (woocommerce.stock_of(other) or 0) + 3)
    await _read_back(stand)


async def _read_back(stand: Stand) -> None:
    for pair in stand.stage.pairs:
        await stand.ask(_begin, pair, stand)
    await stand.stage.hub.wake.ring("reconcile")

    await stand.until(partial(stand.ask, chaos_books.reconciled), "what the shops show to be settled")


async def _begin(tx: object, pair: tuple[int, int], stand: Stand) -> None:
    now = stand.stage.hub.clock()
    await schedule.ring(tx, "reconcile", [pair], now)  # type: ignore[arg-type]
    await reconciles.begin(tx, *pair, "chaos", now)  # type: ignore[arg-type]


async def guess(stand: Stand) -> None:
    """A shop takes counts and its answers are lost, so that what it shows is guessed until the shop was read."""
    for _ in range(2):
        woocommerce = stand.shops.woocommerce
        woocommerce.call_faults = CallFaults(lost_replies=1.0)
        _sell(stand, "shopify", skus(stand, 1)[0])
        await stand.shops.courier.settled()
        await stand.until(partial(stand.ask, chaos_books.guessed), "a count to be guessed")
        woocommerce.call_faults = CallFaults()
        await stand.ask(chaos_books.land)
        await stand.quiet()
        stand.arm()
        await _read_back(stand)
        await stand.until(partial(stand.ask, chaos_books.sure), "nothing to be guessed any more")


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
        _sell(stand, "woocommerce", sku)
        await stand.quiet()
        await _list(stand, sku)
        stand.shops.supply[sku] = 50
        await stand.command("stock", "count", sku, "50", *MERCHANT)
        await stand.quiet()


async def _list(stand: Stand, sku: str) -> None:
    """Both catalogues are read until they name *sku*."""
    await stand.ring("catalog")

    async def listed() -> bool:
        found = [await stand.ask(chaos_books.lists, one, sku) for one in stand.stage.connection_ids]
        return all(found)

    await stand.until(listed, f"{sku} to be listed")
    await stand.quiet()


async def _short(stand: Stand) -> str:
    """Of what two buyers were promised only a part is found on the shelf."""
    (sku,) = skus(stand, 1)
    for shop in SHOPS:
        _sell(stand, shop, sku)
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


async def start(stand: Stand) -> None:
    """Workers start, and look at once for what otherwise is done now and then."""
    for name in ("worker 1", "worker 2"):
        came, until = len(visitors(stand.board)), time.monotonic() + START_S
        stand.processes[name].send(signal.SIGTERM)
        while len(visitors(stand.board)) == came and time.monotonic() < until:
            await asyncio.sleep(0.02)


async def probe(stand: Stand) -> None:
    for _ in range(2):
        await stand.ring("probe")
        await stand.quiet()


async def link(stand: Stand) -> None:
    """The carrier refuses our key until it is linked again; a shop is linked again while it works."""
    stage, easypost = stand.stage, stand.shops.easypost
    carrier_id = stand.carrier_id
    easypost.revoke_key()
    await stand.ring("probe", pairs=[(stage.merchant_id, carrier_id)])

    async def paused() -> bool:
        return bool(await stand.ask(chaos_books.status_of, carrier_id) == "reauth_required")

    await stand.until(paused, "the connection to be paused")
    easypost.key = world.CARRIER_KEY
    where = {"base_url": stage.urls[2], "calls_per_s": world.CALLS_PER_S}
    keys = {"api_key": world.CARRIER_KEY, "webhook_secret": world.CARRIER_SECRET}
    token = await _connect(stand, "easypost", "My carrier", where, keys)
    _only(easypost.callbacks.hooks, token)
    where = {"base_url": stage.urls[1], "calls_per_s": world.CALLS_PER_S}
    keys = {"consumer_key": world.KEY, "consumer_secret": world.SECRET, "webhook_secret": world.HOOK_SECRET}
    token = await _connect(stand, "woocommerce", "My WooCommerce shop", where, keys)
    _only(stand.shops.woocommerce.hooks.hooks, token)
    await buy(stand)


async def _connect(
    stand: Stand, channel: str, name: str, settings: Mapping[str, str], keys: Mapping[str, str]
) -> str:
    """Link an account; the secret part of its webhook address."""
    words = ["connect", channel, *MERCHANT, "--name", name, "--public-url", stand.stage.door]
    for key, value in settings.items():
        words += ["--set", f"{key}={value}"]
    for key, value in keys.items():
        path = stand.directory / key
        path.write_text(value, "utf-8")
        words += ["--secret", f"{key}=@{path}"]
    told = await stand.command(*words)
    token: str = told["webhook_address"].split("/hooks/")[1].split("/")[0]
    return token


def _only(hooks: dict[Any, Any], token: str) -> None:
    """Forget addresses of before: they still work, and everything would come once more for each."""
    for number in [number for number, hook in hooks.items() if token not in hook.url]:
        del hooks[number]


async def kit(stand: Stand) -> None:
    """A kit is made of something else, and of something else again."""
    for sku in skus(stand, 2):
        await stand.command("stock", "kits", "set", KIT, f"{sku}=2", *MERCHANT)
        stand.kit = {sku: 2}
        await stand.quiet()


async def replay(stand: Stand) -> None:
    await buy(stand)
    ids = await stand.ask(chaos_books.newest_deliveries, 4)
    for chosen in (ids[:2], ids[2:]):
        await stand.command("replay", *map(str, chosen), "--wait", "0.1")
        await stand.quiet()


PARTS: Mapping[str, Callable[[Stand], Awaitable[None]]] = {
    "buy": buy,
    "ship": ship,
    "tell": tell,
    "guess": guess,
    "pull": pull,
    "catalog": catalog,
    "certify": certify,
    "drift": drift,
    "heal": heal,
    "list": list_new,
    "count": count,
    "propose": propose,
    "resolve": resolve,
    "start": start,
    "probe": probe,
    "link": link,
    "kit": kit,
    "replay": replay,
}

ARM_LATER = ("tell", "guess")  # say themselves when
