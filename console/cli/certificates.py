"""`fairway certificates`: for each closed hour, whether every order that a channel lists is here."""

from __future__ import annotations

from typing import Any

import click

from console.cli.deliveries import connection_called
from console.cli.show import hub_here, print_json, print_table, run

SUMMARY = ("connection", "since", "certified_until", "windows", "listed", "healing", "gaps", "healed")
WINDOWS = (
    "connection",
    "since",
    "until",
    "status",
    "listed",
    "missing",
    "behind",
    "unlisted",
    "gone",
    "healed",
    "looks",
    "read_at",
)


@click.command()
@click.option("--connection", metavar="NAME", help="Of this connection only.")
@click.option(
    "--limit", default=24, show_default=True, type=click.IntRange(1, 100_000), help="Windows to show."
)
@click.option("--json", "as_json", is_flag=True)
def certificates(connection: str | None, limit: int, as_json: bool) -> None:
    """For each closed hour, whether every order that a channel lists is here, in that version.

    certified: it is. healing: what differs is being fetched, then the hour is read again. gap: it was fetched and is still
    not here, see `fairway parked`. unlisted: here and looked at, but not in the channel's list (a bin); gone: deleted there.
    """
    summary, windows = run(_certificates(connection, limit))
    if as_json:
        print_json({"connections": summary, "windows": windows})
        return
    print_table(
        summary, SUMMARY, empty="No hour is closed yet: the first one is read 15 minutes after its end."
    )
    if windows:
        click.echo()
        print_table(windows, WINDOWS, empty="")


async def _certificates(
    connection: str | None, limit: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from core.store import certificates as store
    from core.usecases.follow_deliveries import merchants_of

    async with hub_here() as hub:
        merchants = await merchants_of(hub)
        only = (await connection_called(hub, connection)).connection_id if connection else None
        async with hub.database.transaction(merchants) as tx:
            summary = await store.summary(tx, merchants, only)
            return summary, await store.newest(tx, merchants, only, limit)
