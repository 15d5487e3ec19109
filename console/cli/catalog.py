"""Listings and their match to variants."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click

from console.cli.show import hub_here, print_json, print_table, run
from core.errors import UsageProblem

COLUMNS = (
    "connection",
    "channel_item_id",
    "sku",
    "variant",
    "units",
    "title",
    "tracked",
    "bundle",
    "desired",
    "confirmed",
)


@click.command()
@click.option(
    "--csv", "as_csv", is_flag=True, help="All listings as CSV, to edit and give back with --match."
)
@click.option(
    "--match",
    type=click.Path(path_type=Path, exists=True),
    help="CSV with connection, channel_item_id, variant, units.",
)
@click.option("--refresh", is_flag=True, help="Ask the channels for their catalogues now.")
@click.option("--json", "as_json", is_flag=True)
def catalog(as_csv: bool, match: Path | None, refresh: bool, as_json: bool) -> None:
    """Listings with their match by SKU, and a report of blank and duplicate SKUs."""
    from core.store import connections, listings, schedule

    async def work() -> dict[str, Any]:
        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                merchants = await connections.merchant_ids(tx)
            matched = await _match(hub, merchants, match) if match else None
            async with hub.database.transaction(merchants) as tx:
                if refresh:
                    known = await connections.linked_all(tx)
                    pairs = [(item.merchant_id, item.connection_id) for item in known]
                    await schedule.ring(tx, "catalog", pairs, hub.clock())
                rows = await listings.catalog_rows(tx)
                report = await listings.match_report(tx, None)
            if refresh:
                await hub.wake.ring("catalog")
            return {"matched_now": matched, **report, "rows": rows}

    found = run(work())
    if as_csv:
        writer = csv.DictWriter(sys.stdout, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: inert(value) for key, value in row.items()} for row in found["rows"])
        return
    if as_json:
        print_json(found)
        return
    print_table(
        found["rows"], COLUMNS, empty="No listing is known yet. Link an account with `fairway connect`."
    )
    for name, text in (("blank_sku", "without a SKU"), ("duplicate_sku", "whose SKU is given twice")):
        if found[name]:
            click.echo(f"{len(found[name])} listings {text}: match them with --csv and --match.", err=True)


async def _match(hub: Any, merchants: list[int], path: Path) -> int:
    from core.store import connections, listings

    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    count = 0
    for merchant_id in merchants:
        async with hub.database.transaction([merchant_id]) as tx:
            ids = {item.name: item.connection_id for item in await connections.linked_all(tx)}
            wanted = []
            for number, row in enumerate(rows, 2):
                if not row.get("variant") or row.get("connection") not in ids:
                    continue
                units = (row.get("units") or "1").strip()
                if not units.isdecimal() or int(units) < 1:
                    raise UsageProblem(
                        f"Line {number} of {path}: units {units!r} is not a count.",
                        fix="Nothing was changed.",
                    )
                wanted.append(
                    (ids[row["connection"]], row["channel_item_id"], uninert(row["variant"]), int(units))
                )
            if wanted:
                count += await listings.match_by_hand(tx, merchant_id, wanted, hub.clock())
    await hub.wake.ring("relevel")
    return count


def inert(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets a quote in front."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def uninert(value: str) -> str:
    """What `inert` wrote, back again."""
    return value[1:] if value[:1] == "'" and value[1:2] in ("=", "+", "-", "@", "\t", "\r") else value
