"""Benches of what does not come over the network: stock that everybody wants, and a store that grows."""

from __future__ import annotations

from typing import Any

import click

from console.cli.bench_loads import show_gates, show_machine
from console.cli.show import print_json, print_table, run


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 100), help="Of all in turn.")
@click.option(
    "--orders", default=3_000, show_default=True, type=click.IntRange(10, 100_000), help="In each round."
)
@click.option(
    "--sessions", default=64, show_default=True, type=click.IntRange(1, 80), help="That UPDATE at once."
)
@click.option("--json", "as_json", is_flag=True)
def stock(rounds: int, orders: int, sessions: int, as_json: bool) -> int:
    """One SKU that everybody buys: reserved a slice of orders at a time, beside one UPDATE for each order in the same
    server; and orders that all have it, beside orders spread over 500 SKUs.

    Ends with 1 only if a unit was oversold, or not exactly what was there was promised.
    """
    from console.bench.stock import Ask, bench_stock
    from console.cli.demo import Progressing
    from console.processes import collect_less_often

    collect_less_often()  # as a worker does
    with Progressing() as tell:
        found = run(bench_stock(Ask(rounds, orders, sessions), tell))
    if as_json:
        print_json(found)
    else:
        show_stock(found)
    return 1 if found["oversold"] or found["violations"] or not found["exact"] else 0


def show_stock(found: dict[str, Any]) -> None:
    """The table, what became of the last units, the gates."""
    rows = [
        ("one SKU, one UPDATE per order", "updates", 1.0),
        ("one SKU, balance and ledger by slices", "taken", found["ratio_to_update"]),
        ("one SKU, with lines and reservations kept", "slices", found["ratio_kept_to_update"]),
        (f"whole orders, spread over {found['skus']} SKUs", "spread", None),
        ("whole orders, one SKU in each", "hot", None),
    ]
    print_table(
        [
            {
                "what": what,
                "per s": found[name]["per_s"],
                "of UPDATE": share,
                "CPU us": found[name]["cpu_us"],
                "of it PostgreSQL": found[name]["postgres_cpu_us"],
                "bytes": found[name]["bytes"],
            }
            for what, name, share in rows
        ],
        ("what", "per s", "of UPDATE", "CPU us", "of it PostgreSQL", "bytes"),
        empty="",
    )
    last = found["sold_out"]
    ours, theirs = last["slices"], last["updates"]
    click.echo(
        f"{last['orders']} orders for {last['units']} units: slices promised {ours['held']}, {ours['short']} short, "
        f"{ours['oversold']} oversold; UPDATE promised {theirs['held']}, {theirs['free']} left, "
        f"{theirs['oversold']} oversold"
    )
    show_gates(found)
    click.echo(
        f"{found['sessions']} sessions UPDATE at once; {found['orders']} orders in each of {found['rounds']} rounds"
    )
    show_machine(found)


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 100), help="Of both in turn.")
@click.option(
    "--orders", default=1_000, show_default=True, type=click.IntRange(10, 100_000), help="In each round."
)
@click.option(
    "--stored",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(1_000, 100_000_000),
    help="Orders; a million needs about 10 GB on the disk, and minutes.",
)
@click.option(
    "--listings",
    default=100_000,
    show_default=True,
    type=click.IntRange(100, 1_000_000),
    help="Of each shop.",
)
@click.option("--json", "as_json", is_flag=True)
def growth(rounds: int, orders: int, stored: int, listings: int, as_json: bool) -> int:
    """What an order costs where many are stored, beside what it costs where 10,000 are; and the CPU it takes to read back
    what five shops show of so many listings each.

    Ends with 1 only if the books disagree or a count that is wrong at a shop was not found.
    """
    from console.bench.growth import Ask, bench_growth
    from console.cli.demo import Progressing
    from console.processes import collect_less_often

    collect_less_often()  # as a worker does
    with Progressing() as tell:
        found = run(bench_growth(Ask(rounds, orders, stored, listed=listings), tell))
    if as_json:
        print_json(found)
    else:
        show_growth(found)
    return 1 if found["violations"] or found["sweep"]["missed"] else 0


def show_growth(found: dict[str, Any]) -> None:
    """What an order costs on both sides and of what that is made, the sweep, the gates."""
    print_table(
        [
            {
                "orders stored": f"{side['stored']} to {side['stored_at_end']}",
                "CPU us": side["cpu_us"],
                "storing": side["store_us"],
                "draining": side["drain_us"],
                "its PostgreSQL": side["drain_postgres_us"],
                "per s": side["per_s"],
                "WAL bytes": side["wal_bytes"],
            }
            for side in (found["few"], found["many"])
        ],
        (
            "orders stored",
            "CPU us",
            "storing",
            "draining",
            "its PostgreSQL",
            "per s",
            "WAL bytes",
        ),
        empty="",
    )
    click.echo(f"{found['bytes_per_order']} bytes stored per order, its webhook and all indexes with it")
    swept = found["sweep"]
    click.echo(
        f"{swept['levels']} counts of {swept['channels']} shops read back in {swept['seconds']} s, with {swept['cpu_s']} s "
        f"of CPU ({swept['cpu_us_per_level']} us each; PostgreSQL {swept['postgres_cpu_s']} s of it)"
    )
    wrong = {kind: count for kind, count in swept["found"].items() if kind != "none"}
    click.echo(f"wrong counts found: {wrong or 'none'}, {swept['missed']} missed")
    show_gates(found)
    click.echo(f"{found['orders']} orders in each of {found['rounds']} rounds; queues empty, tables analyzed")
    show_machine(found)
