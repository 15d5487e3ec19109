"""Runs of jobs, and every line they said."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Mapping
from typing import Any

import click

from console.cli.deliveries import ID, connection_called
from console.cli.show import as_json as json_line
from console.cli.show import hub_here, print_json, print_table, run
from core.errors import Missing

COLUMNS = ("run_id", "kind", "connection", "outcome", "started_at", "took", "counts", "error")
LEVELS = ("info", "warning", "error")
PAUSE_S = 0.25  # between two looks
AWAY_S = 1.0  # between two looks at a database that does not answer
LINES_SHOWN = 10_000  # of one run


@click.command()
@click.argument("run_id", required=False, type=ID)
@click.option("--connection", metavar="NAME", help="Of this connection only.")
@click.option("--kind", metavar="KIND", help="Only pull, fetch, push, drain and so on.")
@click.option("--failed", is_flag=True, help="Only runs that failed, died or lost their lease.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--json", "as_json", is_flag=True)
def runs(
    run_id: int | None, connection: str | None, kind: str | None, failed: bool, limit: int, as_json: bool
) -> None:
    """The newest runs of jobs, or RUN_ID with every line it said.

    A run that began and never ended is "running" while it holds its lease; after that its worker has died.
    """
    if run_id is None:
        found = run(_newest(connection, kind, limit, failed=failed))
        if as_json:
            print_json(found)
        else:
            print_table(
                [_in_words(row) for row in found],
                COLUMNS,
                empty="No such run. `fairway up` starts the workers.",
            )
        return
    one = run(_one(run_id))
    if as_json:
        print_json(one)
        return
    print_table([_in_words(one)], COLUMNS, empty="")
    for line in one["lines"]:
        click.echo(line_in_words(line))


async def _newest(connection: str | None, kind: str | None, limit: int, *, failed: bool) -> list[Any]:
    from core.store import runs as store
    from core.usecases.follow_deliveries import merchants_of

    async with hub_here() as hub:
        merchants = await merchants_of(hub)
        only = (await connection_called(hub, connection)).connection_id if connection else None
        async with hub.database.transaction([0, *merchants]) as tx:
            return await store.newest(tx, merchants, limit, connection_id=only, kind=kind, bad=failed)


async def _one(run_id: int) -> dict[str, Any]:
    from core.store import run_log
    from core.store import runs as store
    from core.usecases.follow_deliveries import merchants_of

    async with hub_here() as hub:
        merchants = await merchants_of(hub)
        async with hub.database.transaction([0, *merchants]) as tx:
            found = await store.one(tx, merchants, run_id)
            if found is None:
                raise Missing(f"There is no run {run_id}.", fix="Runs are kept for 30 days.")
            return {**found, "lines": await run_log.of_run(tx, merchants, run_id, LINES_SHOWN)}


def _in_words(row: Mapping[str, Any]) -> dict[str, Any]:
    from console.pages import words

    return {
        **row,
        "connection": row["connection"] or "all",
        "outcome": words.RUN[row["outcome"]][2],
        "took": words.took(row),
        "counts": words.counts(row["detail"]) or None,
        "error": row["error"] or None,
    }


@click.command()
@click.option("--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
@click.option("--connection", metavar="NAME", help="About this connection only.")
@click.option("--order", metavar="ORDER", help="About this order only: its number, or our id for it.")
@click.option("--level", default="info", show_default=True, type=click.Choice(LEVELS), help="And worse.")
@click.option(
    "--since", default="10m", show_default=True, metavar="SPAN", help="Said in the last 30m, 2h, 3d."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def log(
    follow: bool, connection: str | None, order: str | None, level: str, since: str, as_json: bool
) -> None:
    """What runs said, the oldest line first."""
    run(_log(connection, order, level, since, follow=follow, as_json=as_json))


async def _log(
    connection: str | None, order: str | None, level: str, since: str, *, follow: bool, as_json: bool
) -> None:
    from console.cli.replay import span
    from core.store import reading
    from core.store.run_log import Wanted
    from core.usecases.follow_deliveries import merchants_of
    from core.usecases.follow_log import LogFollower

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    length = span(since)
    async with hub_here() as hub:
        only = (await connection_called(hub, connection)).connection_id if connection else None
        orders: list[dict[str, Any]] = []
        if order:
            async with hub.database.transaction(await merchants_of(hub)) as tx:
                orders = await reading.find_orders(tx, order)
        wanted = Wanted(
            since=hub.clock() - length,
            connection_id=only,
            order_ids=tuple(row["order_id"] for row in orders),
            order_words=tuple({order, *(row["channel_order_id"] for row in orders)}) if order else (),
            level=level,
        )
        follower = LogFollower(hub, wanted)
        if follow:
            await _follow(follower, stopped, as_json=as_json)
        elif not await _print_new(follower, as_json=as_json):
            click.echo(f"Nothing was said in the last {since}. `fairway runs` lists runs.", err=True)


async def _follow(follower: Any, stopped: asyncio.Event, *, as_json: bool) -> None:
    """Print what comes until *stopped*; a database that is away is waited for."""
    from core.store.database import RETRYABLE

    logging.getLogger("asyncpg").setLevel(
        logging.ERROR
    )  # the pool tells of each try to reconnect; we tell once
    away = False
    while not stopped.is_set():
        try:
            await _print_new(follower, as_json=as_json)
        except BrokenPipeError:
            raise
        except RETRYABLE as error:
            if not away:
                click.echo(
                    f"The database does not answer ({type(error).__name__}); waiting for it.", err=True
                )
            away = True
        else:
            if away:
                click.echo("The database is back.", err=True)
            away = False
        try:
            await asyncio.wait_for(stopped.wait(), AWAY_S if away else PAUSE_S)
        except TimeoutError:
            continue


async def _print_new(follower: Any, *, as_json: bool) -> int:
    count = 0
    async for lines in follower.new():
        count += len(lines)
        click.echo("\n".join(json_line(line) if as_json else line_in_words(line) for line in lines))
    return count


def line_in_words(line: Mapping[str, Any]) -> str:
    """A line of the log for a person, without anything that could move a terminal's cursor."""
    from console.cli.harmless import harmless

    about = {
        "order": line["order_id"],
        "effect": line["effect_id"],
        "attempt": line["attempt"],
        **line["fields"],
    }
    told = " ".join(f"{name}={value}" for name, value in about.items() if value is not None)
    where = f"{line['kind'] or 'run'} {line['run_id']}"
    start = f"{line['at']:%Y-%m-%d %H:%M:%S}  {line['level']:<7}  {line['connection'] or 'all'}  {where}"
    return harmless(f"{start}  {line['message']}{'  ' if told else ''}{told}")
