"""Shipping an order, and what channels and carriers still have to be told."""

from __future__ import annotations

from typing import Any

import click

from console.cli.show import hub_here, print_json, print_table, run
from core.errors import Missing, UsageProblem


def _units(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, int] | None:
    units: dict[str, int] = {}
    for value in values:
        line_id, equals, quantity = value.rpartition("=")
        if not equals or not line_id or not quantity.isdecimal() or int(quantity) == 0:
            raise click.BadParameter(f"{value!r} is not LINE=QUANTITY, such as 4711=2.")
        if line_id in units:
            raise click.BadParameter(f"The line {line_id} is given twice.")
        units[line_id] = int(quantity)
    return units or None


@click.command()
@click.argument("order")
@click.option("--carrier", required=True, help="Who carries the parcel, such as UPS.")
@click.option("--tracking", required=True, metavar="NUMBER", help="The parcel's tracking number.")
@click.option("--tracking-url", metavar="URL", help="Where the buyer can follow it.")
@click.option(
    "--line", "units", multiple=True, callback=_units, metavar="LINE=QTY", help="Only so many of a line."
)
@click.option("--despite-holds", is_flag=True, help="The goods have left although the order is held.")
@click.option("--json", "as_json", is_flag=True)
def ship(
    order: str,
    carrier: str,
    tracking: str,
    tracking_url: str | None,
    units: dict[str, int] | None,
    despite_holds: bool,
    as_json: bool,
) -> None:
    """Record that ORDER (its id, or its number as in #1001) left in a parcel; everything open, unless --line says less.

    Stock is booked out at once. The channel is told, and the carrier is asked to follow the parcel. Saying the same
    again changes nothing.

    Example: fairway ship '#1001' --carrier UPS --tracking 1Z999AA10123456784
    """
    from core.usecases.ship_order import Box, ship_order

    async def work() -> tuple[str, Any]:
        async with hub_here() as hub:
            merchant_id, order_id, name = await find_order(hub, order)
            box = Box(carrier, tracking, tracking_url)
            shipped = await ship_order(
                hub,
                merchant_id,
                order_id,
                box,
                units=units,
                despite_holds=despite_holds,
                cause="command line",
            )
            return name, shipped

    name, shipped = run(work())
    if as_json:
        print_json(
            {
                "order_id": shipped.order_id,
                "order_number": name,
                "fulfillment_id": shipped.fulfillment_id,
                "units": shipped.units,
                "connection": shipped.connection,
                "channel_told": shipped.channel_told,
                "carriers": shipped.carriers,
                "repeated": shipped.repeated,
            }
        )
        return
    count = sum(shipped.units.values())
    if shipped.repeated:
        click.echo(
            f"Order {name}: this parcel was recorded before, with {count} units. Nothing was done twice."
        )
        return
    click.echo(f"Order {name}: {count} units left with {carrier}, {tracking}.")
    click.echo(f"  {_told(shipped)}")
    if shipped.carriers:
        click.echo(f"  {shipped.carriers[0]} follows the parcel.")
    else:
        click.echo("  Nobody follows the parcel before a carrier is linked: `fairway connect easypost`.")


def _told(shipped: Any) -> str:
    if shipped.channel_told:
        return f"{shipped.connection} is being told."
    if shipped.channel_takes:
        return (
            f"{shipped.connection} will be told once it works and you allow it: "
            f"fairway connections --push-on {shipped.connection!r}"
        )
    return f"{shipped.connection} takes no shipments; tell it by hand."


async def find_order(hub: Any, text: str) -> tuple[int, int, str]:
    """(merchant, order id, the number people know it by)."""
    from core.store import connections
    from core.store.reading import find_orders

    async with hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
    async with hub.database.transaction(merchants) as tx:
        found = await find_orders(tx, text)
    if not found:
        raise Missing(f"There is no order {text!r}.", fix="See `fairway orders`.")
    if len(found) > 1:
        which = ", ".join(f"{row['order_id']} ({row['connection']})" for row in found[:5])
        raise UsageProblem(f"{len(found)} orders are called {text!r}.", fix=f"Give one by its id: {which}.")
    row = found[0]
    return row["merchant_id"], row["order_id"], row["order_number"] or row["channel_order_id"]


@click.command()
@click.option(
    "--retry",
    "again",
    multiple=True,
    type=int,
    metavar="ID",
    help="Tell this once more although it was refused.",
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--json", "as_json", is_flag=True)
def outbox(again: tuple[int, ...], limit: int, as_json: bool) -> None:
    """What channels and carriers still have to be told, and what they refused."""
    from core.store import connections, schedule
    from core.store import outbox as store

    async def work() -> list[dict[str, Any]]:
        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                merchants = await connections.merchant_ids(tx)
            for merchant_id in merchants if again else []:
                async with hub.database.transaction([merchant_id]) as tx:
                    concerned = await store.ask_again(tx, merchant_id, again, hub.clock())
                    await schedule.ring(tx, "effect", [(merchant_id, c) for c in concerned], hub.clock())
            if again:
                await hub.wake.ring("effect", merchants)
            async with hub.database.transaction(merchants) as tx:
                return await store.open_wishes(tx, limit)

    rows = run(work())
    if as_json:
        print_json(rows)
    else:
        columns = ("effect_id", "connection", "order_id", "kind", "status", "attempts", "next_at", "error")
        print_table(rows, columns, empty="Everybody has been told everything.")
