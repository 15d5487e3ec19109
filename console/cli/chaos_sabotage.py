"""`fairway chaos --sabotage`: its progress and its table."""

from __future__ import annotations

from typing import Any

import click

from console.cli.show import print_table


async def spoil() -> dict[str, Any]:
    from console.chaos.sabotage import sabotage
    from console.cli.demo import Progressing

    with Progressing() as tell:
        return await sabotage(tell)


def print_caught(found: dict[str, Any]) -> None:
    print_table(found["each"], ("name", "green_with", "red_without", "caught_by"), empty="")
    click.echo(f"{found['caught']} of {found['sabotages']} caught in {found['seconds']} s.")
