"""Scenarios as a command: a day in simulated time, judged by the channels' books."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from console.cli.show import print_json, print_table, run
from console.servers.memory import throwaway
from core.errors import UsageProblem

SCENARIOS = {
    "friday": "Black Friday down to the last unit: six hours, 24,000 orders, four channels, one dead token, four policies.",
}


@click.command()
@click.argument("name", required=False)
@click.option("--seed", default=7, show_default=True, help="The same seed, the same buyers.")
@click.option(
    "--orders", type=click.IntRange(100, 1_000_000), help="Another size of the day, for a quick look."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def scenario(name: str | None, seed: int, orders: int | None, as_json: bool) -> int:
    """Live through the scenario NAME with a real hub; without a name, list what there is.

    Exit code 0 only when every check holds. A figure that is not reached is printed as it is.
    """
    if name is None:
        rows = [{"name": one, "what": text} for one, text in SCENARIOS.items()]
        if as_json:
            print_json(rows)
        else:
            for row in rows:
                click.echo(f"{row['name']:10}  {row['what']}")
        return 0
    if name not in SCENARIOS:
        raise UsageProblem(f"There is no scenario {name!r}.", fix=f"There is {', '.join(SCENARIOS)}.")
    with throwaway("fairway-scenario-") as directory:
        found = run(_live(directory, seed, orders))
    if as_json:
        print_json(found)
    else:
        print_table(found["checks"], ("ok", "name", "want", "got"), empty="")
        click.echo(f"{'Passed' if found['passed'] else 'NOT PASSED'} in {found['seconds']} s.")
    return 0 if found["passed"] else 1


async def _live(directory: Path, seed: int, orders: int | None) -> dict[str, Any]:
    from console.cli.demo import Progressing
    from console.home import Home
    from console.scenarios.crowd import Plan
    from console.scenarios.friday import run_friday
    from console.servers import run_servers

    logging.basicConfig(filename=directory / "scenario.log", level=logging.WARNING, force=True)
    plan = Plan(seed) if orders is None else _smaller(Plan(seed), orders)
    with run_servers(directory, log=lambda _text: None) as servers, Progressing() as tell:
        return await run_friday(servers, Home.open(directory), seed, tell, plan)


def _smaller(plan: Any, orders: int) -> Any:
    """The same kind of day with fewer buyers: SKUs and hours shrink with them."""
    from dataclasses import replace

    share = orders / plan.orders
    return replace(
        plan,
        orders=orders,
        hours=max(0.1, plan.hours * share),
        hot=max(3, round(plan.hot * share)),
        others=max(3, round(plan.others * share)),
        dead_minutes=max(3.0, plan.dead_minutes * share),
    )
