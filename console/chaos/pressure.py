"""Under pressure: poison among good deliveries, one loud merchant among quiet ones, a burst. Judges by figures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bench.cpu import Others
from console.chaos.crowd import crowd
from console.chaos.figures import Figure
from console.chaos.ground import QUIET, Ground, open_ground
from console.chaos.people import Plan
from console.chaos.senders import slowest
from console.chaos.tenants import Sent
from console.demo.stage import Tell
from console.home import Home
from console.processes import Process
from console.servers import Servers
from core.store import pressure
from core.store.migrate import migrate
from core.store.verify import verify
from core.usecases.replay import replay

POISON_SHARE = 0.01
POISONS = ("kill", *("raise",) * 9)  # in turn: one in ten kills
EACH_PER_S = 2.0  # deliveries of each merchant, among them poison
LOUD_TIMES = 100  # how many times as much as each quiet merchant the loud one sends
ROUNDS = 3  # with and without the loud one, in turn, so that both have the same day
STEADY_PER_S, BURST_TIMES = 100.0, 10
STEADY_S, BURST_S = 5.0, 6.0
SENDERS, NOTE = 2_000, 20_000  # at once in the burst, and characters that make each of its bodies large
REPLAY_S = 60.0


async def tell_pressure(servers: Servers, home: Home, plan: Plan, tell: Tell) -> dict[str, Any]:
    """Measure all three, each with and without for *plan.minutes*; returns the checks with `passed`."""
    started = time.monotonic()
    await migrate(servers.endpoints.database_url, home.passwords)
    others = Others.watch()
    async with open_ground(servers, home, plan.seed) as ground:
        checks = await _loud(ground, plan, tell)
        checks += await _burst(ground, tell)
        checks += await _poison(ground, plan, tell)
        async with ground.hub.database.transaction(ground.merchants) as tx:
            violations = (await verify(tx, at_rest=False, now=ground.hub.clock()))["violations"]
        checks.append(Figure("invariants violated", sum(violations.values()), 0))
        checks.append(Figure("cores that others used meanwhile", others.cores(), None))
    return {
        "checks": [check.row() for check in checks],
        "seed": plan.seed,
        "deliveries": len(ground.sent),
        "workers_died": ground.died,
        "seconds": round(time.monotonic() - started, 1),
        "passed": all(check.ok for check in checks),
    }


async def _loud(ground: Ground, plan: Plan, tell: Tell) -> list[Figure]:
    """Quiet merchants alone, and beside one that sends a hundred times as much as each of them."""
    alone: list[Sent] = []
    beside: list[Sent] = []
    for number in range(ROUNDS):
        tell("twenty quiet merchants", number / ROUNDS)
        made = ground.orders.plan(dict.fromkeys(ground.quiet, 1.0), plan.seconds / ROUNDS)
        await ground.play(made)
        alone += made
        tell(f"beside one that sends {LOUD_TIMES} times as much as each", (number + 0.5) / ROUNDS)
        rates = dict.fromkeys(ground.quiet, 1.0) | {ground.loud: float(LOUD_TIMES)}
        made = ground.orders.plan(rates, plan.seconds / ROUNDS)
        await ground.play(made)
        beside += [one for one in made if one.tenant is not ground.loud]
    return [
        *_refused([*alone, *beside]),
        Figure("quiet merchants: ms to the visible order, 99 of 100", slowest(alone), None),
        Figure("beside a loud one: so many times that", slowest(beside) / slowest(alone), 2.0),
    ]


async def _burst(ground: Ground, tell: Tell) -> list[Figure]:
    """Ten times as much at once as usual, and the usual before and after it."""
    rates = dict.fromkeys(ground.quiet, STEADY_PER_S / QUIET)
    tell("a steady stream", 0.0)
    before = ground.orders.plan(rates, STEADY_S)
    await ground.play(before)
    tell(f"{BURST_TIMES} times as much, all at once", 0.2)
    burst = ground.orders.plan({tenant: BURST_TIMES * rate for tenant, rate in rates.items()}, BURST_S)
    ground.sent += burst
    async with _weighed(ground.web) as grown:
        await crowd(ground.web.address, burst, ground.orders, SENDERS, NOTE)
    tell("the steady stream again", 0.6)
    after = ground.orders.plan(rates, STEADY_S)
    await ground.play(after)
    await ground.settle(burst)
    said_yes = [one for one in burst if one.status == 200]
    shed = [one for one in burst if one.status == 503 and one.retry_after]
    async with ground.hub.database.transaction(ground.merchants) as tx:
        found = await pressure.visible(tx, [one.key for one in said_yes])
    return [
        *_refused([*before, *after]),
        Figure("of the burst: answered 200", len(said_yes), 1, least=True),
        Figure("of the burst: answered 503 with Retry-After", len(shed), 1, least=True),
        Figure("of the burst: answered anything else, or not at all", len(burst) - len(said_yes) - len(shed), 0),
        Figure("of the burst: answered 200 and lost", len(said_yes) - len(found), 0),
        Figure("of the burst: seconds to the slowest answer", max(one.answered - one.sent for one in burst), 5),
        Figure("MB that the web process grew by", max(grown), 100),
        Figure("a steady stream: seconds to an answer, 99 of 100", _answered(before), None),
        Figure("the same right after the burst", _answered(after), 1.0),
    ]  # fmt: skip


async def _poison(ground: Ground, plan: Plan, tell: Tell) -> list[Figure]:
    """Half of the time without, all of it with poison, half of it without again: both have the same day."""
    rates = dict.fromkeys(ground.quiet, EACH_PER_S)
    clean: list[Sent] = []
    tell("no poison", 0.0)
    for half in (False, True):
        made = ground.orders.plan(rates, plan.seconds / 2)
        await ground.play(made)
        clean += made
        if not half:
            tell("one delivery in a hundred is poison", 0.2)
            died = ground.died
            among = ground.orders.plan(rates, plan.seconds, POISONS, POISON_SHARE)
            await ground.play(among)
            died = ground.died - died
            tell("no poison", 0.8)
    bad = [one for one in among if one.poison]
    async with ground.hub.database.transaction(ground.merchants) as tx:
        parked = await pressure.parked(tx)
    tell("mended, and what is parked is read again", 0.9)
    await ground.mend()
    await replay(ground.hub, [delivery for delivery, _ in parked], wait_s=REPLAY_S)
    async with ground.hub.database.transaction(ground.merchants) as tx:
        orders = await pressure.visible(tx, [one.key for one in bad])
    return [
        *_refused([*clean, *among]),
        Figure("workers that poison killed", died, 1, least=True),
        Figure("without poison: ms to the visible order, 99 of 100", slowest(clean), None),
        Figure("good ones among poison: so many times that", slowest(among) / slowest(clean), 1.1),
        Figure(
            "poison that is not parked as such", len(bad) - sum(code == "poison" for _, code in parked), 0
        ),
        Figure("good ones that are parked", max(0, len(parked) - len(bad)), 0),
        Figure("poison that is no order once it is mended and replayed", len(bad) - len(orders), 0),
    ]


def _refused(sent: Sequence[Sent]) -> list[Figure]:
    """Said only where it is so: everything else is measured of what was accepted."""
    refused = sum(one.status != 200 for one in sent)
    return [Figure("refused although there was no burst", refused, 0)] if refused else []


def _answered(sent: Sequence[Sent]) -> float:
    """Seconds in which 99 of 100 were answered."""
    took = sorted(one.answered - one.sent for one in sent)
    return took[min(len(took) - 1, int(len(took) * 0.99))]


@asynccontextmanager
async def _weighed(process: Process) -> AsyncIterator[list[float]]:
    """By how many MB *process* is larger than at first, looked at all the time."""
    first = process.memory_mb()
    grown = [0.0]

    async def weigh() -> None:
        while True:
            await asyncio.sleep(0.02)
            grown.append(process.memory_mb() - first)

    weighing = asyncio.create_task(weigh())
    try:
        yield grown
    finally:
        weighing.cancel()
        await asyncio.gather(weighing, return_exceptions=True)
