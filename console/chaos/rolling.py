"""One process after the other is restarted under load, as an upgrade does it. Judges by answers and by the books."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from connectors import discover
from console.chaos.figures import Figure
from console.chaos.link import Address, Link
from console.chaos.senders import look, send
from console.chaos.tenants import Orders, Sent, Tenant, make_orders, open_tenants
from console.demo.stage import Tell, until
from console.home import Home
from console.processes import Process, running
from console.servers import Servers
from core.errors import FairwayError
from core.hub import Hub, open_hub
from core.settings import read_settings
from core.store import pressure
from core.store.migrate import migrate
from core.store.verify import verify

WEBS, WORKERS = ("web 1", "web 2"), ("worker 1", "worker 2")
TENANTS = 20
ASK_S = 0.2  # between two times that the balancer asks /readyz
LEAVE_S = 1.0  # FAIRWAY_LEAVE_S: several times that
SLICE_S = 5.0  # of the load, planned at a time
PATIENCE_S = 120.0  # for a process to be back, and for all orders to be visible


@dataclass(slots=True)
class Fleet:
    """*door* leads to the webs that are ready. *took_s* is of each restart, *bad* counts those that did not end with 0."""

    processes: Mapping[str, Process]
    door: Link
    took_s: list[float] = field(default_factory=list)
    bad: int = 0

    async def restart(self, name: str) -> None:
        """Ask the process to stop, start another in its place, and wait until it is at work."""
        process, begun = self.processes[name], time.monotonic()
        await process.stop()
        assert process.child is not None  # noqa: S101 - all were started
        self.bad += process.child.returncode != 0
        await process.start()
        if name in WEBS:
            while _address(process) not in self.door.upstreams:
                await asyncio.sleep(0.05)
        self.took_s.append(time.monotonic() - begun)


async def tell_rolling(
    servers: Servers,
    home: Home,
    seed: int,
    rounds: int,
    *,
    per_s: float,
    tell: Tell,
    names: Sequence[str] = (*WEBS, *WORKERS),
) -> dict[str, Any]:
    """Restart those of two webs and two workers that *names* names, in turn, *rounds* times, while shops send *per_s* orders
    a second; returns the checks with `passed`.
    """
    started = time.monotonic()
    await migrate(servers.endpoints.database_url, home.passwords)
    found = home.environment(servers.endpoints.database_url, None, "fairway_worker")
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(
            open_hub(read_settings(found), discover(), application="chaos", pool=4)
        )
        tenants = await open_tenants(hub, [f"shop-{number}" for number in range(TENANTS)])
        fleet = await stack.enter_async_context(_open_fleet(servers, home))
        orders, sent = (
            make_orders(seed),
            list[Sent](),
        )  # placed after the shops were counted, so that they are promised
        rates = dict.fromkeys(tenants, per_s / TENANTS)
        async with _sending(f"http://127.0.0.1:{fleet.door.address[1]}", orders, rates, sent):
            for number in range(rounds):
                tell(f"round {number + 1} of {rounds}", number / rounds)
                for name in names:
                    await fleet.restart(name)
        tell("comparing the books", 1.0)
        checks = [*_answers(sent), *await _books(hub, tenants, orders, sent)]
    checks += [
        Figure("restarts", len(fleet.took_s), rounds * len(names), least=True),
        Figure("processes that were asked to stop and did not end with 0", fleet.bad, 0),
        Figure("seconds until the slowest was back", max(fleet.took_s), None),
    ]
    return {
        "checks": [check.row() for check in checks],
        "seed": seed,
        "rounds": rounds,
        "deliveries": len(sent),
        "seconds": round(time.monotonic() - started, 1),
        "passed": all(check.ok for check in checks),
    }


@asynccontextmanager
async def _open_fleet(servers: Servers, home: Home) -> AsyncIterator[Fleet]:
    """Two webs behind a balancer that follows /readyz, and two workers, while the block runs."""
    ends = servers.endpoints
    processes = {}
    for name in (*WEBS, *WORKERS):
        role = name.split(" ", maxsplit=1)[0]
        environment = home.environment(ends.database_url, ends.redis_url, f"fairway_{role}")
        if role == "web":
            environment |= {"FAIRWAY_PORT": "0", "FAIRWAY_LEAVE_S": str(LEAVE_S)}
        processes[name] = Process(role, environment, home.directory / f"{name}.log")
    webs = [processes[name] for name in WEBS]
    async with running(*processes.values()):
        for web in webs:  # whoever takes its place listens where it did
            web.environment = {**web.environment, "FAIRWAY_PORT": str(urlsplit(web.address).port)}
        door = Link("webhooks", ("127.0.0.1", 0), [_address(web) for web in webs], Random(0))  # noqa: S311
        async with door.open(), _following(door, webs):
            yield Fleet(processes, door)


@asynccontextmanager
async def _following(door: Link, webs: Sequence[Process]) -> AsyncIterator[None]:
    """While the block runs the door leads to those that say they are ready."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1.0)) as session:

        async def ready(web: Process) -> bool:
            try:
                async with session.get(f"{web.address}/readyz") as answer:
                    return answer.status == 200
            except (aiohttp.ClientError, TimeoutError):
                return False

        async def follow() -> None:
            while True:
                said = await asyncio.gather(*(ready(web) for web in webs))
                # Where nobody is ready, whoever comes finds that out.
                door.upstreams = [
                    _address(web) for web, yes in zip(webs, said, strict=True) if yes
                ] or door.upstreams
                await asyncio.sleep(ASK_S)

        following = asyncio.create_task(follow())
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def _address(web: Process) -> Address:
    return ("127.0.0.1", urlsplit(web.address).port or 0)


