"""What a hub needs for so many orders: arithmetic from what one order cost. Measures nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DAY_S = 86_400
# What a planner leaves free: queues grow without end as a core comes to be fully used.
USED = 0.5
# Examples that a reader replaces with prices of their own.
CORE_HOUR, GB_MONTH, MONTHS = 0.04, 0.12, 12


@dataclass(frozen=True, slots=True)
class Cost:
    """What one order cost: microseconds of CPU of all processes, bytes stored, calls to two other shops."""

    cpu_us: float
    bytes: float
    calls: float

    def per_core_day(self, used: float = USED) -> float:
        """Orders in a day that one core carries, *used* of it at most."""
        return used * DAY_S * 1e6 / self.cpu_us

    def gb_per_million(self) -> float:
        """Disk in 10^9 bytes for a million orders, indexes included."""
        return self.bytes * 1e6 / 1e9

    def core_hours(self, orders: float, used: float = USED) -> float:
        """Core-hours to pay for *orders*, of which *used* is used."""
        return orders * self.cpu_us / 1e6 / 3600 / used

    def price(
        self, orders: float, core_hour: float, gb_month: float, months: float, used: float = USED
    ) -> float:
        """What *orders* cost with cores at *core_hour* and a GB kept for *months* at *gb_month*, in their currency."""
        return (
            self.core_hours(orders, used) * core_hour
            + self.gb_per_million() * orders / 1e6 * gb_month * months
        )


def cost_of(loop: Mapping[str, Any] | None) -> Cost | None:
    """What an order cost in a run of `bench loop`; None where CPU or bytes were not measured."""
    if loop is None or not loop.get("cpu_us_per_order") or not loop.get("bytes_per_order"):
        return None
    calls = loop.get("push_calls_per_order") or 0
    return Cost(float(loop["cpu_us_per_order"]), float(loop["bytes_per_order"]), float(calls))


def document(loop: Mapping[str, Any] | None, catchup: Mapping[str, Any] | None, by_hand: str) -> str:
    """docs/sizing.md."""
    return "\n".join(["# Sizing", "", by_hand, "", *_cost(loop), "", *_limits(catchup), "", *_GROWING]) + "\n"


def _cost(loop: Mapping[str, Any] | None) -> list[str]:
    cost = cost_of(loop)
    lines = ["## What an order costs", ""]
    if cost is None or loop is None:
        return [*lines, "Not measured: `fairway bench report --run loop` measures it here."]
    price = cost.price(10_000, CORE_HOUR, GB_MONTH, MONTHS)
    return [
        *lines,
        f"From `fairway bench loop` ({loop['machine']}, {loop['at']}): order, history, reservation, ledger and the",
        f"levels of two other shops. {USED:.0%} of a core is planned for; the rest is for bursts, vacuum and backups.",
        "",
        f"- CPU of all processes and PostgreSQL: {cost.cpu_us:,.0f} µs per order.",
        f"  {USED:g} x 86,400 s / {cost.cpu_us:,.0f} µs = **{cost.per_core_day():,.0f} orders a day per core**.",
        f"- Disk, indexes included: {cost.bytes:,.0f} bytes per order.",
        f"  **{cost.gb_per_million():,.1f} GB per million orders**; write-ahead log and backups come on top.",
        f"- Calls to two other shops: {cost.calls:.3g} per order at full speed, {cost.calls * 1e4:,.0f} per 10,000.",
        "  The slower orders come, the fewer can be joined: at most about one per order and shop.",
        "",
        "### Per 10,000 orders",
        "",
        f"`10,000 x CPU / 3,600 s / {USED:g} x price of a core-hour`",
        "`+ 10,000 x bytes / 10^9 x months kept x price of a GB-month`.",
        "",
        f"With {CORE_HOUR:g} for a core-hour and {GB_MONTH:g} for a GB-month, which are assumptions to be replaced, and",
        f"{MONTHS} months: {cost.core_hours(10_000):.4f} core-hours, {cost.gb_per_million() / 100:.3f} GB, **{price:.4f}**.",
        "A machine that stands idle is paid for all the same: below its capacity, its price is the price.",
    ]


def _limits(catchup: Mapping[str, Any] | None) -> list[str]:
    lines = ["## What channels let through", ""]
    if catchup is None:
        return [*lines, "Not measured: `fairway bench report --run catchup` computes it."]
    lines += [
        "Long before a core is busy a channel's own limit is. One account of each channel takes at most:",
        "",
        "| channel | counts a second | orders read a second |",
        "|---|---|---|",
    ]
    lines += [
        f"| {row['channel']} | {_rate(row['counts_per_s'])} | {_rate(row['orders_per_s'])} |"
        for row in catchup["channels"]
    ]
    return [
        *lines,
        "",
        "How long six dark hours take to make good is in [performance.md](performance.md#catchup).",
    ]


def _rate(per_s: Any) -> str:
    return f"{float(per_s):,.0f}" if per_s >= 100 else f"{float(per_s):g}"


_GROWING = [
    "## How to grow",
    "",
    "1. **More processes on one machine.** Any number of `fairway web` and `fairway worker` beside each other: work is",
    "   claimed in the database, rate budgets are shared. [performance.md](performance.md#loop-processes) says what two",
    "   of each gain.",
    "2. **PostgreSQL on a machine of its own.** Set `DATABASE_URL`. How much of an order's CPU goes there is the row",
    "   `cpu us` in [performance.md](performance.md#loop).",
    "3. **Web and workers on more machines**, with the same keys, `DATABASE_URL` and `REDIS_URL`. Clocks may differ: all go",
    "   by the database's. `FAIRWAY_QUEUES` gives each worker merchants that it serves first.",
    "   [deploy/README.md](../deploy/README.md) says how, and how to restart one process after the other.",
    "",
    "What is not built: no query is answered by a read replica, and tables are not partitioned, so one PostgreSQL carries",
    "every merchant of a hub. Merchants that outgrow it need a second hub. Tables lead with the merchant in their keys,",
    "and the tests of the store and the use cases also run with all of them in partitions by merchant, which is what a",
    "spread over several servers would need; no figure of such a spread is claimed here.",
]
