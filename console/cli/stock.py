"""What is on the shelves."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click

from console.cli.catalog import inert, read_rows
from console.cli.show import hub_here, print_json, print_table, run
from core.errors import UsageProblem

COLUMNS = ("sku", "title", "location", "on_hand", "reserved", "free")


@click.command()
@click.option(
    "--count",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with sku and on_hand: a new count.",
)
@click.option("--merchant", default="default", show_default=True)
@click.option("--csv", "as_csv", is_flag=True)
@click.option("--limit", default=10_000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--json", "as_json", is_flag=True)
def stock(count: Path | None, merchant: str, as_csv: bool, limit: int, as_json: bool) -> None:
    """Show every variant with what is on hand, reserved and free; or book a count from a CSV file."""
    from core.store import connections
    from core.store.stock import levels_of_stock
    from core.usecases.count_stock import Counted, count_stock

    async def work() -> dict[str, Any]:
        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                merchants = await connections.merchant_ids(tx)
                mine = await connections.find_merchant(tx, merchant)
                if count and mine is None:
                    mine = await connections.add_merchant(tx, merchant, hub.settings.inbound, hub.clock())
            changed = None
            if count and mine is not None:
                counts = [Counted(sku, on_hand) for sku, on_hand in read_counts(count)]
                changed = await count_stock(hub, mine, counts, cause=f"count of {count.name}")
                merchants = sorted({*merchants, mine})
            async with hub.database.transaction(merchants) as tx:
                return {"changed": changed, "stock": await levels_of_stock(tx, limit)}

    found = run(work())
    if as_json:
        print_json(found)
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, COLUMNS)
        writer.writeheader()
        writer.writerows({key: inert(value) for key, value in row.items()} for row in found["stock"])
    else:
        if found["changed"] is not None:
            click.echo(f"{found['changed']} balances changed.", err=True)
        print_table(found["stock"], COLUMNS, empty="No stock yet. Count some: fairway stock --count FILE.csv")


def read_counts(path: Path) -> list[tuple[str, int]]:
    """(sku, on hand) from a CSV file; raises `UsageProblem` naming the line that is wrong, before anything is booked."""
    found: dict[str, int] = {}
    for number, row in read_rows(path, ("sku", "on_hand")):
        sku, on_hand = row["sku"], row["on_hand"]
        if not sku or not on_hand.isdecimal():
            raise UsageProblem(
                f"Line {number} of {path} is not a SKU with a whole number.",
                fix="Nothing was booked; the columns are sku,on_hand.",
            )
        if sku in found:
            raise UsageProblem(f"Line {number} of {path} counts {sku} again.", fix="Nothing was booked.")
        found[sku] = int(on_hand)
    return list(found.items())