@asynccontextmanager
async def _sending(
    door: str, orders: Orders, rates: Mapping[Tenant, float], sent: list[Sent]
) -> AsyncIterator[None]:
    """Send at a steady rate while the block runs; at its end all are answered or given up."""
    ended = asyncio.Event()

    async def load() -> None:
        while not ended.is_set():
            plan = orders.plan(rates, SLICE_S)
            sent.extend(plan)
            await send(door, plan, orders)

    sending = asyncio.create_task(load())
    try:
        yield
    finally:
        ended.set()
        await sending


def _answers(sent: Sequence[Sent]) -> list[Figure]:
    took = sorted(one.answered - one.sent for one in sent)
    return [
        Figure("webhooks answered 200", sum(one.status == 200 for one in sent), 1, least=True),
        Figure("answered 5xx", sum(one.status >= 500 for one in sent), 0),
        Figure("answered anything else", sum(200 < one.status < 500 for one in sent), 0),
        Figure("not answered", sum(one.status == 0 for one in sent), 0),
        Figure("seconds to an answer, 99 of 100", took[min(len(took) - 1, int(len(took) * 0.99))], None),
        Figure("seconds to the slowest answer", took[-1], 5),
    ]


async def _books(hub: Hub, tenants: Sequence[Tenant], orders: Orders, sent: Sequence[Sent]) -> list[Figure]:
    """What was accepted is an order, once, and its units are promised once."""

    async def visible() -> bool:
        return not await look(hub, sent)

    late = ""
    try:
        await until(visible, "every accepted order to be visible", PATIENCE_S)
    except FairwayError as error:
        late = error.message  # which are lost is counted below
    merchants = [tenant.merchant_id for tenant in tenants]
    async with hub.database.transaction(merchants) as tx:
        found = {*await pressure.visible(tx, [one.key for one in sent])}
        stored, units = await pressure.promised(tx, merchants)
        violations = (await verify(tx, at_rest=not late, now=hub.clock()))["violations"]
    wanted = sum(orders.units(one) for one in sent if one.key in found)
    return [
        Figure("answered 200 and lost", sum(one.status == 200 and one.key not in found for one in sent), 0),
        Figure("orders that nobody placed, or twice", stored - len(found), 0),
        Figure("units promised twice or not at all", abs(units - wanted), 0),
        Figure("invariants violated", sum(violations.values()), 0),
    ]
