"""Where crash points are tried: a web and two workers as `fairway` runs them, servers of their own, the shops, and somebody
who types commands.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors import discover
from console.chaos.cases import LEASE_S
from console.chaos.forks import Fork, Forks, open_forks
from console.demo import acts
from console.demo.shops import Shops, open_shops
from console.demo.stage import Stage, insist
from console.home import Home
from console.servers import Servers
from core.errors import FairwayError
from core.failpoints import post, visitors
from core.flow import decode
from core.hub import open_hub
from core.settings import read_settings
from core.store import chaos_books, demo_books, schedule
from core.store.deliveries import dedupe_key
from core.store.migrate import migrate
from jobs.wake import RedisWake, open_redis
from simulators.courier import Faults, Webhook

ROLES = {"web": "web", "worker 1": "worker", "worker 2": "worker"}
PATIENCE_S = 120.0  # how long the hub may take, each time, to come to rest
SOON_S = 60.0  # within this time whatever failed has to be due again; nobody waits for it here
TRIES = 6  # how often somebody says again what got no answer
BUYERS = 100_000  # so many that nothing sells out
UNSEEN_PATIENCE_S = 1.0
SELDOM_S = "86400"  # what otherwise happens every few minutes is rung for here


@dataclass(slots=True)
class Stand:
    """*acked* are the keys of webhooks that were answered 200, *failed* counts the others, *armed* is what `arm` arms, *kit*
    what the kit is made of now; *numbers* begin where nothing was used. By each of *edits* units no write changes a count.
    """

    stage: Stage
    forks: Forks
    environments: Mapping[str, Mapping[str, str]]
    directory: Path
    board: Path
    processes: dict[str, Fork] = field(default_factory=dict)
    acked: set[bytes] = field(default_factory=set)
    opened_at: float = 0.0
    restarts: int = 0
    failed: int = 0
    armed: str = ""
    kit: dict[str, int] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(1))
    edits: Any = field(default_factory=lambda: itertools.count(11))

    @property
    def shops(self) -> Shops:
        return self.stage.shops

    def arm(self) -> None:
        """From now on it befalls whoever comes there, if nobody came there before."""
        if not visitors(self.board):
            post(self.board, self.armed)

    @property
    def carrier_id(self) -> int:
        """The carrier's connection."""
        (found,) = set(self.stage.tokens.values()) - set(self.stage.connection_ids)
        return found

    async def ask(self, question: Callable[..., Awaitable[Any]], *words: Any) -> Any:
        """What *question* of `core.store` finds."""

        async def look() -> Any:
            async with self.stage.hub.database.transaction([self.stage.merchant_id]) as tx:
                return await question(tx, *words)

        return await insist(look)

    async def until(self, true: Callable[[], Awaitable[Any]], what: str) -> None:
        """Wait until something is *true*; what failed meanwhile is tried again without much ado. Raises `FairwayError`."""
        end = time.monotonic() + PATIENCE_S
        while not await true():
            if time.monotonic() > end:
                raise FairwayError(f"Waited {PATIENCE_S:.0f} s for {what}.")
            await self.ask(chaos_books.hasten, SOON_S)
            await asyncio.sleep(0.05)

    async def ring(self, *kinds: str, pairs: list[tuple[int, int]] | None = None) -> None:
        """Have work of *kinds* done for both shops."""
        for kind in kinds:
            await self.ask(schedule.ring, kind, pairs or self.stage.pairs, self.stage.hub.clock())
            await self.stage.hub.wake.ring(kind, [self.stage.merchant_id])

    async def quiet(self) -> None:
        """Webhooks arrive, both shops are asked for what never came if something did not, and the hub comes to rest."""
        await self.shops.courier.settled()
        failed = self.shops.courier.counts["failed"]
        if failed > self.failed:
            self.failed = failed
            await self.ring("pull")
        await self.until(partial(self.ask, demo_books.at_rest), "the hub to come to rest")

    async def command(self, *words: str, done_is_refused: bool = False) -> Any:
        """Type a command; what is killed or breaks is typed again. Returns what it says, None where the second time it is
        refused and *done_is_refused*: it was done the first time.

        Raises `FairwayError` where it refuses, and where it never works.
        """
        log = self.directory / "commands.log"
        for number in range(TRIES):
            fork = await self.forks.fork([*words, "--json"], self.environments["worker"], log)
            code = await fork.ended
            if code == 0:
                return decode(fork.out.read_bytes())
            if code > 1 and number and done_is_refused:
                return None
            if code > 1:
                break
        said = log.read_text("utf-8", "replace").splitlines()[-2:]
        raise FairwayError(f"fairway {' '.join(words)} ended with {code}: {' / '.join(said)}")

    async def start(self, name: str) -> None:
        """Start a process and start it again whenever it ends."""
        role = ROLES[name]
        log = self.directory / f"{name}.log"
        fork = self.processes[name] = await self.forks.fork([role], self.environments[role], log)
        await fork.ready()

    async def keep(self) -> None:
        """Start again whatever ends."""

        async def keep(name: str) -> None:
            while True:
                await self.processes[name].ended
                self.restarts += 1
                with suppress(FairwayError):  # what ends before it is ready is started once more
                    await self.start(name)

        async with asyncio.TaskGroup() as group:
            for name in ROLES:
                group.create_task(keep(name))


