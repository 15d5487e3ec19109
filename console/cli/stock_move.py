"""The verbs of `fairway stock`: count, receive, expect, adjust, transfer, quarantine. One row from the command line, or
many from a CSV file; each can be tried first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from console.cli.catalog import read_rows
from console.cli.show import hub_here, run
from console.cli.stock_answer import answer, moment
from core.errors import UsageProblem
from core.rules.locations import Master
from core.usecases.book_units import Asked, Booked
from core.usecases.count_stock import Counted

NEGATIVE = {"ignore_unknown_options": True}  # so that -3 is a number of units


@dataclass(frozen=True, slots=True)
class Told:
    """What a person said: rows, and who, when, how they are booked."""

    rows: list[Asked]
    instants: list[datetime | None]
    verb: str
    merchant: str
    location: str | None
    reference: str
    source: str
    once: str
    actor: str
    dry_run: bool

    def op_key(self, now: datetime) -> str:
        """The same file or the same reference is one booking; a row that was typed is one each time."""
        return f"{self.verb}:{self.reference or self.once or now.isoformat()}"

    @property
    def cause(self) -> str:
        return self.reference or self.source


def verb(units: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds what all verbs have in common; *units* is the column of the CSV that has the number."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(
            (
                click.argument("sku", required=False),
                click.argument("units", required=False, type=int),
                click.option(
                    "--file",
                    "path",
                    type=click.Path(path_type=Path, exists=True, dir_okay=False),
                    help=f"CSV with sku, {units} and, where it matters, location.",
                ),
                click.option(
                    "--location", metavar="NAME", help="Where, for rows that do not say. Default: the first."
                ),
                click.option(
                    "--reference", default="", help="What it is booked for, such as a delivery note: once."
                ),
                click.option(
                    "--dry-run", is_flag=True, help="Show what would change, row by row; book nothing."
                ),
                click.option("--merchant", default="default", show_default=True),
                click.option("--json", "as_json", is_flag=True),
            )
        ):
            command = option(command)
        return command

    return add


def told(name: str, column: str, options: dict[str, Any]) -> Told:
    """What the command line says; raises `UsageProblem` naming the line of the file that is wrong."""
    import getpass

    path, sku, units, location = (options[key] for key in ("path", "sku", "units", "location"))
    if (path is None) == (sku is None) or (sku is not None and units is None):
        raise UsageProblem(f"Say what to {name}: SKU and UNITS, or --file with a CSV of them.")
    instants: list[datetime | None]
    if path is None:
        rows, instants, once = [Asked(sku, units, location)], [None], ""
    else:
        rows, instants = _read(path, column, location)
        said = (
            path.read_bytes(),
            location,
            options.get("to"),
            options.get("back"),
            options.get("quarantined"),
        )
        once = hashlib.sha256(repr(said).encode()).hexdigest()[:32]
    return Told(
        rows=rows,
        instants=instants,
        verb=name,
        merchant=options["merchant"],
        location=location,
        reference=options["reference"].strip(),
        source=f"{name} of {path.name}" if path else f"{name} by hand",
        once=once,
        actor=getpass.getuser(),
        dry_run=options["dry_run"],
    )


def _read(path: Path, column: str, location: str | None) -> tuple[list[Asked], list[datetime | None]]:
    rows, instants = [], []
    for number, row in read_rows(path, ("sku", column)):
        where = f"Line {number} of {path}"
        sign, digits = (row[column][:1] == "-", row[column].removeprefix("-"))
        if not row["sku"] or not digits.isdecimal():
            raise UsageProblem(
                f"{where} is not a SKU with a whole number.",
                fix=f"Nothing was booked; the columns are sku,{column}.",
            )
        units = -int(digits) if sign else int(digits)
        rows.append(Asked(row["sku"], units, row.get("location") or location, where))
        instants.append(moment(row["taken_at"]) if row.get("taken_at") else None)
    return rows, instants


def perform(
    name: str, column: str, options: dict[str, Any], book: Callable[[Any, int, Told, str], Awaitable[Booked]]
) -> int:
    """Have *book* do it in the hub here, and print what it did; the exit code."""
    said = told(name, column, options)

    async def work() -> Booked:
        from core.store import connections

        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                mine = await connections.find_merchant(tx, said.merchant)
                if mine is None:
                    mine = await connections.add_merchant(
                        tx, said.merchant, hub.settings.inbound, hub.clock()
                    )
            return await book(hub, mine, said, said.op_key(hub.clock()))

    return answer(run(work()), dry_run=said.dry_run, as_json=options["as_json"])


@click.command(context_settings=NEGATIVE)
@verb("on_hand")
@click.option(
    "--taken-at", metavar="TIME", help="When it was counted, for rows that do not say. Default: now."
)
@click.option("--snapshot", is_flag=True, help="These are the warehouse's own words.")
@click.option("--anyway", is_flag=True, help="Count what a warehouse is to count, until its next snapshot.")
def count(taken_at: str | None, snapshot: bool, anyway: bool, **options: Any) -> int:
    """Book what was found on the shelves: UNITS of SKU, or a CSV with sku, on_hand and, where it matters, location and
    taken_at.

    A count holds from when it was taken: what moved since is applied to it.

    Example: fairway stock count --file depot.csv --location Depot --snapshot --taken-at 2026-11-24T06:00Z
    """
    instant = moment(taken_at) if taken_at else None

    async def book(hub: Any, merchant_id: int, said: Told, op_key: str) -> Booked:
        from core.usecases.count_stock import count_stock

        counts = [
            Counted(row.sku, row.units, row.location, at or instant, row.where)
            for row, at in zip(said.rows, said.instants, strict=True)
        ]
        return await count_stock(
            hub,
            merchant_id,
            counts,
            cause=said.cause,
            actor=(said.location or "warehouse") if snapshot else said.actor,
            op_key=op_key if said.reference else "",
            word_of=Master.WAREHOUSE if snapshot else None,
            anyway=anyway,
            dry_run=said.dry_run,
        )

    return perform("count", "on_hand", options, book)


@click.command()
@verb("units")
@click.option("--expected", is_flag=True, help="They were expected: that many fewer are now.")
def receive(expected: bool, **options: Any) -> int:
    """Goods came in: UNITS of SKU, or a CSV of them.

    Example: fairway stock receive --file note-4711.csv --reference 4711 --expected
    """

    async def book(hub: Any, merchant_id: int, said: Told, op_key: str) -> Booked:
        from core.usecases.receive_stock import receive_stock

        return await receive_stock(
            hub,
            merchant_id,
            said.rows,
            cause=said.cause,
            op_key=op_key,
            actor=said.actor,
            expected=expected,
            dry_run=said.dry_run,
        )

    return perform("receive", "units", options, book)


@click.command(context_settings=NEGATIVE)
@verb("units")
def expect(**options: Any) -> int:
    """Goods are on their way: UNITS of SKU (below zero: they will not come after all), or a CSV of them."""

    async def book(hub: Any, merchant_id: int, said: Told, op_key: str) -> Booked:
        from core.usecases.expect_stock import expect_stock

        return await expect_stock(
            hub,
            merchant_id,
            said.rows,
            cause=said.cause,
            op_key=op_key,
            actor=said.actor,
            dry_run=said.dry_run,
        )

    return perform("expect", "units", options, book)


@click.command(context_settings=NEGATIVE)
@verb("units")
@click.option("--why", required=True, help="The reason, which the ledger keeps.")
@click.option("--quarantined", is_flag=True, help="Of what is in quarantine, not of what is on the shelf.")
@click.option("--even-reserved", is_flag=True, help="Take what is promised to orders: they will be short.")
@click.option("--anyway", is_flag=True, help="At a warehouse, until its next snapshot.")
def adjust(why: str, quarantined: bool, even_reserved: bool, anyway: bool, **options: Any) -> int:
    """There are UNITS more (below zero: fewer) of SKU than was thought; or a CSV of them.

    Example: fairway stock adjust MUG -3 --why "fell down"
    """

    async def book(hub: Any, merchant_id: int, said: Told, op_key: str) -> Booked:
        from core.usecases.adjust_stock import adjust_stock

        return await adjust_stock(
            hub,
            merchant_id,
            said.rows,
            why=why,
            op_key=op_key,
            actor=said.actor,
            quarantined=quarantined,
            even_reserved=even_reserved,
            anyway=anyway,
            dry_run=said.dry_run,
        )

    return perform("adjust", "units", options, book)


@click.command()
@verb("units")
@click.option("--to", required=True, metavar="NAME", help="The location they go to.")
@click.option("--even-reserved", is_flag=True, help="Take what is promised to orders: they will be short.")
def transfer(to: str, even_reserved: bool, **options: Any) -> int:
    """UNITS of SKU go from one location to another; or a CSV of them, whose location is where they leave.

    Example: fairway stock transfer MUG 20 --location Main --to Depot
    """

    async def book(hub: Any, merchant_id: int, said: Told, op_key: str) -> Booked:
        from core.usecases.transfer_stock import transfer_stock

        return await transfer_stock(
            hub,
            merchant_id,
            said.rows,
            to=to,
            cause=said.cause,
            op_key=op_key,
            actor=said.actor,
            even_reserved=even_reserved,
            dry_run=said.dry_run,
        )

    return perform("transfer", "units", options | {"to": to}, book)


@click.command()
@verb("units")
@click.option("--why", default="", help="The reason, which the ledger keeps.")
@click.option("--back", is_flag=True, help="They may be sold after all.")
@click.option("--even-reserved", is_flag=True, help="Take what is promised to orders: they will be short.")
def quarantine(why: str, back: bool, even_reserved: bool, **options: Any) -> int:
    """UNITS of SKU are there but not to be sold; or a CSV of them."""

    async def book(hub: Any, merchant_id: int, said: Told, op_key: str) -> Booked:
        from core.usecases.quarantine_stock import quarantine_stock

        return await quarantine_stock(
            hub,
            merchant_id,
            said.rows,
            why=why.strip() or said.cause,
            op_key=op_key,
            actor=said.actor,
            back=back,
            even_reserved=even_reserved,
            dry_run=said.dry_run,
        )

    return perform("quarantine", "units", options | {"back": back}, book)
