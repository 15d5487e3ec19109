"""The whole loop under load: a webhook comes in at one shop, and two other shops show what is left.

In turn with a bare echo and with the typical receiver, each with the same requests and simulated shops of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.bodies import baskets
from bench.cpu import Others, memory_mb
from bench.load import Loaded, load
from console.bench.gates import Gate, middle, rounded
from console.bench.intake import Ordered
from console.bench.peer import Peer, open_peer
from console.bench.shops import Shops, link, open_shops, settle
from console.bench.stand import Stand, cpu_s, open_stand
from console.processes import Process
from core.store import bench_books
from core.store.verify import verify

PACE = 1_000  # webhooks a second of the paced load
# Requests that are written for each second of a round: more than two cores take, so that the time ends it.
AT_MOST = {"hub": 9_000, "typical": 3_000, "echo": 2_000}
SETTLE_S = 900.0  # at most, from the last webhook to the last shop told
REST_S = 0.5  # the typical worker finishes what it has fetched


@dataclass(frozen=True, slots=True)
class Ask:
    """What to measure: *rounds* of all in turn, *seconds* each; *hot*: also with one SKU in every order; *typical*: beside
    the typical receiver. *count* sends so many in each round at most.
    """

    rounds: int = 5
    seconds: float = 5.0
    merchants: int = 1
    processes: int = 1
    hot: bool = False
    typical: bool = True
    count: int | None = None

    @property
    def skus(self) -> int:
        """Of each merchant: a thousand merchants have fewer each, so that all of them are linked within minutes."""
        return 500 if self.merchants == 1 else 10


@dataclass(frozen=True, slots=True)
class Turn:
    """One round of the hub: *seconds* from the first webhook to the last shop told; *cpu* seconds by role."""

    loaded: Loaded
    seconds: float
    cpu: Counter[str]
    calls: int
    grown: int

    @property
    def per_s(self) -> float:
        return self.loaded.accepted / self.seconds

    def cpu_us(self, name: str) -> float:
        return self.cpu[name] / max(1, self.loaded.accepted) * 1e6


@dataclass(slots=True)
class Found:
    """What all rounds found."""

    hub: list[Turn] = field(default_factory=list)
    hot: list[Turn] = field(default_factory=list)
    echo: list[Loaded] = field(default_factory=list)
    typical: list[float] = field(default_factory=list)
    drains: list[float] = field(default_factory=list)
    paced: Loaded | None = None
    visible_ms: float | None = None
    memory: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Bench:
    """Everything that runs."""

    ask: Ask
    stand: Stand
    shops: Shops
    webs: list[Process]
    workers: list[Process]
    echo: Process
    orders: Ordered
    hot: Ordered

    async def turn(self, orders: Ordered, rate: float = 0.0) -> Turn:
        """Load the hub, and wait until every shop shows what is left."""
        per_s = rate or AT_MOST["hub"]
        requested = orders.write(self.ask.count or int(per_s * self.ask.seconds), len(self.webs))
        await self.stand.checkpoint()
        size, calls, cpu = await self._size(), self.shops.calls(), self.cpu()
        addresses = [web.address for web in self.webs]
        loaded = orders.note(await load(addresses, requested, seconds=self.ask.seconds, rate=rate))
        ended = time.monotonic()
        await settle(self.stand.hub, self.shops, SETTLE_S)
        tail = time.monotonic() - ended
        spent = self.cpu()
        spent.subtract(cpu)
        grown = await self._size() - size
        return Turn(loaded, loaded.seconds + tail, spent, self.shops.calls() - calls, grown)

    def cpu(self) -> Counter[str]:
        """CPU seconds so far, by role."""
        return Counter(cpu_s(self.stand, [*self.webs, *self.workers]))

    async def _size(self) -> int:
        async with self.stand.hub.database.transaction([]) as tx:
            return await bench_books.size(tx)

    async def plain(self) -> Loaded:
        """Load the echo. It is sent the same requests again when it had them all."""
        requested = self.orders.write(self.ask.count or int(AT_MOST["echo"] * self.ask.seconds))
        return await load([self.echo.address], requested, seconds=self.ask.seconds, again=True)


async def bench_loop(ask: Ask, tell: Callable[[str, float], None]) -> dict[str, Any]:
    """Measure what *ask* says. Rates are medians, ratios medians of those of each round."""
    tell("starting", 0.0)
    found = Found()
    async with opened(ask, tell) as bench, _typical(bench, tell) as typical:
        await bench.turn(bench.orders)  # not counted: connections, statements, caches
        await bench.plain()
        steps = ask.rounds + 1
        others = Others.watch()
        for number in range(ask.rounds):
            tell(f"round {number + 1} of {ask.rounds}", number / steps)
            await _round(bench, typical, number, found)
        bench.stand.facts["cores_used_by_others"] = rounded(others.cores())
        tell(f"{PACE} a second", ask.rounds / steps)
        since = bench.stand.hub.clock()
        found.paced = (await bench.turn(bench.orders, PACE)).loaded
        async with bench.stand.hub.database.transaction(bench.shops.merchant_ids) as tx:
            found.visible_ms = await bench_books.lag_ms(tx, since, 0.99)
        found.memory = {
            name: rounded(memory_mb([one.child.pid for one in these if one.child]))
            for name, these in (("web", bench.webs), ("worker", bench.workers))
        }
        books = await books_of(bench)
        return _answer(bench, found, books)


@asynccontextmanager
async def opened(ask: Ask, tell: Callable[[str, float], None]) -> AsyncIterator[Bench]:
    """Everything that *ask* needs, running and linked, during the block."""
    # The selling shop is played by whoever makes the load, so its simulator knows of no sale: it is not compared.
    async with (
        open_stand({"FAIRWAY_RECONCILE_EVERY_S": "86400"}) as stand,
        open_shops(ask.merchants, ask.skus, stand.hub.clock) as shops,
        _running(stand, ask) as (webs, workers, echo),
    ):
        tell(f"linking {3 * ask.merchants} shops", 0.0)
        await link(stand.hub, shops, tell)
        tokens = [shop.token for shop in shops.selling]
        orders, hot = (
            Ordered(stand, baskets(1, ask.skus, stand.hub.clock, hot=hot), tokens, next=number)
            for hot, number in ((False, 1_000_000), (True, 5_000_000_000))
        )
        yield Bench(ask, stand, shops, webs, workers, echo, orders, hot)


@asynccontextmanager
async def _running(stand: Stand, ask: Ask) -> AsyncIterator[tuple[list[Process], list[Process], Process]]:
    webs, workers = (
        [stand.role(role, number) for number in range(1, ask.processes + 1)] for role in ("web", "worker")
    )
    echo = stand.other("bench.echo")
    everything = [*webs, *workers, echo]
    try:
        async with asyncio.TaskGroup() as group:
            for process in everything:
                group.create_task(process.start())
        yield webs, workers, echo
    finally:
        for process in everything:
            await process.stop()


@dataclass(slots=True)
class _Typical:
    peer: Peer
    token: str
    bench: Bench
    next: int = 1

    async def turn(self, found: Found) -> None:
        """Load it, and count what became orders meanwhile (the same task then tells both other shops); then without a
        load.
        """
        ask, orders = self.bench.ask, self.bench.orders
        await self.bench.stand.checkpoint()
        requested = orders.write(ask.count or int(AT_MOST["typical"] * ask.seconds))
        before = await self.peer.orders()
        loaded = await load([self.peer.web.address], requested, seconds=ask.seconds)
        after = await self.peer.orders()
        found.typical.append((after - before) / loaded.seconds)
        begun = time.monotonic()
        while await self.peer.waiting() and time.monotonic() - begun < ask.seconds:
            await asyncio.sleep(0.05)
        took, drained = time.monotonic() - begun, await self.peer.orders() - after
        if took > ask.seconds / 5:  # else there was hardly a backlog
            found.drains.append(drained / took)
        await self.peer.forget()
        await asyncio.sleep(REST_S)


@asynccontextmanager
async def _typical(bench: Bench, tell: Callable[[str, float], None]) -> AsyncIterator[_Typical | None]:
    """The typical receiver with shops of its own that answer to the same tokens, warm; None if it is not asked for."""
    if not bench.ask.typical:
        yield None
        return
    tell("starting the typical receiver", 0.0)
    async with open_shops(bench.ask.merchants, bench.ask.skus, bench.stand.hub.clock) as shops:
        for mine, hubs in zip(shops.every, bench.shops.every, strict=True):
            mine.token = hubs.token
        async with open_peer(bench.stand, shops) as peer:
            typical = _Typical(peer, shops.every[0].token, bench)
            await typical.turn(Found())
            yield typical


async def _round(bench: Bench, typical: _Typical | None, number: int, found: Found) -> None:
    """Each of them once; who comes first differs from round to round."""

    async def hub() -> None:
        found.hub.append(await bench.turn(bench.orders))

    async def hot() -> None:
        found.hot.append(await bench.turn(bench.hot))

    async def echo() -> None:
        found.echo.append(await bench.plain())

    async def peer() -> None:
        if typical:
            await typical.turn(found)

    steps = [hub, echo, *([hot] if bench.ask.hot else []), peer]
    first = number % len(steps)
    for step in steps[first:] + steps[:first]:
        await step()


async def books_of(bench: Bench) -> dict[str, int]:
    """Whether the hub's books agree with each other, with what was acknowledged, and with what the shops show."""
    async with bench.stand.hub.database.transaction(bench.shops.merchant_ids) as tx:
        books = await bench_books.books(tx)
        free = await bench_books.free_by_sku(tx)
        checked = await verify(tx, at_rest=False, now=bench.stand.hub.clock())
    wrong = sum(
        shown != free.get((bench.shops.merchant_ids[shop.merchant], sku))
        for shop in bench.shops.told
        for sku, shown in shop.shown().items()
    )
    return {**books, "wrong_levels": wrong, "violations": sum(checked["violations"].values())}


