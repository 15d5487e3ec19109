"""One SKU that everybody buys: reservations a slice at a time, in turn with one UPDATE for each order; and orders that all
have this SKU, in turn with orders spread over the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.bodies import HOT, Baskets, baskets
from bench.cpu import Others, Spent, spending
from bench.drain import Place, drain_all, open_place, store
from bench.hot_update import Shelf, open_shelf
from bench.slices import prepare, reserve, take
from console.bench.gates import Gate, middle, rounded
from console.bench.stand import Stand, open_stand
from core.store import bench_books
from core.store.verify import verify

SKUS = 500
FULL = 100_000_000  # units: nothing sells out before it should
LAST = "SKU-LAST"  # there are half as many of it as orders want
NAMES = ("updates", "taken", "slices", "hot", "spread")
UPDATES = 5  # one UPDATE per order is slower: so many times fewer in each round


@dataclass(frozen=True, slots=True)
class Ask:
    """*rounds* of all in turn, of *orders* each; one UPDATE per order by *sessions* at once."""

    rounds: int = 5
    orders: int = 3_000
    sessions: int = 64


@dataclass(frozen=True, slots=True)
class Turn:
    """*orders* in one go, what they took and by how many bytes the database grew."""

    orders: int
    spent: Spent
    grown: int

    @property
    def per_s(self) -> float:
        return self.orders / self.spent.seconds

    @property
    def cpu_us(self) -> float:
        return self.spent.cpu / self.orders * 1e6


@dataclass(slots=True)
class Found:
    taken: list[Turn] = field(default_factory=list)
    slices: list[Turn] = field(default_factory=list)
    updates: list[Turn] = field(default_factory=list)
    hot: list[Turn] = field(default_factory=list)
    spread: list[Turn] = field(default_factory=list)


@dataclass(slots=True)
class Bench:
    ask: Ask
    stand: Stand
    place: Place
    bare: Place  # where balances move without lines
    shelf: Shelf
    hot: Baskets
    spread: Baskets
    next: int = 1_000_000

    async def slices(self, sku: str = HOT) -> Turn:
        """Reserve one unit of *sku* for each order. Orders are stored before; what is measured begins at their lines."""
        self.next += 1
        wants = await prepare(self.stand.hub, self.place, f"hot-{self.next}", self.ask.orders, sku)
        await self.stand.checkpoint()
        size = await self._size()
        with spending(self.stand.postgres) as spent:
            await reserve(self.stand.hub, wants)
        return Turn(len(wants), spent, await self._size() - size)

    async def taken(self) -> Turn:
        """The same of the balance and the ledger alone."""
        self.next += 1
        hub, merchant_id = self.stand.hub, self.bare.merchant_id
        wants = await prepare(hub, self.bare, f"bare-{self.next}", self.ask.orders, HOT)
        async with hub.database.transaction([merchant_id]) as tx:
            variant_id = await bench_books.variant(tx, merchant_id, HOT)
        await self.stand.checkpoint()
        size = await self._size()
        with spending(self.stand.postgres) as spent:
            await take(hub, wants, variant_id)
        return Turn(len(wants), spent, await self._size() - size)

    async def updates(self) -> Turn:
        orders = max(1, self.ask.orders // UPDATES)
        await self.stand.checkpoint()
        size = await self.shelf.size()
        with spending(self.stand.postgres) as spent:
            await self.shelf.sell(HOT, orders)
        return Turn(orders, spent, await self.shelf.size() - size)

    async def drain(self, made: Baskets) -> Turn:
        """Turn stored webhooks into orders with their stock reserved."""
        numbers = range(self.next, self.next + self.ask.orders)
        self.next += self.ask.orders
        await store(self.stand.hub, self.place, [made.body(number) for number in numbers])
        await self.stand.checkpoint()
        size = await self._size()
        with spending(self.stand.postgres) as spent:
            await drain_all(self.stand.hub)
        return Turn(len(numbers), spent, await self._size() - size)

    async def _size(self) -> int:
        async with self.stand.hub.database.transaction([]) as tx:
            return await bench_books.size(tx)


async def bench_stock(ask: Ask, tell: Callable[[str, float], None]) -> dict[str, Any]:
    """Measure what *ask* says. Rates are medians, ratios medians of those of each round."""
    tell("starting", 0.0)
    async with open_stand() as stand:
        url = await stand.new_database("hot_update")
        supply = {f"SKU-{number}": FULL for number in range(SKUS)} | {LAST: ask.orders // 2}
        place = await open_place(stand.hub, supply)
        bare = await open_place(stand.hub, {HOT: FULL}, "bare")
        hot, spread = (baskets(1, SKUS, stand.hub.clock, hot=everybody) for everybody in (True, False))
        async with open_shelf(url, ask.sessions) as shelf:
            await shelf.fill(HOT, FULL)
            await shelf.fill(LAST, ask.orders // 2)
            bench = Bench(ask, stand, place, bare, shelf, hot, spread)
            await _round(bench, 0, Found())  # not counted: statements, caches
            found, others = Found(), Others.watch()
            for number in range(ask.rounds):
                tell(f"round {number + 1} of {ask.rounds}", number / (ask.rounds + 1))
                await _round(bench, number, found)
            stand.facts["cores_used_by_others"] = rounded(others.cores())
            tell("the last units", ask.rounds / (ask.rounds + 1))
            sold_out = await _sold_out(bench)
        async with stand.hub.database.transaction([place.merchant_id]) as tx:
            checked = await verify(tx, at_rest=False, now=stand.hub.clock())
    return _answer(bench, found, sold_out, sum(checked["violations"].values()))


async def _round(bench: Bench, number: int, found: Found) -> None:
    """Each of them once; who comes first differs from round to round."""
    steps = [
        (found.updates, bench.updates),
        (found.taken, bench.taken),
        (found.slices, bench.slices),
        (found.hot, lambda: bench.drain(bench.hot)),
        (found.spread, lambda: bench.drain(bench.spread)),
    ]
    for turns, step in steps if number % 2 == 0 else reversed(steps):
        turns.append(await step())


async def _sold_out(bench: Bench) -> dict[str, Any]:
    """Twice as many orders as units, on both sides: what each promised, and what is left."""
    orders, units = bench.ask.orders, bench.ask.orders // 2
    merchants = [bench.place.merchant_id]
    turn = await bench.slices(LAST)
    async with bench.stand.hub.database.transaction(merchants) as tx:
        ours = await bench_books.promised(tx, bench.place.merchant_id, LAST)
    sold = await bench.shelf.sell(LAST, orders)
    free = await bench.shelf.free(LAST)
    return {
        "orders": orders,
        "units": units,
        "slices": {**ours, "oversold": max(0, ours["held"] - units), "per_s": rounded(turn.per_s)},
        "updates": {"held": sold, "free": free, "oversold": max(0, sold - units)},
    }


def _answer(bench: Bench, found: Found, sold_out: dict[str, Any], violations: int) -> dict[str, Any]:
    taken, kept, to_spread = (
        middle([mine.per_s / other.per_s for mine, other in zip(ours, others, strict=True)])
        for ours, others in (
            (found.taken, found.updates),
            (found.slices, found.updates),
            (found.hot, found.spread),
        )
    )
    oversold = sold_out["slices"]["oversold"] + sold_out["updates"]["oversold"]
    units, orders = sold_out["units"], sold_out["orders"]
    exact = (
        sold_out["slices"]["held"] == sold_out["updates"]["held"] == units
        and sold_out["slices"]["short"] == orders - units
        and sold_out["updates"]["free"] == 0
    )
    gates = [
        Gate("balance and ledger by slices, times one UPDATE per order", 10, taken),
        Gate("with lines and reservations kept, times one UPDATE per order", 10, kept),
        Gate("one SKU in every order, as a share of spread orders", 0.7, to_spread),
        Gate("units oversold, both", 0, oversold, most=True),
    ]
    facts = {name: value for name, value in bench.stand.facts.items() if name != "load"}
    return {
        "ratio_to_update": taken,
        "ratio_kept_to_update": kept,
        "ratio_hot": to_spread,
        **{name: _row(getattr(found, name)) for name in NAMES},
        "sold_out": sold_out,
        "exact": exact,
        "oversold": oversold,
        "violations": violations,
        "each_round": [
            {name: round(getattr(found, name)[number].per_s) for name in NAMES}
            for number in range(bench.ask.rounds)
        ],
        "rounds": bench.ask.rounds,
        "orders": bench.ask.orders,
        "sessions": bench.ask.sessions,
        "skus": SKUS,
        "gates": [gate.row() for gate in gates],
        **facts,
    }


def _row(turns: list[Turn]) -> dict[str, float]:
    """Medians; bytes over all rounds, since a table grows by many pages at once."""
    return {
        "per_s": middle([one.per_s for one in turns]),
        "cpu_us": middle([one.cpu_us for one in turns]),
        "postgres_cpu_us": middle([one.spent.postgres / one.orders * 1e6 for one in turns]),
        "bytes": round(sum(one.grown for one in turns) / sum(one.orders for one in turns)),
    }
