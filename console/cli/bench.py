"""Measuring this machine."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from console.cli.show import print_json, run
from console.cli.table import Table

# name -> (module, function, one line for --help)
BENCHES = {
    "intake": ("bench_loads", "intake", "Webhooks stored for good, beside a bare echo and one INSERT each."),
    "loop": (
        "bench_loads",
        "loop",
        "From a webhook until two other shops show what is left, beside a typical team's.",
    ),
    "sustain": ("bench_loads", "sustain", "The same at a steady rate for minutes: backlog, waits, memory."),
    "stock": ("bench_stock", "stock", "One SKU that everybody buys, beside one UPDATE for each order."),
    "growth": (
        "bench_stock",
        "growth",
        "What an order costs with a million stored; a large catalogue read back.",
    ),
    "drain": ("bench", "drain", "Stored deliveries that become orders, with stock reserved."),
    "catchup": ("bench_catchup", "catchup", "After six hours dark, until orders and stock are true again."),
    "report": (
        "bench_report",
        "report",
        "Writes docs/performance.md, docs/sizing.md and the README's figures.",
    ),
}


@click.group(cls=Table, commands=BENCHES)
def bench() -> None:
    """Measure this machine. Figures of a busy machine are worth little: look at CPU per item."""


@click.command()
@click.option("--count", default=20_000, show_default=True, type=click.IntRange(100, 10_000_000))
@click.option("--json", "as_json", is_flag=True)
def drain(count: int, as_json: bool) -> None:
    """How fast COUNT stored deliveries become orders, with stock reserved."""
    numbers = run(_drain(count))
    if as_json:
        print_json(numbers)
        return
    click.echo(f"{numbers['per_s']} deliveries a second ({numbers['deliveries']} in {numbers['seconds']} s)")
    click.echo(f"{numbers['cpu_us']} us of CPU each, and {numbers['postgres_cpu_us']} us in PostgreSQL")
    click.echo(f"{numbers['machine']}, {numbers['at']}")


async def _drain(count: int) -> dict[str, Any]:
    from bench.drain import bench_drain
    from connectors import discover
    from console.home import Home
    from console.processes import collect_less_often
    from console.servers import run_servers
    from core.hub import open_hub
    from core.settings import read_settings
    from core.store.migrate import migrate

    collect_less_often()  # as a worker does
    with tempfile.TemporaryDirectory(prefix="fairway-bench-") as name:
        home = Home.open(Path(name))
        with run_servers(Path(name), log=lambda _: None) as servers:
            await migrate(servers.endpoints.database_url, home.passwords)
            environment = home.environment(servers.endpoints.database_url, None, "fairway_worker")
            async with open_hub(read_settings(environment), discover(), application="bench") as hub:
                pid = servers.postgres.pid if servers.postgres else 0
                return await bench_drain(hub, count, pid, lambda text: click.echo(text, file=sys.stderr))
