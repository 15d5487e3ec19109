"""`fairway locations`: where stock is, whose count of it holds, and which channels sell from it."""

from __future__ import annotations

from typing import Any

import click

from console.cli.show import hub_here, print_json, print_table, run

MASTERS = click.Choice(["hub", "warehouse", "channel"])
COLUMNS = ("location", "master", "counted_by", "behind")


def _work(merchant: str, act: Any) -> Any:
    from core.errors import Missing
    from core.store import connections

    async def work() -> Any:
        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                mine = await connections.find_merchant(tx, merchant)
            if mine is None:
                raise Missing(f"There is no merchant {merchant!r}.", fix="`fairway connect` makes one.")
            return await act(hub, mine)

    return run(work())


def _common(command: Any) -> Any:
    command = click.option("--merchant", default="default", show_default=True)(command)
    return click.option("--json", "as_json", is_flag=True)(command)


def _say(done: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        click.echo(sentence)


@click.group(invoke_without_command=True)
@_common
@click.pass_context
def locations(ctx: click.Context, merchant: str, as_json: bool) -> None:
    """Show where stock is, whose count of each location holds, and which channels' places it stands behind."""
    if ctx.invoked_subcommand is not None:
        return
    from core.store import connections
    from core.store import locations as store

    async def act(hub: Any, mine: int) -> dict[str, Any]:
        async with hub.database.transaction([mine]) as tx:
            names = {x.connection_id: x.name for x in await connections.linked_all(tx)}
            places = await store.all_of(tx, mine)
            behind = await store.behind(tx, mine)
        return {
            "locations": [
                {
                    "location": place.name,
                    "master": str(place.master),
                    "counted_by": names[place.connection_id] if place.connection_id else None,
                    "behind": ", ".join(
                        _place(row) for row in behind if row["location_id"] == place.location_id
                    ),
                }
                for place in places
            ],
            "told_nothing": [_place(row) for row in behind if row["location_id"] is None],
        }

    found = _work(merchant, act)
    if as_json:
        print_json(found)
        return
    print_table(found["locations"], COLUMNS, empty="No location yet: the first count or account makes one.")
    for place in found["told_nothing"]:
        click.echo(f"Nothing stands behind {place}: it is told nothing.", err=True)


def _place(row: dict[str, Any]) -> str:
    name = row["place"] or row["channel_location_id"]
    return f"{row['connection']}: {name}" if name else str(row["connection"])


@locations.command()
@click.argument("name")
@click.option("--master", type=MASTERS, default="hub", show_default=True, help="Whose count of it holds.")
@click.option("--connection", help="Where the master is a channel: which account.")
@_common
def add(name: str, master: str, connection: str | None, merchant: str, as_json: bool) -> None:
    """Add the location NAME."""
    from core.rules.locations import Master
    from core.usecases.arrange_locations import add_location

    made = _work(merchant, lambda hub, mine: add_location(hub, mine, name, Master(master), connection))
    _say(
        {"location_id": made},
        f"Added. Nothing sells from it before `fairway locations map ... {name!r}`.",
        as_json=as_json,
    )


@locations.command()
@click.argument("name")
@click.argument("whose", type=MASTERS)
@click.option("--connection", help="Where the master is a channel: which account.")
@_common
def master(name: str, whose: str, connection: str | None, merchant: str, as_json: bool) -> None:
    """Say whose count of the location NAME holds: ours (hub), a warehouse's snapshots, or what a channel shows."""
    from core.rules.locations import Master
    from core.usecases.arrange_locations import set_master

    _work(merchant, lambda hub, mine: set_master(hub, mine, name, Master(whose), connection))
    _say(
        {"location": name, "master": whose}, f"{name} is counted by the {whose} from now on.", as_json=as_json
    )


@locations.command("map")
@click.argument("connection")
@click.argument("place")
@click.argument("name")
@_common
def map_command(connection: str, place: str, name: str, merchant: str, as_json: bool) -> None:
    """Let the location NAME stand behind PLACE of CONNECTION (its id or name there; '' where it has none)."""
    _map(merchant, connection, place, name, away=False, as_json=as_json)


@locations.command()
@click.argument("connection")
@click.argument("place")
@click.argument("name")
@_common
def unmap(connection: str, place: str, name: str, merchant: str, as_json: bool) -> None:
    """Let the location NAME no longer stand behind PLACE of CONNECTION."""
    _map(merchant, connection, place, name, away=True, as_json=as_json)


def _map(merchant: str, connection: str, place: str, name: str, *, away: bool, as_json: bool) -> None:
    from core.usecases.arrange_locations import map_location

    new = _work(merchant, lambda hub, mine: map_location(hub, mine, connection, place, name, away=away))
    said = "Done: what is listed there is levelled anew." if new else "It was so already."
    _say({"changed": new}, said, as_json=as_json)
