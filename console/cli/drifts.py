"""`fairway drifts`: counts at channels that are not what they should be. What is decided about them are commands below."""

from __future__ import annotations

from typing import Any

import click

from console.cli.show import hub_here, print_json, print_table, run
from console.cli.table import Table
from core.errors import Missing

COLUMNS = (
    "drift_id",
    "connection",
    "sku",
    "kind",
    "status",
    "units",
    "expected",
    "live",
    "found_at",
    "words",
)
KINDS = ("channel_edit", "channel_restock")

# name -> (module, function, one line for --help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "list": ("drifts", "list_drifts", "What differs now, or ever did."),
    "heal": (
        "drifts",
        "heal",
        "Say whose count is right: the channel is told again, or its count is booked.",
    ),
    "ignore": ("drifts", "ignore", "Leave a difference as it is."),
    "policy": ("drifts", "policy", "Whose count is right when nobody says so."),
}


@click.group(cls=Table, commands=COMMANDS, invoke_without_command=True)
@click.pass_context
def drifts(ctx: click.Context) -> None:
    """Counts at channels that are not what they should be: those that are open, the newest first."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_drifts)


@click.command()
@click.option("--connection", metavar="NAME", help="Of this connection only.")
@click.option("--all", "whole", is_flag=True, help="Those that are over, too.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--json", "as_json", is_flag=True)
def list_drifts(
    connection: str | None = None, whole: bool = False, limit: int = 100, as_json: bool = False
) -> None:
    """What differs now, the newest first. watching: an order may still explain it; told: being healed; asked: waits for
    you.
    """

    async def work() -> list[dict[str, Any]]:
        from console.cli.deliveries import connection_called
        from core.store import drifts as store
        from core.usecases.follow_deliveries import merchants_of

        async with hub_here() as hub:
            only = (await connection_called(hub, connection)).connection_id if connection else None
            async with hub.database.transaction(await merchants_of(hub)) as tx:
                return await store.listed(tx, connection_id=only, whole=whole, limit=limit)

    rows = run(work())
    if as_json:
        print_json(rows)
    else:
        columns = (*COLUMNS, "healed_by", "closed_at", "heal_s") if whole else COLUMNS
        print_table(rows, columns, empty="Every channel shows what it should, as far as it has been read.")


@click.command()
@click.argument("drift", type=click.IntRange(1, 2**63 - 1))
@click.option(
    "--by", "wins", required=True, type=click.Choice(("hub", "channel")), help="Whose count is right."
)
@click.option("--name", default="command line", show_default=True, metavar="NAME", help="Who says so.")
@click.option("--json", "as_json", is_flag=True)
def heal(drift: int, wins: str, name: str, as_json: bool) -> None:
    """Heal DRIFT: by hub tells the channel our count again, by channel books the difference into the ledger."""
    from core.rules.drift_settling import Wins
    from core.usecases.heal_drift import heal_drift

    async def work() -> str:
        async with hub_here() as hub:
            return await heal_drift(hub, await _merchant_of(hub, drift), drift, Wins(wins), by=name)

    status = run(work())
    if as_json:
        print_json({"drift_id": drift, "status": status})
    else:
        click.echo("The channel is told our count again." if status == "told" else "It is healed.")


@click.command()
@click.argument("drift", type=click.IntRange(1, 2**63 - 1))
@click.option("--name", default="command line", show_default=True, metavar="NAME", help="Who says so.")
@click.option("--json", "as_json", is_flag=True)
def ignore(drift: int, name: str, as_json: bool) -> None:
    """Leave DRIFT as it is. It comes up again when it becomes another one, and ends when its listing is told a count."""
    from core.usecases.heal_drift import ignore_drift

    async def work() -> None:
        async with hub_here() as hub:
            await ignore_drift(hub, await _merchant_of(hub, drift), drift, by=name)

    run(work())
    if as_json:
        print_json({"drift_id": drift, "status": "ignored"})
    else:
        click.echo("It is left as it is.")


@click.command()
@click.argument("wins", required=False, type=click.Choice(("hub", "channel", "ask")))
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only of this kind; else of both."
)
@click.option("--connection", metavar="NAME", help="At this connection only.")
@click.option("--merchant", default="default", show_default=True)
@click.option("--name", default="command line", show_default=True, metavar="NAME", help="Who says so.")
@click.option("--json", "as_json", is_flag=True)
def policy(
    wins: str | None, kinds: tuple[str, ...], connection: str | None, merchant: str, name: str, as_json: bool
) -> None:
    """Say whose count is right where somebody changed one at a channel (channel_edit), or the channel put units of a
    cancelled or returned order back (channel_restock): hub, channel, or ask. Without a word, show what was said.

    If nobody says anything, the hub is right about edits and a person is asked about restocks. A place that the channel
    counts itself always has the channel's count.
    """
    from console.cli.rules import where
    from core.store import drifts as store

    async def work() -> list[dict[str, Any]]:
        async with hub_here() as hub:
            merchant_id, connection_id = await where(hub, merchant, connection)
            async with hub.database.transaction([merchant_id]) as tx:
                if wins is not None:
                    await store.put_policy(
                        tx, merchant_id, connection_id, kinds or KINDS, wins, name, hub.clock()
                    )
                return await store.policies_for_people(tx)

    rows = run(work())
    if as_json:
        print_json(rows)
    else:
        columns = ("connection", "kind", "wins", "set_by", "set_at")
        print_table(
            rows, columns, empty="Nobody has said anything: edits are told again, restocks are asked about."
        )


async def _merchant_of(hub: Any, drift: int) -> int:
    from core.store import drifts as store
    from core.usecases.follow_deliveries import merchants_of

    async with hub.database.transaction(await merchants_of(hub)) as tx:
        found = await store.listed(tx, drift_id=drift, whole=True)
    if not found:
        raise Missing(f"There is no difference {drift}.", fix="See `fairway drifts`.")
    merchant_id: int = found[0]["merchant_id"]
    return merchant_id
