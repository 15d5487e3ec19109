"""How soon it works again, as figures with what each may be."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from console.cli.show import print_table


async def recover(directory: Path, seed: int, minutes: float) -> dict[str, Any]:
    """Measure, flushing Valkey for *minutes*; returns the figures."""
    from console.chaos.people import Plan
    from console.chaos.recovery import tell_recovery
    from console.chaos.tools import Disk, small_disk
    from console.cli.demo import Progressing
    from console.home import Home
    from console.servers import run_servers

    logging.basicConfig(filename=directory / "chaos.log", level=logging.WARNING, force=True)
    home = Home.open(directory)
    with small_disk(directory / "postgres") as disk:
        if isinstance(disk, str):
            click.echo(f"Skipped: {disk}.", err=True)
        with run_servers(directory, log=lambda _text: None) as servers, Progressing() as tell:
            small = disk if isinstance(disk, Disk) else None
            return await tell_recovery(servers, home, Plan(seed, minutes), disk=small, tell=tell)


def print_figures(numbers: dict[str, Any]) -> None:
    """A table: what was measured, and what it may be."""
    print_table(numbers.get("figures") or numbers["checks"], ("ok", "name", "want", "got"), empty="")
    click.echo(f"{'All reached' if numbers['passed'] else 'NOT ALL REACHED'}, in {numbers['seconds']} s.")
