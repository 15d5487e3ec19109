"""`fairway stock buffers`: what the last units held back cost and save, from measured lags and sales."""

from __future__ import annotations

from typing import Any

import click

from console.cli.show import hub_here, print_json, print_table, run
from core.errors import Missing, UsageProblem

LISTING_COLUMNS = ("connection", "buffer", "per_hour", "sale_known_p50/p95", "told_p50/p95")
COST_COLUMNS = ("buffer", "oversold_per_10,000", "hours_off_sale", "never_sold", "")
BAR = 30  # characters of the longest bar


@click.command()
@click.argument("sku", nargs=-1)
@click.option(
    "--limit",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Oversold units in 10,000 orders to accept, where no rule says it.",
)
@click.option(
    "--most", default=10, show_default=True, type=click.IntRange(1, 1000), help="Show so many variants."
)
@click.option(
    "--accept",
    metavar="N|none",
    help="From now on all listings hold back what keeps it to N oversold in 10,000 orders; none: no more.",
)
@click.option("--by", default="a person", show_default=True, help="Who says so, with --accept.")
@click.option("--merchant", default="default", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def buffers(
    sku: tuple[str, ...], limit: float, most: int, accept: str | None, by: str, merchant: str, as_json: bool
) -> None:
    """What each listing has to hold back of the last units, how fast it sells and how late it hears of other sales.

    Below it what that costs, beside fixed buffers. Without a SKU: the variants that sell fastest. A buffer said for a
    connection or a listing (a rule of its own) stays, whatever is accepted in general.
    """
    pools = run(_pools(merchant, sku, limit, len(sku) or most, _accepted(accept), by))
    if as_json:
        print_json({"pools": pools})
        return
    if not pools:
        click.echo(
            "Nothing that is listed and counted was sold yet, so there is nothing to measure.", err=True
        )
    for place, pool in enumerate(pools):
        if place:
            click.echo()
        _print(pool)


def _accepted(text: str | None) -> tuple[float | None] | None:
    """What --accept says: None where it was not given, (None,) where nothing is accepted any more."""
    if text is None:
        return None
    if text == "none":
        return (None,)
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise UsageProblem(
            f"--accept {text!r} is no number of units.", fix="Such as --accept 2, or --accept none."
        )
    return (number,)


async def _pools(
    merchant: str, skus: tuple[str, ...], limit: float, most: int, accept: tuple[float | None] | None, by: str
) -> list[dict[str, Any]]:
    from core.store import connections
    from core.usecases.accept_oversold import accept_oversold
    from core.usecases.show_buffers import show_buffers

    async with hub_here() as hub:
        async with hub.database.transaction([]) as tx:
            merchant_id = await connections.find_merchant(tx, merchant)
        if merchant_id is None:
            raise Missing(f"There is no merchant {merchant!r}.", fix="Name one with --merchant.")
        if accept is not None:
            await accept_oversold(hub, merchant_id, accept[0], by)
        return await show_buffers(hub, merchant_id, skus, limit=limit, most=most)


def _print(pool: dict[str, Any]) -> None:
    said = "by its rule" if pool["said"] else "if there were a rule for it"
    click.echo(f"{pool['sku']}: at most {pool['limit']:g} oversold in 10,000 orders, {said}")
    listings = [
        {
            "connection": row["connection"],
            "buffer": row["buffer"] if row["in_use"] or not pool["said"] else f"{row['buffer']} (not in use)",
            "per_hour": f"{row['per_hour']:.2f}",
            "sale_known_p50/p95": f"{row['news_p50_s']:.0f} / {row['news_p95_s']:.0f} s",
            "told_p50/p95": f"{row['told_p50_s']:.0f} / {row['told_p95_s']:.0f} s",
        }
        for row in pool["listings"]
    ]
    print_table(listings, LISTING_COLUMNS, empty="")
    if any(row["assumed"] for row in pool["listings"]):
        click.echo("Partly assumed: fewer than 100 sales were measured.")
    costs = [{"buffer": "measured", **pool["measured"]}, *pool["fixed"]]
    worst = max(cost["oversold_per_10000"] for cost in costs) or 1.0
    rows = [
        {
            "buffer": cost["buffer"],
            "oversold_per_10,000": f"{cost['oversold_per_10000']:.2f}",
            "hours_off_sale": f"{cost['lost_listing_hours']:.2f}",
            "never_sold": cost["unsold"],
            "": "█" * round(BAR * cost["oversold_per_10000"] / worst),
        }
        for cost in costs
    ]
    print_table(rows, COST_COLUMNS, empty="")
