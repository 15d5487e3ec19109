"""Orders, and asking the channels for them."""

from __future__ import annotations

from typing import Any

import click

from console.cli.show import hub_here, print_json, print_table, run
from core.errors import Missing

COLUMNS = (
    "order_id",
    "connection",
    "order_number",
    "placed_at",
    "total",
    "currency",
    "payment_status",
    "fulfillment_status",
    "intake",
    "held",
)


@click.command()
@click.argument("order_id", required=False, type=click.IntRange(1, 2**63 - 1))
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--held", is_flag=True, help="Only orders that wait for a person.")
@click.option("--json", "as_json", is_flag=True)
def orders(order_id: int | None, limit: int, held: bool, as_json: bool) -> None:
    """The newest orders, or the whole of ORDER_ID with its history."""
    from core.store import connections
    from core.store.reading import newest_orders, whole_order

    async def work() -> Any:
        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                merchants = await connections.merchant_ids(tx)
            async with hub.database.transaction(merchants) as tx:
                if order_id is None:
                    return [_readable(row) for row in await newest_orders(tx, limit, held=held)]
                found = await whole_order(tx, order_id)
                if found is None:
                    raise Missing(f"There is no order {order_id}.")
            account = await hub.account(found["merchant_id"], found["connection_id"])
            return found | {"order": open_document(account, found.pop("document"), found)}

    found = run(work())
    if as_json or order_id is not None:
        print_json(found)
    else:
        print_table(found, COLUMNS, empty="No order yet. `fairway pull` asks the channels.")


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """The total with the decimals of its currency."""
    from core.model.money import minor_unit

    if row["total"] is None or row["currency"] is None:
        return row
    short = row["total"].quantize(minor_unit(row["currency"]))
    return {**row, "total": short if short == row["total"] else row["total"].normalize()}


def open_document(account: Any, sealed: bytes, row: dict[str, Any]) -> Any:
    """The canonical order out of its seal."""
    from core.flow import decode
    from core.sealing import associated

    return decode(
        account.box.open(sealed, associated("order", row["connection_id"], row["channel_order_id"]))
    )


@click.command()
@click.argument("connection", required=False)
@click.option("--json", "as_json", is_flag=True)
def pull(connection: str | None, as_json: bool) -> None:
    """Have CONNECTION (or all) pulled now by the workers."""
    from core.store import connections, schedule

    async def work() -> list[str]:
        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                merchants = await connections.merchant_ids(tx)
            async with hub.database.transaction(merchants) as tx:
                known = [x for x in await connections.linked_all(tx) if connection in (None, x.name)]
                if connection and not known:
                    raise Missing(f"There is no connection {connection!r}.", fix="See `fairway connections`.")
                await schedule.ring(
                    tx, "pull", [(x.merchant_id, x.connection_id) for x in known], hub.clock()
                )
            await hub.wake.ring("pull", merchants)
            return [x.name for x in known]

    names = run(work())
    if as_json:
        print_json({"pulling": names})
    else:
        click.echo(f"Pulling {', '.join(names) or 'nothing: no account is linked'}. See `fairway orders`.")
