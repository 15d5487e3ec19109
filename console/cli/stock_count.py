"""`fairway stock count`: a CSV of what was found becomes the balance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from console.cli.catalog import read_rows
from console.cli.show import hub_here, print_json, run
from core.errors import UsageProblem


@click.command()
@click.option(
    "--file",
    "path",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with sku and on_hand.",
)
@click.option("--merchant", default="default", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def count(path: Path, merchant: str, as_json: bool) -> None:
    """Book a count from a CSV file with the columns sku and on_hand."""
    from core.store import connections
    from core.store.stock import levels_of_stock
    from core.usecases.count_stock import Counted, count_stock

    counts = [Counted(sku, on_hand) for sku, on_hand in read_counts(path)]

    async def work() -> dict[str, Any]:
        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                mine = await connections.find_merchant(tx, merchant)
                if mine is None:
                    mine = await connections.add_merchant(tx, merchant, hub.settings.inbound, hub.clock())
            changed = await count_stock(hub, mine, counts, cause=f"count of {path.name}")
            async with hub.database.transaction([mine]) as tx:
                return {"changed": changed, "stock": await levels_of_stock(tx, 10_000)}

    found = run(work())
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['changed']} balances changed. See `fairway stock`.", err=True)


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
