"""One chaos run: what strikes is shown as it strikes, then a table of it, then the books."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.chaos.counted import COUNTED
from console.cli.show import as_json, print_table

if TYPE_CHECKING:
    from console.chaos.people import Run


async def strike(directory: Path, seed: int, minutes: float) -> dict[str, Any]:
    """Strike for *minutes*; returns the numbers. The whole story of what was wrong is in *directory*/wrong.json."""
    from console.chaos.people import Plan
    from console.chaos.story import tell_chaos
    from console.chaos.tools import Clocks, Disk, find_clocks, small_disk
    from console.cli.demo import Progressing
    from console.home import Home
    from console.servers import run_servers

    logging.basicConfig(filename=directory / "chaos.log", level=logging.WARNING, force=True)
    home = Home.open(directory)
    clocks = find_clocks(directory)
    with small_disk(directory / "postgres") as disk:
        skipped = [one for one in (clocks, disk) if isinstance(one, str)]
        for sentence in skipped:
            click.echo(f"Skipped: {sentence}.", err=True)
        preloaded = clocks.before("PostgreSQL") if isinstance(clocks, Clocks) else ()
        with (
            run_servers(directory, log=lambda _text: None, before_postgres=preloaded) as servers,
            Progressing() as bar,
        ):

            def tell(gone_s: float, told: Run, orders: int, what: str) -> None:
                share = min(1.0, gone_s / (minutes * 60.0))
                bar(f"{gone_s:4.0f} s  {len(told.struck)} faults  {orders} orders  {what}", share)

            numbers = await tell_chaos(
                servers,
                home,
                Plan(seed, minutes),
                clocks=clocks if isinstance(clocks, Clocks) else None,
                disk=disk if isinstance(disk, Disk) else None,
                tell=tell,
            )
    if isinstance(clocks, Clocks):
        clocks.sweep()
    (directory / "wrong.json").write_text(as_json(numbers.pop("stories")), "utf-8")
    return {**numbers, "skipped": skipped}


WORDS = (
    ("faults", "faults"),
    ("acked", "different webhooks that were answered 200"),
    ("orders", "orders stored"),
    ("called_off", "of them cancelled by their buyers"),
    *COUNTED,
    ("seconds", "seconds"),
)


def print_numbers(numbers: dict[str, Any]) -> None:
    """A table of what struck, then the books."""
    from console.chaos.schedule import FAULTS

    rows = [
        {
            "fault": kind,
            "times": numbers["faults_by_kind"].get(kind, 0),
            "what": fault.does,
            "to": ", ".join(sorted({one["target"] for one in numbers["strikes"] if one["fault"] == kind})),
        }
        for kind, fault in FAULTS.items()
    ]
    print_table(rows, ("fault", "times", "what", "to"), empty="")
    for name, text in WORDS:
        click.echo(f"{numbers[name]:>8}  {text}")
    click.echo("The books balance." if numbers["passed"] else "THE BOOKS DO NOT BALANCE.")


def explain(numbers: dict[str, Any]) -> None:
    """What was wrong, and how to see it again."""
    for name in ("stuck", "left", "violations", "wrong"):
        if numbers[name]:
            click.echo(f"{name}: {numbers[name]}", err=True)
    again = f"./fairway chaos --seed {numbers['seed']} --minutes {numbers['minutes']:g} --keep"
    click.echo(f"Seed {numbers['seed']} failed. Run it again: {again}", err=True)
    click.echo("A seed that fails is kept as a test (tests/e2e/test_chaos.py).", err=True)
