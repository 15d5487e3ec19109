"""A load that does not end soon: whether the hub keeps up with it, how long webhooks wait, and whether memory grows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.cpu import Others, memory_mb
from bench.load import Loaded, Requests, load
from console.bench.gates import Gate, middle, rounded
from console.bench.loop import SETTLE_S, Ask, Bench, books_of, opened
from console.bench.shops import settle
from core.store import bench_books

PIECE_S = 20.0  # requests are written while those before them are sent: ten minutes of them would fill a disk
WARM = 500  # orders that are not counted: connections, statements, caches
GROWTH_MB = 10  # memory is flat if it is not more than that over what it was after the first quarter


@dataclass(slots=True)
class Found:
    """What each piece of the load found, memory at its end among it; *settled_s* is from the last webhook to the last shop
    told, *visible_ms* from a delivery's commit to its order's: of 99 in 100, and the longest.
    """

    pieces: list[Loaded] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    cpu_us: dict[str, float] = field(default_factory=dict)
    calls: float = 0.0
    settled_s: float = 0.0
    visible_ms: tuple[float | None, float | None] = (None, None)


async def bench_sustain(rate: int, minutes: float, tell: Callable[[str, float], None]) -> dict[str, Any]:
    """Send *rate* webhooks a second for *minutes*, each an order that two other shops hear of."""
    tell("starting", 0.0)
    async with opened(Ask(typical=False, count=WARM), tell) as bench:
        await bench.turn(bench.orders)
        others = Others.watch()
        found = await _load(bench, rate, max(1, round(minutes * 60 / PIECE_S)), tell)
        bench.stand.facts["cores_used_by_others"] = rounded(others.cores())
        return _answer(bench, rate, found, await books_of(bench))


async def _load(bench: Bench, rate: int, pieces: int, tell: Callable[[str, float], None]) -> Found:
    found, loop = Found(), asyncio.get_running_loop()
    since, cpu, calls, accepted = (
        bench.stand.hub.clock(), bench.cpu(), bench.shops.calls(), bench.orders.accepted,
    )  # fmt: skip
    await bench.stand.checkpoint()
    requested = _write(bench, rate, 0)
    for number in range(pieces):
        minute = f"minute {number * PIECE_S / 60:.1f} of {pieces * PIECE_S / 60:.1f}"
        tell(f"{rate} a second, {minute}", number / pieces)
        sending = asyncio.create_task(load([bench.webs[0].address], requested, seconds=PIECE_S, rate=rate))
        if number + 1 < pieces:
            requested = await loop.run_in_executor(None, _write, bench, rate, number + 1)
        found.pieces.append(bench.orders.note(await sending))
        processes = [*bench.webs, *bench.workers]
        found.memory.append(rounded(memory_mb([one.child.pid for one in processes if one.child])))
    begun = loop.time()
    tell("until all shops are told", 1.0)
    await settle(bench.stand.hub, bench.shops, SETTLE_S)
    found.settled_s = loop.time() - begun
    count = max(1, bench.orders.accepted - accepted)
    found.calls = (bench.shops.calls() - calls) / count
    spent = bench.cpu()
    spent.subtract(cpu)
    found.cpu_us = {name: rounded(seconds / count * 1e6) for name, seconds in spent.items()}
    async with bench.stand.hub.database.transaction(bench.shops.merchant_ids) as tx:
        found.visible_ms = (
            await bench_books.lag_ms(tx, since, 0.99),
            await bench_books.lag_ms(tx, since, 1.0),
        )
    return found


def _write(bench: Bench, rate: int, number: int) -> Requests:
    return bench.orders.write(round(rate * PIECE_S), name=("even", "odd")[number % 2])


def _answer(bench: Bench, rate: int, found: Found, books: dict[str, int]) -> dict[str, Any]:
    pieces = found.pieces
    per_s = middle([one.per_s for one in pieces])
    p99 = max(one.p99_ms for one in pieces)
    longest = found.visible_ms[1]
    early = found.memory[len(found.memory) // 4]
    gates = [
        Gate("webhooks a second, as a share of what was sent", 0.99, per_s / rate),
        Gate("webhook p99, the worst twenty seconds, ms", 50, p99, most=True),
        Gate("backlog: the longest from committed to order visible, ms", 1_000, longest, most=True),
        Gate("web and worker, MB", 250, max(found.memory), most=True),
        Gate("memory grown since the first quarter, MB", GROWTH_MB, max(found.memory) - early, most=True),
        Gate("calls to both other shops per order", 0.05, found.calls, most=True),
        Gate("units oversold", 0, books["oversold"] + books["short"], most=True),
    ]
    lost = max(0, bench.orders.accepted - books["orders"])
    return {
        "rate": rate,
        "minutes": rounded(len(pieces) * PIECE_S / 60),
        "per_s": per_s,
        "p50_ms": middle([one.p50_ms for one in pieces]),
        "p99_ms": middle([one.p99_ms for one in pieces]),
        "p99_worst_ms": rounded(p99),
        "visible_p99_ms": None if found.visible_ms[0] is None else rounded(found.visible_ms[0]),
        "visible_worst_ms": None if longest is None else rounded(longest),
        "until_told_s": rounded(found.settled_s),
        "cpu_us_per_order": rounded(sum(found.cpu_us.values())),
        "cpu_us": found.cpu_us,
        "push_calls_per_order": rounded(found.calls),
        "memory_mb": max(found.memory),
        "memory_by_piece": found.memory,
        "acknowledged": bench.orders.accepted,
        "refused": bench.orders.refused,
        "unanswered": bench.orders.unsure,
        "lost": lost,
        "unexplained": max(0, books["orders"] - bench.orders.accepted - bench.orders.unsure),
        "oversold": books["oversold"] + books["short"],
        "late": sum(one.late for one in pieces),
        "books": books,
        "body_bytes": bench.orders.made.size,
        "gates": [gate.row() for gate in gates],
        **bench.stand.facts,
    }
