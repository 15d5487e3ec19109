"""Has deliveries read again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from console.cli.deliveries import ID, connection_called
from console.cli.show import hub_here, print_json, run
from core.errors import Missing, UsageProblem

ASK_ABOVE = 1_000  # deliveries that are read again without being asked twice
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.command()
@click.argument("ids", nargs=-1, type=ID)
@click.option("--parked", "only_parked", is_flag=True, help="All that wait for a person.")
@click.option("--connection", metavar="NAME", help="Of this connection only.")
@click.option("--since", metavar="SPAN", help="With --connection: received in the last 30m, 2h, 3d.")
@click.option("--wait", default=10.0, show_default=True, help="Seconds to wait for the workers.")
@click.option("--yes", is_flag=True, help=f"Do not ask back about more than {ASK_ABOVE} deliveries.")
@click.option("--json", "as_json", is_flag=True)
def replay(
    ids: tuple[int, ...],
    only_parked: bool,
    connection: str | None,
    since: str | None,
    wait: float,
    yes: bool,
    as_json: bool,
) -> None:
    """Have stored deliveries read again: IDS, --parked, or --connection NAME --since 2h.

    Nothing is counted twice: what is known already stays as it is. Use it after a connector was mended.
    """
    one_way = bool(ids) + only_parked + (since is not None) == 1
    if not one_way or (not only_parked and (connection is None) != (since is None)):
        raise UsageProblem(
            "Say which deliveries: their IDs, --parked, or --connection NAME --since 2h.",
            fix="See `fairway replay --help`.",
        )
    found, named = run(_replay(ids, connection, since, only_parked=only_parked, wait=wait, yes=yes))
    if as_json:
        print_json(found)
        return
    for item in found.outcomes:
        _say_outcome(item)
    click.echo(_sentence(found, named))


async def _replay(
    ids: Sequence[int],
    connection: str | None,
    since: str | None,
    *,
    only_parked: bool,
    wait: float,
    yes: bool,
) -> tuple[Any, int]:
    from core.store import follow
    from core.usecases.follow_deliveries import merchants_of
    from core.usecases.replay import replay as replay_deliveries

    async with hub_here() as hub:
        merchants = await merchants_of(hub)
        linked = await connection_called(hub, connection) if connection else None
        async with hub.database.transaction(merchants) as tx:
            if only_parked:
                wanted = await follow.parked_ids(tx, linked.connection_id if linked else None)
            elif linked and since:
                start = hub.clock() - span(since)
                wanted = await follow.ids_since(tx, linked.merchant_id, linked.connection_id, start)
            else:
                wanted = sorted(set(ids))
                there = {row["delivery_id"] for row in await follow.load(tx, merchants, wanted)}
                if missing := [number for number in wanted if number not in there]:
                    raise Missing(f"There is no delivery {missing[0]}.")
        if len(wanted) > ASK_ABOVE and not yes:
            raise UsageProblem(f"That is {len(wanted):,} deliveries.", fix="Give --yes if you mean it.")
        return await replay_deliveries(hub, wanted, wait_s=wait, tell=_progress), len(wanted)


def span(text: str) -> timedelta:
    """`30m`, `2h`, `3d` as a length of time; raises `UsageProblem`."""
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and len(number) < 7 and unit in UNITS):
        raise UsageProblem(f"{text!r} is not a span of time.", fix="Write 90s, 30m, 2h or 3d.")
    return timedelta(seconds=int(number) * UNITS[unit])


def _progress(left: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{left:,} left \r", err=True, nl=False)


def _say_outcome(item: Any) -> None:
    from console.cli.harmless import harmless

    click.echo(harmless(f"{item.delivery_id}  {item.words}"))


def _sentence(found: Any, named: int) -> str:
    read = named - found.waiting
    text = f"{read:,} of {named:,} deliveries were read again, {found.parked:,} wait for a person."
    if not found.waiting:
        return text
    hint = "workers are at it" if found.workers else "no worker is running: start one with `fairway worker`"
    return f"{text} {found.waiting:,} are still waiting; {hint}."
