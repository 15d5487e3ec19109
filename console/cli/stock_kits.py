"""`fairway stock kits`: variants that are made of others. Shown, defined, changed and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from console.cli.catalog import read_rows
from console.cli.show import hub_here, print_json, print_table, run
from core.errors import Missing, UsageProblem

COLUMNS = ("kit", "made_of", "ready_made", "to_be_made")
CHANGE_COLUMNS = ("kit", "outcome", "before", "after")
FILE_COLUMNS = ("kit", "component", "units")

Wanted = dict[str, dict[str, int]]  # kit SKU -> component SKU -> units in one


@click.group(invoke_without_command=True)
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=f"CSV with {', '.join(FILE_COLUMNS)}: each kit in it becomes exactly that.",
)
@click.option("--dry-run", is_flag=True, help="Only say what the file would change.")
@click.option("--merchant", default="default", show_default=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def kits(ctx: click.Context, path: Path | None, dry_run: bool, merchant: str, as_json: bool) -> None:
    """Kits with what they are made of; or define them from a file, or by a command below.

    A kit sells what its components allow, each kit from one location, beside ready-made ones counted under its own SKU.
    """
    if ctx.invoked_subcommand is not None:
        if path or dry_run:
            raise click.UsageError("--file and --dry-run go without a command behind them.", ctx)
        return
    if path is not None:
        _define(read_kits(path), merchant, dry_run=dry_run, as_json=as_json)
    elif dry_run:
        raise click.UsageError("--dry-run goes with --file.", ctx)
    else:
        _list(merchant, as_json=as_json)


@kits.command("list")
@click.option("--merchant", default="default", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def list_command(merchant: str, as_json: bool) -> None:
    """Every kit with what it is made of and how many there are."""
    _list(merchant, as_json=as_json)


@kits.command("set")
@click.argument("kit")
@click.argument("components", nargs=-1, required=True, metavar="COMPONENT=UNITS...")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--merchant", default="default", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def set_command(kit: str, components: tuple[str, ...], dry_run: bool, merchant: str, as_json: bool) -> None:
    """Make KIT consist of exactly these components. Orders that have come keep what they reserved.

    Such as: fairway stock kits set GIFT-BOX MUG=2 TEA=1
    """
    parts: dict[str, int] = {}
    for text in components:
        sku, _, units = text.rpartition("=")
        _put(parts, sku, units, f"{text!r}")
    _define({kit: parts}, merchant, dry_run=dry_run, as_json=as_json)


@kits.command("remove")
@click.argument("kit", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--merchant", default="default", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def remove_command(kit: tuple[str, ...], dry_run: bool, merchant: str, as_json: bool) -> None:
    """Make each KIT a plain variant again, which sells only what is counted under its own SKU."""
    _define({sku: {} for sku in kit}, merchant, dry_run=dry_run, as_json=as_json)


def read_kits(path: Path) -> Wanted:
    """The kits of a CSV file with one line per component; raises `UsageProblem` naming the line that is wrong."""
    found: Wanted = {}
    for number, row in read_rows(path, FILE_COLUMNS):
        where = f"Line {number} of {path}"
        if not row["kit"]:
            raise UsageProblem(f"{where} names no kit.", fix="Nothing was changed.")
        _put(found.setdefault(row["kit"], {}), row["component"], row["units"], where)
    return found


def _put(parts: dict[str, int], sku: str, units: str, where: str) -> None:
    if not sku or not units.isdecimal() or len(units) > 9:
        raise UsageProblem(
            f"{where} is not a component with its units in one kit.",
            fix="Such as MUG=2; nothing was changed.",
        )
    if sku in parts:
        raise UsageProblem(f"{where} names {sku} again.", fix="Nothing was changed.")
    parts[sku] = int(units)


def _list(merchant: str, *, as_json: bool) -> None:
    from core.usecases.list_kits import list_kits

    async def work() -> list[dict[str, Any]]:
        async with hub_here() as hub:
            return [asdict(kit) for kit in await list_kits(hub, await _merchant(hub, merchant))]

    found = run(work())
    if as_json:
        print_json({"kits": found})
        return
    print_table(
        [{**kit, "kit": kit["sku"], "made_of": _words(kit["made_of"])} for kit in found],
        COLUMNS,
        empty="No kits. Define one: fairway stock kits set KIT COMPONENT=UNITS ...",
    )


def _define(wanted: Wanted, merchant: str, *, dry_run: bool, as_json: bool) -> None:
    from core.usecases.define_kits import define_kits

    async def work() -> list[dict[str, Any]]:
        async with hub_here() as hub:
            changes = await define_kits(hub, await _merchant(hub, merchant), wanted, dry_run=dry_run)
            return [{**asdict(change), "outcome": change.outcome} for change in changes]

    changes = run(work())
    if as_json:
        print_json({"dry_run": dry_run, "changes": changes})
        return
    rows = [
        {**change, "kit": change["sku"], "before": _words(change["before"]), "after": _words(change["after"])}
        for change in changes
    ]
    print_table(rows, CHANGE_COLUMNS, empty="The file names no kit.")
    for change in changes:
        if change["new"] and change["after"]:
            click.echo(
                f"No variant had the SKU {change['sku']} before: is it spelt as its listings are?", err=True
            )
    if dry_run:
        click.echo("Nothing was written: this was a dry run.", err=True)


async def _merchant(hub: Any, name: str) -> int:
    from core.store import connections

    async with hub.database.transaction([]) as tx:
        found: int | None = await connections.find_merchant(tx, name)
    if found is None:
        raise Missing(f"There is no merchant {name!r}.", fix="Name one with --merchant.")
    return found


def _words(parts: Mapping[str, int]) -> str:
    return " + ".join(f"{units} {sku}" for sku, units in parts.items()) or "-"
