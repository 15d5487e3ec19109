"""How long it takes to make good an outage."""

from __future__ import annotations

from typing import Any

import click

from console.cli.show import print_json, print_table, run

COLUMNS = (
    "channel", "how", "orders_minutes", "stock_minutes", "read_back_minutes", "minutes", "least_minutes",
    "times_minimum", "calls", "turned_away",
)  # fmt: skip


@click.command()
@click.option(
    "--orders", default=20_000, show_default=True, type=click.IntRange(40, 1_000_000), help="A day."
)
@click.option("--listings", default=20_000, show_default=True, type=click.IntRange(10, 1_000_000))
@click.option("--json", "as_json", is_flag=True)
def catchup(orders: int, listings: int, as_json: bool) -> None:
    """After six hours dark, how long until orders and stock are true again under each channel's own limits.

    Time is simulated. Shopify and WooCommerce are run; Amazon and eBay, which have no connector, are computed.
    """
    from console.bench.catchup import Ask, bench_catchup
    from console.cli.demo import Progressing

    with Progressing() as tell:
        found = run(bench_catchup(Ask(orders, listings), tell))
    if as_json:
        print_json(found)
        return
    show_catchup(found)


def show_catchup(found: dict[str, Any]) -> None:
    """Each channel, and the gates."""
    print_table(
        [{**row, **{name: row[name] for name in COLUMNS}} for row in found["channels"]], COLUMNS, empty=""
    )
    click.echo()
    print_table(found["gates"], ("ok", "name", "want", "got"), empty="")
    click.echo()
    click.echo(
        f"{found['orders_missed']} orders while dark, {found['listings']} listings that all have to be told; a call is "
        f"answered after {found['assumed_latency_s']} s; {found['at']}"
    )
    for name, source in found["sources"].items():
        click.echo(f"{name}, computed: {source}")
