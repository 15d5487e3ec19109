"""What is played so that processes come to a crash point: each part does twice what leads there. Judges nothing."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from console.chaos import parts_shelf as shelf
from console.chaos.stand import Stand
from console.chaos.trade import MERCHANT, Order, sell, sell_some, skus
from console.demo import shops as world
from core.failpoints import visitors
from core.store import chaos_books, schedule

CARRIERS = ("UPS", "USPS")
WORKERS = ("worker 1", "worker 2")
START_S = 20.0  # what a worker may take to end, to start and to look for everything


async def buy(stand: Stand) -> None:
    await sell_some(stand)


async def ship(stand: Stand) -> None:
    await _ship(stand, await sell_some(stand))


async def tell(stand: Stand) -> None:
    """As `ship`, with nothing befalling anybody before the goods leave."""
    bought = await sell_some(stand)
    stand.arm()
    await _ship(stand, bought)


async def _ship(stand: Stand, bought: Sequence[Order]) -> None:
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
        sell(stand, "woocommerce", sku)
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
        certified = partial(stand.ask, chaos_books.certified, stand.stage.connection_ids)
        await stand.until(certified, "every hour to be certified")


async def start(stand: Stand) -> None:
    """Workers start, and look at once for what otherwise is done now and then."""
    for name in WORKERS:
        await _restart(stand, name)


async def follow(stand: Stand) -> None:
    """As `start`, each after sales that nobody has counted yet."""
    for name in WORKERS:
        await sell_some(stand)
        await _restart(stand, name)


async def _restart(stand: Stand, name: str) -> None:
    came, until = len(visitors(stand.board)), time.monotonic() + START_S
    stand.processes[name].send(signal.SIGTERM)
    while len(visitors(stand.board)) == came and time.monotonic() < until:
        await asyncio.sleep(0.02)


async def succeed(stand: Stand) -> None:
    """Workers are killed, and others take their places."""
    for name in WORKERS:
        came, until = len(visitors(stand.board)), time.monotonic() + START_S
        while len(visitors(stand.board)) == came and time.monotonic() < until:
            stand.processes[name].kill_child()  # again: one that never worked has no successor
            await asyncio.sleep(1.0)


async def probe(stand: Stand) -> None:
    for _ in range(2):
        await stand.ring("probe")
        await stand.until(partial(_probed, stand), "both accounts to be looked at")


async def _probed(stand: Stand) -> bool:
    now = stand.stage.hub.clock()
    return not any([await stand.ask(schedule.busy, *pair, "probe", now) for pair in stand.stage.pairs])


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
    "guess": shelf.guess,
    "pull": pull,
    "catalog": catalog,
    "certify": certify,
    "drift": shelf.drift,
    "heal": shelf.heal,
    "list": shelf.list_new,
    "count": shelf.count,
    "propose": shelf.propose,
    "resolve": shelf.resolve,
    "start": start,
    "follow": follow,
    "succeed": succeed,
    "probe": probe,
    "link": link,
    "kit": shelf.kit,
    "replay": replay,
}

ARM_LATER = ("tell", "guess")  # say themselves when
