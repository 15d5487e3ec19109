"""Listings and their match to variants."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
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
MOST_UNITS = 1_000_000  # of a variant in one listing


@click.command()
@click.option(
    "--csv", "as_csv", is_flag=True, help="All listings as CSV, to edit and give back with --match."
)
@click.option(
    "--match",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
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
                await hub.wake.ring("catalog", merchants)
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

    wanted = read_matches(path)
    async with hub.database.transaction(merchants) as tx:
        known = await connections.linked_all(tx)
    unknown = {name for name, *_ in wanted} - {item.name for item in known}
    if unknown:
        raise UsageProblem(
            f"{path} names a connection that is not there: {min(unknown)!r}.", fix="Nothing was changed."
        )
    count = 0
    for merchant_id in merchants:
        ids = {item.name: item.connection_id for item in known if item.merchant_id == merchant_id}
        rows = [(ids[name], item, sku, units) for name, item, sku, units in wanted if name in ids]
        if rows:
            async with hub.database.transaction([merchant_id]) as tx:
                count += await listings.match_by_hand(tx, merchant_id, rows, hub.clock())
    await hub.wake.ring("relevel", merchants)
    return count


def read_matches(path: Path) -> list[tuple[str, str, str, int]]:
    """(connection, channel item, variant's SKU, units) of every line that names a variant; raises `UsageProblem`."""
    found: dict[tuple[str, str], tuple[str, str, str, int]] = {}
    for number, row in read_rows(path, ("connection", "channel_item_id", "variant")):
        units = row.get("units") or "1"
        if not row["variant"]:
            continue
        if not units.isdecimal() or not 1 <= int(units) <= MOST_UNITS:
            raise UsageProblem(
                f"Line {number} of {path}: units {units!r} is not a count.", fix="Nothing was changed."
            )
        # A listing at several locations has several lines.
        match = (row["connection"], row["channel_item_id"], row["variant"], int(units))
        if found.setdefault(match[:2], match) != match:
            raise UsageProblem(
                f"Line {number} of {path} matches a listing again, otherwise.", fix="Nothing was changed."
            )
    return list(found.values())


def read_rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and trimmed cells of each row of a CSV file; raises `UsageProblem` when it is not one."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="")
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise UsageProblem(
                    f"{path} has no column {missing[0]!r}.",
                    fix=f"Its first line names them: {','.join(columns)}.",
                )
            for row in reader:
                yield reader.line_num, {name: uninert((row[name] or "").strip()) for name in row if name}
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageProblem(f"{path} is not a CSV file in UTF-8 ({error}).") from None


def inert(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets a quote in front."""
    return f"'{value}" if isinstance(value, str) and _runs(value) else value


def uninert(value: str) -> str:
    """What `inert` wrote, back again."""
    return value[1:] if value[:1] == "'" and _runs(value) else value


def _runs(value: str) -> bool:
    """With or without quotes in front, so that text which has one of its own comes back as it was."""
    return value.lstrip("'")[:1] in ("=", "+", "-", "@", "\t", "\r")
