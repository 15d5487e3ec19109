"""Deliveries that wait for a person."""

from __future__ import annotations

import getpass
from typing import Any

import click

from console.cli.show import hub_here, print_json, print_table, run
from core.errors import Missing, UsageProblem

ID = click.IntRange(1, 2**63 - 1)
COLUMNS = ("delivery_id", "connection", "topic", "received_at", "attempts", "why")


@click.command()
@click.argument("delivery_id", required=False, type=ID)
@click.option("--resolve", "note", metavar="WHY", help="Close it, with a word on why.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--json", "as_json", is_flag=True)
def parked(delivery_id: int | None, note: str | None, limit: int, as_json: bool) -> None:
    """Deliveries that wait for a person, or the whole of DELIVERY_ID with its body.

    Mended the cause? `fairway replay DELIVERY_ID` reads it again.
    """
    if note is not None and (delivery_id is None or not note.strip()):
        raise UsageProblem("--resolve closes one delivery, and says why: parked ID --resolve WHY.")
    if delivery_id is None:
        _list(limit, as_json=as_json)
        return
    found = run(_one(delivery_id, note))
    if as_json:
        print_json(found)
    else:
        _show(found)


def _list(limit: int, *, as_json: bool) -> None:
    from core.store import follow, status
    from core.usecases.follow_deliveries import merchants_of, why

    async def work() -> dict[str, Any]:
        async with hub_here() as hub, hub.database.transaction(await merchants_of(hub)) as tx:
            names = await status.names(tx)
            groups = await status.parked_groups(tx)
            rows = await follow.parked(tx, None, limit)
        return {
            "groups": [
                {"connection": names[row["connection_id"]], "code": row["code"], "count": row["count"]}
                for row in groups
            ],
            "deliveries": rows,
        }

    found = run(work())
    if as_json:
        print_json(found)
        return
    print_table(found["groups"], ("connection", "code", "count"), empty="Nothing waits for a person.")
    if found["deliveries"]:
        click.echo()
        rows = [{**row, "why": why(row["reasons"])} for row in found["deliveries"]]
        print_table(rows, COLUMNS, empty="")


async def _one(delivery_id: int, note: str | None) -> dict[str, Any]:
    from core.store import follow
    from core.usecases.follow_deliveries import merchants_of, open_deliveries

    async with hub_here() as hub:
        if note is not None:
            merchants = await merchants_of(hub)
            async with hub.database.transaction(merchants) as tx:
                if not await follow.resolve(
                    tx, merchants, delivery_id, f"{getpass.getuser()}: {note.strip()[:500]}", hub.clock()
                ):
                    raise Missing(f"Delivery {delivery_id} does not wait for a person.")
        found = await open_deliveries(hub, [delivery_id])
    if not found or not found[0].row["reasons"]:
        raise Missing(f"Delivery {delivery_id} was never parked.", fix="See `fairway parked`.")
    row = found[0].row
    kept = ("delivery_id", "connection", "channel", "topic", "via", "received_at", "headers",
            "reasons", "attempts", "parked_at", "resolved_at")  # fmt: skip
    body = found[0].broken or found[0].body.decode("utf-8", "backslashreplace")
    return {name: row[name] for name in kept} | {"body": body}


def _show(found: dict[str, Any]) -> None:
    from console.cli.harmless import harmless, indented

    state = f"resolved {found['resolved_at']:%Y-%m-%d %H:%M:%S}" if found["resolved_at"] else "open"
    click.echo(
        harmless(
            f"Delivery {found['delivery_id']}  {found['connection']}  {found['topic']}  by {found['via']}  "
            f"{found['received_at']:%Y-%m-%d %H:%M:%S}  after {found['attempts']} attempts  {state}"
        )
    )
    for reason in found["reasons"]:
        click.echo(harmless(f"  {reason['code']} at {reason['pointer'] or '/'}: {reason['message']}"))
    for name, value in sorted(found["headers"].items()):
        click.echo(harmless(f"{name}: {value}"))
    click.echo()
    click.echo("\n".join(harmless(line) for line in indented(found["body"]).split("\n")))


async def connection_called(hub: Any, name: str) -> Any:
    """The linked account of this name or number; raises `Missing`, or `UsageProblem` when several have the name."""
    from core.store import connections
    from core.usecases.follow_deliveries import merchants_of

    async with hub.database.transaction(await merchants_of(hub)) as tx:
        known = [
            item for item in await connections.linked_all(tx) if name in (item.name, str(item.connection_id))
        ]
    if not known:
        raise Missing(f"There is no connection {name!r}.", fix="See `fairway connections`.")
    if len(known) > 1:
        numbers = ", ".join(str(item.connection_id) for item in known)
        raise UsageProblem(
            f"Several merchants have a connection {name!r}.", fix=f"Give its number: {numbers}."
        )
    return known[0]