@asynccontextmanager
async def open_stand(
    servers: Servers, home: Home, seed: int, opened: Callable[[Stand], Awaitable[None]]
) -> AsyncIterator[Stand]:
    """All of it, with both shops and the carrier linked and whatever *opened* adds, while the block runs."""
    ends = servers.endpoints
    await migrate(ends.database_url, home.passwords)
    shops = await open_shops(seed, BUYERS, faults=Faults())
    settings = {
        "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1",
        "FAIRWAY_LEASE_S": str(LEASE_S),
        "FAIRWAY_UNSEEN_PATIENCE_S": str(UNSEEN_PATIENCE_S),
        "FAIRWAY_PULL_EVERY_S": SELDOM_S,
        "FAIRWAY_CATALOG_EVERY_S": SELDOM_S,
        "FAIRWAY_RECONCILE_EVERY_S": SELDOM_S,
    }
    board = home.directory / "board"
    environments = {
        role: {
            **home.environment(ends.database_url, ends.redis_url, f"fairway_{role}"),
            **settings,
            "FAIRWAY_PORT": "0",
            "FAIRWAY_FAILPOINT": str(board),
        }
        for role in ("web", "worker")
    }
    async with AsyncExitStack() as stack:
        stack.push_async_callback(shops.close)
        forks = await stack.enter_async_context(open_forks(home.directory / "forks"))
        redis = open_redis(ends.redis_url or "")
        stack.push_async_callback(redis.aclose, close_connection_pool=True)
        hub = await stack.enter_async_context(
            open_hub(
                read_settings(environments["worker"]),
                discover(),
                wake=RedisWake(redis),
                application="chaos",
                pool=acts.DESKS + 2,
            )
        )
        stage = Stage(hub, shops, "", shops.urls, f"EX{seed:04}", patience_s=PATIENCE_S)
        stand = Stand(stage, forks, environments, home.directory, board)
        await stand.start("web")
        stage.door = (home.directory / "forks" / "0.out").read_text("utf-8").strip()
        environments["web"]["FAIRWAY_PORT"] = str(urlsplit(stage.door).port)
        for name in list(ROLES)[1:]:
            await stand.start(name)
        await acts.link(stage, lambda _what, _share: None)
        _listen(stand)
        await opened(stand)
        stand.opened_at = time.monotonic()
        keeping = asyncio.create_task(stand.keep())
        try:
            yield stand
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            for fork in stand.processes.values():
                fork.send(signal.SIGKILL)


def _listen(stand: Stand) -> None:
    """Remember every webhook that is answered 200: from then on it may not be lost."""
    easypost = stand.carrier_id
    shopify, woocommerce = stand.stage.connection_ids

    def take(webhook: Webhook) -> None:
        # By its topic: where a command died once its account was linked, nobody but the shop knows the token.
        topic = unquote(urlsplit(webhook.url).path.split("/", 3)[3])
        connection_id = shopify if "/" in topic else woocommerce if "." in topic else easypost
        stand.acked.add(dedupe_key(connection_id, topic, webhook.body))

    stand.shops.courier.taken = stand.shops.callbacks.taken = take
