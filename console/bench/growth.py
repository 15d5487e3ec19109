"""What an order costs when few are stored and when many are, and what reading back a large catalogue costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bench.bodies import Baskets, baskets
from bench.cpu import Others, Spent, spending
from bench.drain import Place, drain_all, open_place, store
from console.bench.gates import Gate, middle, rounded
from console.bench.stand import Stand, open_stand
from console.bench.sweeps import LESS, Swept, sweep_all
from core.hub import Hub
from core.store import bench_books, bench_fill
from core.store.verify import verify

SKUS = 500
FULL = 100_000_000  # units: nothing sells out
FEW = 10_000  # orders stored where few are
COPIED = 500  # orders that are drained as any other, and then copied
SESSIONS = 2
CHUNK = 5_000  # orders copied in one transaction
AGE = timedelta(days=90)  # over so long the stored ones are spread
SECONDS = 60.0  # of CPU that reading everything back may cost, of LISTED at CHANNELS
LISTED, CHANNELS = 100_000, 5


@dataclass(frozen=True, slots=True)
class Ask:
    """*rounds* in turn of *orders* each, on a hub with *few* orders and on one with *stored*; then *listed* variants at
    *channels* shops each are read back.
    """

    rounds: int = 5
    orders: int = 1_000
    stored: int = 1_000_000
    few: int = FEW
    listed: int = LISTED
    channels: int = CHANNELS


@dataclass(frozen=True, slots=True)
class Turn:
    """*orders* from webhooks that are stored to reservations, and so many bytes of WAL *written* for them."""

    orders: int
    stored: Spent
    drained: Spent
    written: int

    @property
    def cpu_us(self) -> float:
        return (self.stored.cpu + self.drained.cpu) / self.orders * 1e6

    @property
    def per_s(self) -> float:
        return self.orders / (self.stored.seconds + self.drained.seconds)


@dataclass(slots=True)
class Side:
    """A hub with so many orders."""

    hub: Hub
    place: Place
    made: Baskets
    next: int = 1_000_000_000
    turns: list[Turn] = field(default_factory=list)

    def bodies(self, count: int) -> list[bytes]:
        numbers = range(self.next, self.next + count)
        self.next += count
        return [self.made.body(number) for number in numbers]

    async def turn(self, stand: Stand, orders: int) -> Turn:
        bodies = self.bodies(orders)
        before = await self._wal()
        with spending(stand.postgres) as stored:
            await store(self.hub, self.place, bodies)
        with spending(stand.postgres) as drained:
            await drain_all(self.hub)
        after = await self._wal()
        return Turn(orders, stored, drained, after - before)

    async def _wal(self) -> int:
        async with self.hub.database.transaction([]) as tx:
            return await bench_books.wal(tx)

    async def count(self) -> int:
        async with self.hub.database.transaction([self.place.merchant_id]) as tx:
            return await bench_fill.count_orders(tx, self.place.merchant_id)

    async def size(self) -> int:
        """Bytes of the database."""
        async with self.hub.database.transaction([]) as tx:
            return await bench_books.size(tx)


async def bench_growth(ask: Ask, tell: Callable[[str, float], None]) -> dict[str, Any]:
    """Measure what *ask* says. Costs are medians, the ratio is the median of those of each round."""
    tell("starting", 0.0)
    async with open_stand() as stand:
        async with _side(stand, "few", ask.few, tell) as few, _side(stand, "many", ask.stored, tell) as many:
            at_first = [await side.count() for side in (few, many)]
            size = await many.size()
            for side in (few, many):  # not counted: statements, caches
                await side.turn(stand, ask.orders)
            await stand.checkpoint()
            others = Others.watch()
            for number in range(ask.rounds):
                tell(f"round {number + 1} of {ask.rounds}", number / ask.rounds)
                for side in (few, many) if number % 2 == 0 else (many, few):
                    side.turns.append(await side.turn(stand, ask.orders))
            stand.facts["cores_used_by_others"] = rounded(others.cores())
            at_last = [await side.count() for side in (few, many)]
            tell("checking the books", 0.0)
            violations = await _violations(few)
        swept = await sweep_all(stand, ask.listed, ask.channels, tell)
    return _answer(stand, ask, (few, many), (at_first, at_last, size), violations, swept)


@asynccontextmanager
async def _side(
    stand: Stand, name: str, wanted: int, tell: Callable[[str, float], None]
) -> AsyncIterator[Side]:
    """A hub with *wanted* orders and nothing left to do, analyzed."""
    async with stand.another_hub(name) as hub:
        place = await open_place(hub, {f"SKU-{number}": FULL for number in range(SKUS)}, name)
        side = Side(hub, place, baskets(1, SKUS, hub.clock))
        drained = min(COPIED, wanted)
        await store(hub, place, side.bodies(drained))
        await drain_all(hub)
        await stand.analyze(hub)  # or the copies are planned for empty tables
        await _copy(stand, side, wanted, tell)
        await stand.analyze(hub)
        yield side


async def _copy(stand: Stand, side: Side, wanted: int, tell: Callable[[str, float], None]) -> None:
    """Copy what is stored until there are *wanted*, by two sessions: one for each core."""
    merchant_id = side.place.merchant_id
    async with side.hub.database.transaction([merchant_id]) as tx:
        ids = await bench_fill.orders_of(tx, merchant_id)
    copies = max(0, wanted // len(ids) - 1)
    at_once = max(1, CHUNK // len(ids))
    starts = iter(range(0, copies, at_once))

    async def some() -> None:
        for first in starts:
            tell(f"storing {wanted} orders", first / copies)
            age = AGE * (copies - first) / copies
            async with pool.acquire() as tx, tx.transaction():
                await bench_fill.copy_orders(tx, merchant_id, ids, first, min(at_once, copies - first), age)

    async with stand.filling(side.hub, SESSIONS) as pool:
        await asyncio.gather(*(some() for _ in range(SESSIONS)))
        async with pool.acquire() as tx:
            await bench_fill.add_up(tx, merchant_id)


async def _violations(side: Side) -> int:
    """Of the smaller store: both are filled by the same statement, and a million orders take minutes to check."""
    async with side.hub.database.transaction([side.place.merchant_id]) as tx:
        checked = await verify(tx, at_rest=False, now=side.hub.clock())
    return sum(checked["violations"].values())


def _answer(
    stand: Stand,
    ask: Ask,
    sides: tuple[Side, Side],
    sizes: tuple[list[int], list[int], int],
    violations: int,
    swept: Swept,
) -> dict[str, Any]:
    few, many = sides
    at_first, at_last, size = sizes
    ratio = middle([b.cpu_us / a.cpu_us for a, b in zip(few.turns, many.turns, strict=True)])
    # Whatever is asked for, what is held against the gate is the cost of the usual catalogue.
    sweep_s = swept.spent.cpu * (LISTED * CHANNELS) / max(1, swept.levels)
    gates = [
        Gate(f"CPU per order with {ask.stored} stored, times that with {ask.few}", 1.15, ratio, most=True),
        Gate(f"CPU to read back {LISTED} listings at {CHANNELS} channels, s", SECONDS, sweep_s, most=True),
    ]
    facts = {name: value for name, value in stand.facts.items() if name != "load"}
    expected = -(-ask.listed // LESS) * ask.channels
    return {
        "ratio": ratio,
        "few": {"stored": at_first[0], "stored_at_end": at_last[0], **_costs(few.turns)},
        "many": {"stored": at_first[1], "stored_at_end": at_last[1], **_costs(many.turns)},
        "bytes_per_order": round(size / max(1, at_first[1])),
        "sweep": {
            "listings": ask.listed,
            "channels": ask.channels,
            "levels": swept.levels,
            "sweeps": swept.sweeps,
            "cpu_s": rounded(swept.spent.cpu),
            "postgres_cpu_s": rounded(swept.spent.postgres),
            "seconds": rounded(swept.spent.seconds),
            "cpu_us_per_level": rounded(swept.spent.cpu / max(1, swept.levels) * 1e6),
            "found": swept.found,
            "missed": expected - swept.found.get("unseen_order", 0),
        },
        "violations": violations,
        "rounds": ask.rounds,
        "orders": ask.orders,
        "gates": [gate.row() for gate in gates],
        **facts,
    }


def _costs(turns: list[Turn]) -> dict[str, float]:
    """Medians of what an order costs, by part."""
    return {
        "cpu_us": middle([one.cpu_us for one in turns]),
        "store_us": middle([one.stored.cpu / one.orders * 1e6 for one in turns]),
        "drain_us": middle([one.drained.ours / one.orders * 1e6 for one in turns]),
        "drain_postgres_us": middle([one.drained.postgres / one.orders * 1e6 for one in turns]),
        "per_s": middle([one.per_s for one in turns]),
        "wal_bytes": middle([one.written / one.orders for one in turns]),
    }