def _answer(bench: Bench, found: Found, books: dict[str, int]) -> dict[str, Any]:
    ask, hub = bench.ask, found.hub
    accepted = bench.orders.accepted + bench.hot.accepted
    unsure = bench.orders.unsure + bench.hot.unsure

    def against(others: list[float]) -> float | None:
        """The hub's rate as a multiple of *others*', round by round."""
        ratios = [mine.per_s / other for mine, other in zip(hub, others, strict=False) if other > 0]
        return middle(ratios) if ratios else None

    to_echo, to_typical, to_drain = (
        against([one.per_s for one in found.echo]),
        against(found.typical),
        against(found.drains),
    )
    cpu = {
        name: middle([one.cpu_us(name) for one in hub]) for name in ("web", "worker", "postgres", "valkey")
    }
    p99 = middle([one.loaded.p99_ms for one in hub])
    calls = middle([one.calls / max(1, one.loaded.accepted) for one in hub])
    hot = (
        middle([mine.per_s / other.per_s for mine, other in zip(found.hot, hub, strict=False)])
        if found.hot
        else None
    )
    paced_p99 = found.paced.p99_ms if found.paced else None
    cpu_all, memory = rounded(sum(cpu.values())), rounded(sum(found.memory.values()))
    gates = [
        Gate("the loop, as a share of the HMAC echo", 0.15, to_echo),
        *([Gate("the loop, times the typical receiver under load", 25, to_typical)] if ask.typical else []),
        *([Gate("the loop, times the typical receiver's drain", 14, to_drain)] if ask.typical else []),
        Gate("CPU per order, all processes, us", 500, cpu_all, most=True),
        Gate("webhook p99 at 1,000 a second, ms", 25, paced_p99, most=True),
        Gate("webhook p99, saturated, ms", 60, p99, most=True),
        Gate("committed to order visible, p99 at 1,000 a second, ms", 500, found.visible_ms, most=True),
        *([Gate("one SKU in every order, as a share of spread load", 0.7, hot)] if ask.hot else []),
        Gate("calls to both other shops per order", 0.05, calls, most=True),
        Gate("web and worker, MB", 250, memory, most=True),
        Gate("units oversold", 0, books["oversold"] + books["short"], most=True),
    ]
    return {
        "orders_per_s": middle([one.per_s for one in hub]),
        "echo_per_s": middle([one.per_s for one in found.echo]),
        "typical_per_s": middle(found.typical) if found.typical else None,
        "typical_drain_per_s": middle(found.drains) if found.drains else None,
        "hot_per_s": middle([one.per_s for one in found.hot]) if found.hot else None,
        "ratio_to_echo": to_echo,
        "ratio_to_typical": to_typical,
        "ratio_to_typical_drain": to_drain,
        "ratio_hot": hot,
        "intake_per_s": middle([one.loaded.per_s for one in hub]),
        "cpu_us_per_order": cpu_all,
        "cpu_us": cpu,
        "bytes_per_order": round(
            sum(one.grown for one in hub) / max(1, sum(one.loaded.accepted for one in hub))
        ),
        "push_calls_per_order": calls,
        "p50_ms": middle([one.loaded.p50_ms for one in hub]),
        "p99_ms": p99,
        "paced_p99_ms": None if paced_p99 is None else rounded(paced_p99),
        "paced_late": found.paced.late if found.paced else 0,
        "visible_p99_ms": None if found.visible_ms is None else rounded(found.visible_ms),
        "memory_mb": memory,
        "memory": found.memory,
        "oversold": books["oversold"] + books["short"],
        "lost": max(0, accepted - books["orders"]),
        # What got no answer may be an order or not.
        "unexplained": max(0, books["orders"] - accepted - unsure),
        "acknowledged": accepted,
        "refused": bench.orders.refused + bench.hot.refused,
        "unanswered": unsure,
        "books": books,
        "each_round": [
            {
                "orders_per_s": round(one.per_s),
                "intake_per_s": round(one.loaded.per_s),
                "seconds": round(one.seconds, 2),
            }
            for one in hub
        ],
        "rounds": ask.rounds,
        "seconds": ask.seconds,
        "merchants": ask.merchants,
        "processes": ask.processes,
        "body_bytes": bench.orders.made.size,
        "gates": [gate.row() for gate in gates],
        **bench.stand.facts,
    }
