"""Black Friday down to the last unit: one crowd of buyers, four channels, and the same day for every policy."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from console.home import Home
from console.scenarios.cron import run_cron
from console.scenarios.crowd import CHANNELS, Plan
from console.scenarios.hub_day import POLICIES, run_day
from console.servers import Servers
from core.settings import read_settings
from core.store.migrate import migrate

SIDE_BY_SIDE = 2
MOST_PER_10K = 2.0
LEAST_SOLD = 0.98
BACKLOG_MINUTES = 10.0

Check = dict[str, Any]


async def friday(servers: Servers, home: Home, plan: Plan, tell: Callable[[str, float], None]) -> list[Check]:
    """Live the day once for each policy; returns the checks. Two processes work side by side."""
    places = {policy: await _database(servers, home, policy) for policy in POLICIES}
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(SIDE_BY_SIDE, mp_context=multiprocessing.get_context("spawn")) as pool:
        begun = {
            policy: loop.run_in_executor(pool, _one, policy, plan, places[policy], home.directory / policy)
            for policy in ("pooled_then_strict", "pooled", "fixed")
        }
        cron = asyncio.to_thread(run_cron, plan, lambda _share: None)
        waiting = asyncio.gather(cron, *begun.values())
        while not waiting.done():
            shares = [_share(home.directory / policy) for policy in begun]
            tell("Black Friday", sum(shares) / len(shares))
            await asyncio.wait([waiting], timeout=0.5)
        found = {day["policy"]: day for day in waiting.result()}
    return judge(found)


async def _database(servers: Servers, home: Home, policy: str) -> dict[str, str]:
    """An empty database of the policy's own, as the environment of a worker names it."""
    name = f"friday_{policy}"
    admin = await asyncpg.connect(servers.endpoints.database_url)
    await admin.execute(f"DROP DATABASE IF EXISTS {name}")
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    url = urlunsplit(urlsplit(servers.endpoints.database_url)._replace(path=f"/{name}"))
    await migrate(url, home.passwords)
    return home.environment(url, None, "fairway_worker")


def _one(policy: str, plan: Plan, place: dict[str, str], progress: Path) -> dict[str, Any]:
    import uvloop  # noqa: PLC0415 - in the process of its own

    def tell(share: float) -> None:
        progress.with_suffix(".share").write_text(f"{share:.4f}")

    settings = replace(read_settings(place), pull_every_s=60.0, catalog_every_s=1e6)
    return uvloop.run(run_day(policy, plan, settings, tell))


def _share(progress: Path) -> float:
    try:
        return float(progress.with_suffix(".share").read_text() or 0)
    except (FileNotFoundError, ValueError):
        return 0.0


def judge(days: Mapping[str, dict[str, Any]]) -> list[Check]:
    """The checks of what was lived. Rows without a wish are reported for comparison."""
    checks: list[Check] = []

    def add(name: str, want: str, got: Any, *, ok: bool = True) -> None:
        checks.append({"name": name, "want": want, "got": got, "ok": ok})

    strict, pooled = days["pooled_then_strict"], days["pooled"]
    add("strict for last units: oversold", "0", strict["oversold"], ok=strict["oversold"] == 0)
    add(
        "strict for last units: sell-through of hot SKUs",
        f">= {LEAST_SOLD}",
        strict["sell_through"],
        ok=strict["sell_through"] >= LEAST_SOLD,
    )
    add(
        "pooled: oversold per 10,000 orders",
        f"<= {MOST_PER_10K}",
        pooled["per_10k"],
        ok=pooled["per_10k"] <= MOST_PER_10K,
    )
    add(
        "pooled: oversold units explained to the second",
        str(pooled["oversold"]),
        pooled["explained"],
        ok=pooled["explained"] >= pooled["oversold"],
    )
    for policy in ("pooled_then_strict", "pooled"):
        day, minutes = days[policy], days[policy]["backlog_minutes"]
        add(f"{policy}: orders lost", "0", day["lost"], ok=day["lost"] == 0)
        add(
            f"{policy}: minutes to an empty backlog after the token",
            f"<= {BACKLOG_MINUTES}",
            minutes,
            ok=minutes is not None and minutes <= BACKLOG_MINUTES,
        )
        add(f"{policy}: invariants violated", "{}", day["violations"], ok=not day["violations"])
        for name in CHANNELS:
            add(f"{policy}: stop-sell p95 at {name}, seconds", "printed", day["stop_sell_p95_s"][name])
    for policy, day in days.items():
        add(f"{policy}: orders", "printed", day["orders"])
        add(f"{policy}: oversold", "printed", day["oversold"])
        add(f"{policy}: of them at the channel whose token was dead", "printed", day["oversold_at_dead"])
        add(f"{policy}: oversold per 10,000 orders, for comparison", "printed", day["per_10k"])
        add(f"{policy}: sell-through, for comparison", "printed", day["sell_through"])
    return checks


async def run_friday(
    servers: Servers, home: Home, seed: int, tell: Callable[[str, float], None], plan: Plan | None = None
) -> dict[str, Any]:
    """{"passed", "checks", "seconds"} of the day of *seed*."""
    begun = time.monotonic()
    checks = await friday(servers, home, plan or Plan(seed), tell)
    return {
        "passed": all(check["ok"] for check in checks),
        "checks": checks,
        "seconds": round(time.monotonic() - begun, 1),
    }
