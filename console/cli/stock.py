"""`fairway stock`: what is on the shelves. What is done there and asked of it are commands in files of their own."""

from __future__ import annotations

import csv
import sys
from typing import Any

import click

from console.cli.catalog import inert
from console.cli.show import hub_here, print_json, print_table, run
from console.cli.table import Table

COLUMNS = ("sku", "title", "location", "on_hand", "reserved", "free", "quarantined", "incoming")

# name -> (module, function, one line for --help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "count": ("stock_move", "count", "Book what was found on the shelves, by a person or a warehouse."),
    "receive": ("stock_move", "receive", "Goods came in."),
    "expect": ("stock_move", "expect", "Goods are on their way."),
    "adjust": ("stock_move", "adjust", "There are more or fewer than was thought, and why."),
    "transfer": ("stock_move", "transfer", "Goods go from one location to another."),
    "quarantine": ("stock_move", "quarantine", "Goods are there but not to be sold, or may be after all."),
    "as-of": ("stock_history", "as_of", "What we thought was there at a moment, and what was."),
    "history": ("stock_history", "history", "The entries of the ledger for a SKU, down to their deliveries."),
    "buffers": (
        "stock_buffers",
        "buffers",
        "What the last units held back save and cost, from measured sales.",
    ),
    "kits": ("stock_kits", "kits", "Variants that are made of others: shown, defined, changed, taken back."),
    "rules": (
        "stock_rules",
        "rules",
        "What listings may sell of what is free: buffers, caps, quotas, backorders.",
    ),
    "why": ("stock_why", "why", "Every number between the shelf and what each channel shows."),
    "tag": ("stock_why", "tag", "Words for variants that rules may be about."),
    "retry": ("stock_why", "retry", "Tell channels once more what they refused."),
}


@click.group(cls=Table, commands=COMMANDS, invoke_without_command=True)
@click.option("--csv", "as_csv", is_flag=True)
@click.option("--limit", default=10_000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def stock(ctx: click.Context, as_csv: bool, limit: int, as_json: bool) -> None:
    """Show every variant with what is on hand, reserved and free; or do what a command below says."""
    if ctx.invoked_subcommand is not None:
        return
    rows = run(_levels(limit))
    if as_json:
        print_json({"stock": rows})
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: inert(value) for key, value in row.items()} for row in rows)
    else:
        print_table(rows, COLUMNS, empty="No stock yet. Count some: fairway stock count --file FILE.csv")


async def _levels(limit: int) -> list[dict[str, Any]]:
    from core.store import connections
    from core.store.stock import levels_of_stock

    async with hub_here() as hub:
        async with hub.database.transaction([]) as tx:
            merchants = await connections.merchant_ids(tx)
        async with hub.database.transaction(merchants) as tx:
            return await levels_of_stock(tx, limit)
