"""Chaos as a command: what strikes as it strikes, then a table of it and the books; one JSON object for programs."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.show import as_json as shown
from console.cli.show import print_json, print_table, run

if TYPE_CHECKING:
    from console.chaos.people import Run


@click.command()
@click.option(
    "--seed", default=1, show_default=True, help="The same seed, the same buyers and the same strikes."
)
@click.option(
    "--minutes",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.1, 600.0),
    help="For how long it strikes.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option("--keep", is_flag=True, help="Leave the directory with the logs, also when nothing was wrong.")
def chaos(*, seed: int, minutes: float, as_json: bool, keep: bool) -> int:
    """Strike everything the hub is made of while buyers buy, then compare the books.

    Two webs, three workers, PostgreSQL, Valkey, two shops and a carrier: killed, stopped past their leases, emptied, cut
    off, slowed down, their clocks set wrong, their disk full; webhooks come five times, shuffled, a day late or never, and
    a fifth of all answers is lost. Exit 0 only when no order is lost, nothing happened twice and every count is right.
    """
    directory = Path(tempfile.mkdtemp(prefix="fairway-chaos-"))
    directory.chmod(0o711)
    done = False
    try:
        numbers = run(_strike(directory, seed, minutes))
        done = bool(numbers["passed"])
        (directory / "wrong.json").write_text(shown(numbers.pop("stories")), "utf-8")
    finally:
        if keep or not done:
            click.echo(f"The logs are in {directory}.", err=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    if as_json:
        print_json(numbers)
    else:
        print_numbers(numbers)
    if not done:
        explain(numbers)
    return 0 if done else 1


async def _strike(directory: Path, seed: int, minutes: float) -> dict[str, Any]:
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
    return {**numbers, "skipped": skipped}


WORDS = (
    ("faults", "faults"),
    ("acked", "different webhooks that were answered 200"),
    ("orders", "orders stored"),
    ("called_off", "of them cancelled by their buyers"),
    ("lost", "orders, units or acknowledged webhooks lost"),
    ("duplicated", "orders or units doubled"),
    ("duplicate_effects", "things that happened twice at a shop or the carrier"),
    ("wrong_states", "orders that are cancelled for one side only"),
    ("tracking_missing", "parcels that a shop does not know of, or whose way is not known"),
    ("wrong_levels", "listings that show a wrong count at the end"),
    ("invariants_violated", "invariants violated"),
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
