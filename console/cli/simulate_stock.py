"""`fairway simulate stock`: what a season of sales makes of each way of sharing stock, over the hub's own rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from console.cli.show import print_json, print_table


@click.command()
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help="Another world for each number."
)
@click.option(
    "--weeks",
    default=2,
    show_default=True,
    type=click.IntRange(1, 50),
    help="Weeks all policies are tried in.",
)
@click.option(
    "--strict-sales",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(1, 100_000_000),
    help="The strict policy goes on alone until it has sold so often.",
)
@click.option(
    "--plot", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Write a picture (SVG)."
)
@click.option("--json", "as_json", is_flag=True)
def stock(seed: int, weeks: int, strict_sales: int, picture: Path | None, as_json: bool) -> int:
    """What each way of sharing stock oversells, leaves unsold, and keeps off the channels, for the same buyers.

    Exit 1 when something that was to be shown was not; the answer then says why.
    """
    from console.cli.demo import Progressing
    from console.simulate.plot import plot
    from console.simulate.stock import Plan, simulate_stock
    from core.errors import UsageProblem

    if picture is not None and not picture.parent.is_dir():
        raise UsageProblem(
            f"There is no folder {picture.parent}.", fix="Name a file in a folder that exists."
        )
    with Progressing() as tell:
        found = simulate_stock(Plan(seed=seed, weeks=weeks, strict_sales=strict_sales), tell=tell)
    if picture is not None:
        picture.write_text(plot(found), encoding="utf-8")
    if as_json:
        print_json(found)
    else:
        _tell(found)
    return 0 if found["passed"] else 1


def _tell(found: dict[str, Any]) -> None:
    policies = {**found["policies"], "strict": found["policies"]["strict"]["same_buyers"]}
    rows = [
        _row(name if name != "fixed" else f"fixed, {each['buffer']}", each) for name, each in policies.items()
    ]
    rows += [
        _row(f"fixed, {each['buffer']}", each)
        for each in found["fixed_tried"]
        if each["buffer"] != found["policies"]["fixed"]["buffer"]
    ]
    print_table(rows, list(rows[0]), empty="")
    click.echo(f"(best fixed buffer: {found['fixed_best_by']})")
    for check in found["checks"]:
        click.echo(
            f"{'ok  ' if check['ok'] else 'NOT '} {check['name']}: {check['got']} (want {check['want']})"
        )
    for sentence in found["explained"]:
        click.echo(f"     {sentence}")
    click.echo(f"{found['seconds']} s, {found['events_per_cpu_s']:,} events for each second of CPU")


def _row(name: str, each: dict[str, Any]) -> dict[str, Any]:
    causes = each["oversold_by_cause"]
    return {
        "policy": name,
        "sales": each["sales"],
        "oversold": each["oversold"],
        "per 10k": each["oversold_per_10k_orders"],
        "by lag of channel": causes["channel_lag"],
        "of hub": causes["our_lag"],
        "crossing": causes["crossing"],
        "lost reply": causes["lost_reply"],
        "sold": f"{100 * each['sell_through']:.2f} %",
        "lost hours": each["lost_listing_hours"],
    }
