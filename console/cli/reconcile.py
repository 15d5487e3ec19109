"""`fairway reconcile`: read back what channels show, now, and say what differs."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

import click

from console.cli.show import hub_here, print_json, print_table, run
from core.errors import FairwayError, UsageProblem

COLUMNS = ("connection", "read", "drifts", "in_flight", "healed", "asked", "open", "heal_p50_s", "heal_p95_s")
PAUSE_S = 0.25  # between two looks at how far it is
LONGEST_S = 600.0  # how long --wait goes on after all is read


@click.command()
@click.argument("connection", required=False)
@click.option("--wait", is_flag=True, help="Until every difference is healed, or waits for a person.")
@click.option("--json", "as_json", is_flag=True)
def reconcile(connection: str | None, wait: bool, as_json: bool) -> None:
    """Read back everything that CONNECTION (or each that is written to) shows, and compare it with what it should.

    A difference is healed once no order can explain it any more, some minutes later: `fairway drifts` shows it until then.
    """
    rows = run(_reconcile(connection, wait=wait, quiet=as_json or not sys.stderr.isatty()))
    if as_json:
        print_json({"sweeps": rows})
        return
    print_table([_in_words(row) for row in rows], COLUMNS, empty="")
    if any(row["asked"] for row in rows):
        click.echo("Some wait for a person: see `fairway drifts`.")


async def _reconcile(connection: str | None, *, wait: bool, quiet: bool) -> list[dict[str, Any]]:
    from core.store import reconciles, schedule
    from jobs.work import Worker

    async with hub_here() as hub:
        linked = await _connections(hub, connection)
        ids = []
        for one in linked:
            where = (one.merchant_id, one.connection_id)
            async with hub.database.transaction([one.merchant_id]) as tx:
                # The schedule first, as workers lock them.
                await schedule.ring(tx, "reconcile", [where], hub.clock())
                ids.append(await reconciles.begin(tx, *where, "command line", hub.clock()))
        worker, until = Worker(hub), 0.0
        while True:
            # Workers that run elsewhere may do it as well: whoever comes first has the lease.
            await (worker.look() if wait else worker.spell("reconcile"))
            async with hub.database.transaction({one.merchant_id for one in linked}) as tx:
                rows = await reconciles.of_ids(tx, ids)
                refused = await schedule.refusals(tx, "reconcile", [one.connection_id for one in linked])
            if not quiet:
                _tell(rows)
            read = all(row["finished_at"] for row in rows)
            until = until or (time.monotonic() + LONGEST_S if read else 0.0)
            if read and (not wait or not any(row["open"] for row in rows) or time.monotonic() > until):
                await hub.settled()
                return rows
            if refused:
                raise FairwayError(
                    f"What {refused[0]['connection']} shows could not be read: {refused[0]['last_error']}",
                    fix="What was read is kept; the sweep goes on where it is.",
                )
            await asyncio.sleep(PAUSE_S)


async def _connections(hub: Any, name: str | None) -> Sequence[Any]:
    """The connections to read; raises `UsageProblem` where there is none to compare with."""
    from core.connector import ReadsStock
    from core.store import connections
    from core.usecases.follow_deliveries import merchants_of

    async with hub.database.transaction(await merchants_of(hub)) as tx:
        known = [one for one in await connections.linked_all(tx) if name in (None, one.name)]
    found = [
        one
        for one in known
        if one.status == "active" and one.push_stock and isinstance(hub.registry[one.channel], ReadsStock)
    ]
    if not found:
        raise UsageProblem(
            f"Nothing of {name!r} can be compared." if name else "There is nothing to compare.",
            fix="A connection is read once it may be written to: `fairway connections --push-on NAME`.",
        )
    return found


def _tell(rows: Sequence[dict[str, Any]]) -> None:
    read = ", ".join(f"{row['connection']} {row['done']} of {row['total']}" for row in rows)
    click.echo(f"\r{read}", nl=all(row["finished_at"] for row in rows), err=True)


def _in_words(row: dict[str, Any]) -> dict[str, Any]:
    found = {kind: count for kind, count in row["found"].items() if kind not in ("none", "in_flight")}
    return {
        **row,
        "read": f"{row['done']} of {row['total']}",
        "drifts": ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(found.items()))
        or "none",
        "in_flight": row["found"].get("in_flight", 0),
    }
