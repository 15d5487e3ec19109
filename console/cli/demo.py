"""The demo as a command: progress for people, one JSON object for programs."""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli.show import print_json, run

if TYPE_CHECKING:
    from console.demo.story import Plan


@click.command()
@click.option("--orders", default=500, show_default=True, type=click.IntRange(10, 1_000_000))
@click.option("--seed", default=7, show_default=True, help="The same seed, the same buyers.")
@click.option("--headless", is_flag=True, help="No status page.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option("--chaos", is_flag=True, help="Kill everything now and then, and lose a fifth of all answers.")
@click.option("--without-valkey", is_flag=True, help="Stop Valkey first: nothing ever rings.")
@click.option("--keep", is_flag=True, help="Leave the demo's directory for a look at its logs.")
def demo(
    orders: int, seed: int, headless: bool, as_json: bool, chaos: bool, without_valkey: bool, keep: bool
) -> int:
    """A Shopify and a WooCommerce shop share the stock of 200 variants; buyers buy on both, and EasyPost follows every
    parcel.

    Every webhook comes twice, one in ten never, one in twenty with a wrong signature. At the end the books of the
    shops and the carrier are compared with the hub's. Exit 0 only when they balance.
    """
    from console.demo.story import Plan

    if chaos and without_valkey:
        raise click.UsageError("--chaos kills Valkey by itself now and then; give one of the two.")
    plan = Plan(orders, seed, chaos=chaos, valkey=not without_valkey)
    directory = Path(tempfile.mkdtemp(prefix="fairway-demo-"))
    directory.chmod(0o711)
    try:
        numbers = run(_demo(directory, plan, headless=headless))
    finally:
        if keep:
            click.echo(f"The demo's directory is {directory}.", err=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    if as_json:
        print_json(numbers)
    else:
        _print(numbers)
    return 0 if numbers["passed"] else 1


async def _demo(directory: Path, plan: Plan, *, headless: bool) -> dict[str, Any]:
    from console.cli.serve import status_page
    from console.demo.story import tell_story
    from console.home import Home
    from console.servers import run_servers

    logging.basicConfig(filename=directory / "demo.log", level=logging.WARNING, force=True)
    home = Home.open(directory)
    with run_servers(directory, log=_quiet) as servers:

        @asynccontextmanager
        async def pages() -> AsyncIterator[None]:
            if headless:
                yield
                return
            async with status_page(home, servers.endpoints.database_url, 0) as address:
                click.echo(f"Look while it runs: {address}", err=True)
                yield

        with Progressing() as tell:
            return await tell_story(servers, home, plan, tell=tell, pages=pages)


def _quiet(_text: str) -> None:
    """The servers' own lines are in their logs."""


class Progressing:
    """A bar on a terminal, nothing elsewhere."""

    def __enter__(self) -> Any:
        if not sys.stderr.isatty():
            return lambda _what, _share: None
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._bar.start()
        task = self._bar.add_task("starting", total=1.0)
        return lambda what, share: self._bar.update(task, description=what, completed=share)

    def __exit__(self, *_failure: object) -> None:
        if hasattr(self, "_bar"):
            self._bar.stop()


WORDS = (
    ("sent", "webhooks that reached the hub's door (each twice)"),
    ("never_sent", "webhooks that never came"),
    ("accepted", "accepted"),
    ("rejected", "turned away: wrong signature"),
    ("deduplicated", "known already"),
    ("orders", "orders stored, each once"),
    ("holds", "of them on hold, with the reason"),
    ("parked", "deliveries parked"),
    ("stock_pushes", "counts written to the shops"),
    ("tracking_pushes", "parcels that their shops know of"),
    ("tracking_missing", "parcels that a shop does not know of, or whose way is not known"),
    ("duplicate_effects", "things that happened twice at a shop or the carrier"),
    ("propagation_p95_ms", "ms from a sale to the other shop's new count, 95 of 100"),
    ("lost", "orders or units lost"),
    ("duplicated", "orders or units doubled"),
    ("oversold", "units sold by both shops at once"),
    ("oversold_explained", "of them explained to the order that was faster"),
    ("wrong_levels", "listings that show a wrong count at the end"),
    ("invariants_violated", "invariants violated"),
    ("memory_mb", "MB of memory for web and worker"),
    ("seconds", "seconds"),
)


def _print(numbers: dict[str, Any]) -> None:
    for name, text in WORDS:
        click.echo(f"{numbers[name]:>8}  {text}")
    click.echo("The books balance." if numbers["passed"] else "THE BOOKS DO NOT BALANCE.")
