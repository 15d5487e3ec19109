"""Every way of sharing stock tried on the same buyers: runs side by side, what they came to, and what was to be shown."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from console.simulate.books import Books
from console.simulate.buyers import World, make_world
from console.simulate.channels import CHANNELS, COMMON_SOURCES, Channel
from console.simulate.engine import Run
from console.simulate.lag_aware import LagAware
from console.simulate.policies import Policy, pooled, pooled_then_strict, strict
from console.simulate.verdict import verdict

Tell = Callable[[str, float], None]
STRICT_BELOW = 5
POLICIES: dict[str, Callable[[Sequence[Channel]], Policy]] = {
    "lag_aware": LagAware,
    "pooled": pooled,
    "strict": strict,
    "pooled_then_strict": lambda channels: pooled_then_strict(channels, STRICT_BELOW),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated: *weeks* with all policies, then as many more with the strict one as *strict_sales* take."""

    seed: int
    weeks: int = 2
    strict_sales: int = 1_000_000
    buffers: tuple[int, ...] = (1, 2, 4, 8)
    skus: int = 2_000
    buyers: int = 130_000
    days: float = 7.0
    replies_lost: float = 0.2


@dataclass(frozen=True, slots=True)
class Task:
    """One run: a policy by its name, or a fixed buffer, in one week."""

    week: int
    policy: str
    buffer: int | None = None


@dataclass(slots=True)
class Done:
    """All books so far, by policy and buffer; *million* are those of the strict policy in all of its weeks."""

    books: dict[tuple[str, int | None], Books] = field(default_factory=dict)
    million: Books = field(default_factory=Books)
    cpu_s: float = 0.0


def simulate_stock(
    plan: Plan, *, processes: int | None = None, tell: Tell = lambda _what, _share: None
) -> dict[str, Any]:
    """Run everything *plan* says and return the figures as plain data; the same for the same plan, but for the times.

    Worker processes share the work; none of what they find depends on how many there are.
    """
    begun = time.perf_counter()
    compared = [Task(week, name, buffer) for week in range(plan.weeks) for name, buffer in _runs(plan)]
    done = Done()
    workers = processes or os.cpu_count() or 1
    with ProcessPoolExecutor(workers) as pool:
        try:
            _share_out(pool, workers, plan, compared, done, tell)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {
        **_figures(plan, done),
        "seconds": round(time.perf_counter() - begun, 1),
        "events_per_cpu_s": round(
            sum(books.events for books in [*done.books.values(), done.million]) / done.cpu_s
        ),
    }


def _runs(plan: Plan) -> list[tuple[str, int | None]]:
    slowest_first = sorted(POLICIES, key=lambda name: name != "lag_aware")
    return [*((name, None) for name in slowest_first), *(("fixed", buffer) for buffer in plan.buffers)]


def _share_out(
    pool: ProcessPoolExecutor, workers: int, plan: Plan, compared: list[Task], done: Done, tell: Tell
) -> None:
    """Give the tasks out, week by week; then strict weeks, one after the other, until there are sales enough.

    Strict weeks are asked for ahead of time, but only those needed are counted, in order.
    """
    waiting = list(reversed(compared))
    under_way: dict[Future[tuple[Books, float]], Task] = {}
    strict: dict[int, Books] = {}
    next_week = plan.weeks
    guess = max(plan.weeks, round(plan.strict_sales / (0.9 * plan.buyers)))
    whole, ended = len(compared) + max(0, guess - plan.weeks), 0
    while True:
        enough = _sales(strict) >= plan.strict_sales
        while len(under_way) < workers + 1 and (waiting or not enough):
            if waiting:
                task = waiting.pop()
            elif next_week < guess or len(strict) == next_week:
                task = Task(next_week, "strict")
                next_week += 1
            else:
                break
            under_way[pool.submit(play, plan, task)] = task
        if not under_way:
            break
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            task = under_way.pop(future)
            books, cpu_s = future.result()
            done.cpu_s += cpu_s
            ended += 1
            if task.week < plan.weeks:
                done.books.setdefault((task.policy, task.buffer), Books()).add(books)
            if task.policy == "strict":
                strict[task.week] = books
            tell(f"week {task.week + 1}, {task.policy.replace('_', ' ')}", min(1.0, ended / whole))
    for week in sorted(strict):
        if week >= plan.weeks and done.million.orders >= plan.strict_sales:
            break
        done.million.add(strict[week])


def _sales(strict: Mapping[int, Books]) -> int:
    """Sales of the weeks from the first on that are all there."""
    total = 0
    for week in range(len(strict)):
        if week not in strict:
            break
        total += strict[week].orders
    return total


def play(plan: Plan, task: Task) -> tuple[Books, float]:
    """(books, CPU seconds) of one run."""
    gc.collect()
    gc.disable()  # nothing but the run's own objects, which live as long as it does
    begun = time.process_time()
    seed = f"{plan.seed}/{task.week}"
    world = _world(replace(plan, seed=0), seed)
    policy: Policy = (
        pooled(CHANNELS, task.buffer) if task.buffer is not None else POLICIES[task.policy](CHANNELS)
    )
    books = Run(world, CHANNELS, policy, seed=seed, replies_lost=plan.replies_lost).play()
    return books, time.process_time() - begun


@lru_cache(maxsize=1)
def _world(plan: Plan, seed: str) -> World:
    return make_world(seed, CHANNELS, skus=plan.skus, buyers=plan.buyers, days=plan.days)


def _figures(plan: Plan, done: Done) -> dict[str, Any]:
    tried = [{"buffer": buffer, **shown(done.books["fixed", buffer])} for buffer in plan.buffers]
    policies = {name: shown(done.books[name, None]) for name in POLICIES}
    return {
        "seed": plan.seed,
        **verdict(policies, tried, shown(done.million), plan.strict_sales),
        "world": {**asdict(plan), "hours": plan.days * 24 * plan.weeks},
        "channels": {
            channel.name: {"share": channel.share, "figures": channel.sources} for channel in CHANNELS
        },
        "common_figures": COMMON_SOURCES,
    }


def shown(books: Books) -> dict[str, Any]:
    """The figures of one policy. *sales* are orders, all others units, but what says otherwise."""
    over = sum(books.oversold.values())
    return {
        "sales": books.orders,
        "units": books.units,
        "oversold": over,
        "oversold_per_10k_orders": round(10_000 * over / books.orders, 3) if books.orders else 0.0,
        "oversold_by_cause": {
            cause: books.oversold[cause] for cause in ("channel_lag", "our_lag", "crossing", "lost_reply")
        },
        "sell_through": round(books.sold_scarce / books.supplied_scarce, 5) if books.supplied_scarce else 0.0,
        "lost_listing_hours": round(books.lost_s / 3600, 1),
        "buyers_refused_though_units_were_free": books.refused_though_free,
        "writes": books.writes,
        "replies_lost": books.replies_lost,
        "events": books.events,
    }
