"""Checks the stored data."""

from __future__ import annotations

from typing import Any

import click

from console.cli.show import hub_here, print_json, run


@click.command()
@click.option("--at-rest", is_flag=True, help="Also what must hold when no work is under way.")
@click.option("--json", "as_json", is_flag=True)
def verify(at_rest: bool, as_json: bool) -> int:
    """Check every invariant; exit 1 when one is violated."""
    from core.store import connections
    from core.store.verify import verify as check

    async def work() -> dict[str, Any]:
        async with hub_here() as hub:
            async with hub.database.transaction([]) as tx:
                merchants = await connections.merchant_ids(tx)
            async with hub.database.transaction(merchants) as tx:
                return await check(tx, at_rest=at_rest, now=hub.clock())

    found = run(work())
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['checks']} checks, {len(found['violations'])} violated")
        for name, count in found["violations"].items():
            click.echo(f"  {name}: {count}")
    return 1 if found["violations"] else 0
