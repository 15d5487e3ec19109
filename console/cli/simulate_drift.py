"""`fairway simulate drift`: a table of every class, or one JSON object."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from console.cli.show import print_json, print_table, run
from console.servers.memory import throwaway

COLUMNS = ("class", "injected", "found", "classified_right", "healed", "heal_p95_s")


@click.command()
@click.option("--seed", default=7, show_default=True, help="The same seed, the same drifts and buyers.")
@click.option(
    "--drifts", default=1200, show_default=True, type=click.IntRange(1, 20_000), help="How many, at least."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def drift(seed: int, drifts: int, as_json: bool) -> int:
    """Inject drifts of every class at a running Shopify and a running WooCommerce shop, behind the back of a real hub.

    While orders are on their way, the shops are read back once. Every drift has to be found, 95 of 100 called what they
    are, 95 of 100 healed within five simulated minutes, and nothing healed that was none. Exit code 0 only then.
    """
    with throwaway("fairway-simulation-") as directory:
        found = run(_simulate(directory, seed, drifts))
    if as_json:
        print_json(found)
    else:
        _print(found)
    return 0 if found["passed"] else 1


async def _simulate(directory: Path, seed: int, drifts: int) -> dict[str, Any]:
    from console.cli.demo import Progressing
    from console.drift.run import run_drift
    from console.home import Home
    from console.servers import run_servers

    logging.basicConfig(filename=directory / "simulation.log", level=logging.WARNING, force=True)
    with run_servers(directory, log=lambda _text: None) as servers, Progressing() as tell:
        return await run_drift(servers, Home.open(directory), seed, drifts, tell)


def _print(found: dict[str, Any]) -> None:
    print_table(found["classes"], COLUMNS, empty="")
    for how, count in found["taken_for_another"].items():
        click.echo(f"Taken for another: {count} x {how}")
    for line in [*found["wrongly_healed"], *found["wrong"]]:
        click.echo(line)
    click.echo(
        f"{found['found']} of {found['injected']} found in one sweep with {found['orders_in_flight']} orders in flight, "
        f"{found['classified_right']} called what they are, {found['false_heals']} healed by mistake, "
        f"95 of 100 healed within {found['heal_p95_s']} s."
    )
    click.echo(f"{'Passed' if found['passed'] else 'NOT PASSED'} in {found['seconds']} s.")
