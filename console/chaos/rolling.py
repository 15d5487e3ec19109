"""One process after the other is restarted under load, as an upgrade does it: nobody outside may notice. Judged by figures."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from console.chaos.figures import Figure
from console.chaos.link import Address, Link
from console.chaos.people import Plan, Run, attend, buy, carrier, desk
from console.chaos.schedule import PROCESSES, WEBS
from console.chaos.senders import look, send
from console.chaos.story import calm, listen, stage_of
from console.chaos.tenants import Orders, Sent, make_orders, open_tenants
from console.chaos.world import World, open_world
from console.demo import acts
from console.demo.books import Verdict, compare
from console.demo.shops import open_shops
from console.demo.stage import Stage, Tell, until
from console.home import Home
from console.processes import Process
from console.servers import Servers
from core.errors import FairwayError
from core.store import demo_books, pressure
from core.store.migrate import migrate
from core.store.verify import verify
from simulators.courier import Faults

LEASE_S = 20.0  # as it is when nobody sets another
ASK_S = 0.2  # between two times that the balancer asks /readyz
LEAVE_S = 1.0  # FAIRWAY_LEAVE_S: several times that
TENANTS, EACH_PER_S = 20, 5.0
SLICE_S = 5.0  # of the load, planned at a time
START_S = 60.0  # what a process may take to be back
BUYERS = 3_000


@dataclass(slots=True)
class _Restarts:
    """*took_s* of each; *bad* are those that ended with another exit code than 0."""

    took_s: list[float] = field(default_factory=list)
    bad: int = 0


async def tell_rolling(
    servers: Servers, home: Home, seed: int, rounds: int, *, per_s: float, tell: Tell
) -> dict[str, Any]:
    """Restart every process *rounds* times while made-up shops send *per_s* orders a second, and two shops with buyers, a
    packing desk and a carrier go on; returns the checks with `passed`.
    """
    started = time.monotonic()
    await migrate(servers.endpoints.database_url, home.passwords)
    run, sent, orders, restarts = Run(Plan(seed, 0.0)), list[Sent](), make_orders(seed), _Restarts()
    shops = await open_shops(seed, BUYERS, faults=Faults())
    try:
        async with AsyncExitStack() as stack:
            opened = open_world(servers, home, shops, None, None, seed, LEASE_S, leave_s=LEAVE_S)
            world = await stack.enter_async_context(opened)
            stage = await stack.enter_async_context(stage_of(servers, home, world, shops, f"ROLL{seed:04}"))
            await stack.enter_async_context(_balanced(world))
            await acts.link(stage, tell)
            listen(stage, run)
            tenants = await open_tenants(stage.hub, [f"sender-{number}" for number in range(TENANTS)])
            async with _busy(stage, run):
                rates = dict.fromkeys(tenants, per_s / TENANTS)
                async with _sending(world.door, orders, rates, sent):
                    for number in range(rounds):
                        for name in PROCESSES:
                            tell(f"round {number + 1} of {rounds}: {name}", number / rounds)
                            await _restart(world, name, restarts)
            tell("all comes to rest", 1.0)
            await _understood(stage, sent)
            await calm(stage, world, run, tell)
            verdict = await compare(stage.hub, stage.merchant_id, shops, stage.connections)
            checks = _answers(sent, shops.courier.counts["failed"] + shops.callbacks.counts["failed"])
            checks += await _books(stage, orders, sent, run, verdict)
    finally:
        await shops.close()
    checks += [
        Figure("restarts", len(restarts.took_s), rounds * len(PROCESSES), least=True),
        Figure("processes that did not end by themselves with 0", restarts.bad, 0),
        Figure("seconds until the slowest was back", max(restarts.took_s), None),
    ]
    return {
        "checks": [check.row() for check in checks],
        "seed": seed,
        "rounds": rounds,
        "deliveries": len(sent),
        "orders": verdict.numbers["orders"],
        "seconds": round(time.monotonic() - started, 1),
        "passed": all(check.ok for check in checks),
    }


@asynccontextmanager
async def _balanced(world: World) -> AsyncIterator[None]:
    """While the block runs the door leads to those webs that say they are ready, as with any balancer that asks."""
    door, webs = world.links["webhooks"], [world.processes[name] for name in WEBS]
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1.0)) as session:

        async def follow() -> None:
            while True:
                found = await asyncio.gather(*(_ready(session, web) for web in webs))
                # Nobody is ready: whoever comes finds out for himself.
                door.upstreams = [
                    _address(web) for web, yes in zip(webs, found, strict=True) if yes
                ] or door.upstreams
                await asyncio.sleep(ASK_S)

        following = asyncio.create_task(follow())
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


async def _ready(session: aiohttp.ClientSession, web: Process) -> bool:
    try:
        async with session.get(f"{web.address}/readyz") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def _address(web: Process) -> Address:
    return ("127.0.0.1", urlsplit(web.address).port or 0)


async def _restart(world: World, name: str, restarts: _Restarts) -> None:
    """Ask the process to stop, and wait until the one that takes its place is at work."""
    process, begun = world.processes[name], time.monotonic()
    before = process.child
    assert before is not None  # noqa: S101 - the world began with all of them
    process.send(signal.SIGTERM)
    restarts.bad += await before.wait() != 0

    async def back() -> bool:
        return (
            process.child is not before
            and process.started
            and _is_asked(world.links["webhooks"], name, process)
        )

    await until(back, f"{name} to be back", START_S)
    restarts.took_s.append(time.monotonic() - begun)


def _is_asked(door: Link, name: str, process: Process) -> bool:
    return name not in WEBS or _address(process) in door.upstreams


@asynccontextmanager
async def _busy(stage: Stage, run: Run) -> AsyncIterator[None]:
    """Buyers, the desk and the carrier go on while the block runs."""
    around = [
        asyncio.create_task(work)
        for work in (buy(stage, run), desk(stage, run), carrier(stage), attend(stage, run))
    ]
    try:
        yield
    finally:
        for task in around:
            task.cancel()
        ended = await asyncio.gather(*around, return_exceptions=True)
    for one in ended:
        if isinstance(one, Exception):
            raise one


@asynccontextmanager
async def _sending(door: str, orders: Orders, rates: Any, sent: list[Sent]) -> AsyncIterator[None]:
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


async def _understood(stage: Stage, sent: Sequence[Sent]) -> None:
    async def visible() -> bool:
        return not await look(stage.hub, sent)

    try:
        await until(visible, "every order to be visible", stage.patience_s)
    except FairwayError:
        return  # the books say which are lost


def _answers(sent: Sequence[Sent], failed: int) -> list[Figure]:
    took = sorted(one.answered - one.sent for one in sent)
    return [
        Figure("webhooks answered 200", sum(one.status == 200 for one in sent), 1, least=True),
        Figure("answered 5xx", sum(one.status >= 500 for one in sent), 0),
        Figure("answered anything else", sum(200 < one.status < 500 for one in sent), 0),
        Figure("not answered", sum(one.status == 0 for one in sent), 0),
        Figure("of the two shops and the carrier: not answered 200", failed, 0),
        Figure("seconds to an answer, 99 of 100", took[min(len(took) - 1, int(len(took) * 0.99))], None),
        Figure("seconds to the slowest answer", took[-1], 5),
    ]


async def _books(
    stage: Stage, orders: Orders, sent: Sequence[Sent], run: Run, verdict: Verdict
) -> list[Figure]:
    said_yes = [one for one in sent if one.status == 200]
    merchants = sorted({one.tenant.merchant_id for one in sent})
    async with stage.hub.database.transaction([*merchants, stage.merchant_id]) as tx:
        found = {*await pressure.visible(tx, [one.key for one in sent])}
        stored, units = await pressure.promised(tx, merchants)
        unstored = await demo_books.not_stored(tx, sorted(run.acked))
        violations = (await verify(tx, at_rest=True, now=stage.hub.clock()))["violations"]
    wanted = sum(orders.units(one) for one in sent if one.key in found)
    return [
        Figure("answered 200 and lost", sum(one.key not in found for one in said_yes) + unstored, 0),
        Figure("orders that nobody placed, or twice", stored - len(found), 0),
        Figure("units promised twice or not at all", abs(units - wanted), 0),
        Figure("of the two shops: orders lost", verdict.lost, 0),
        Figure(
            "of the two shops: orders, units, parcels doubled",
            verdict.duplicated + verdict.duplicate_effects,
            0,
        ),
        Figure("counts that are wrong at the end", len(verdict.wrong), 0),
        Figure("parcels nobody was told of", verdict.tracking_missing, 0),
        Figure("invariants violated", sum(violations.values()), 0),
    ]
