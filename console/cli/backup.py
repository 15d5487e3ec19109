"""`fairway backup` and `fairway restore`: the whole database in one file, and back again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from console.cli.show import print_json, run
from core.errors import UsageProblem

FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True)
def backup(file: Path, as_json: bool) -> None:
    """Write the database of the hub that runs here (or of DATABASE_URL, its owner's) to FILE, as it is at one instant.

    The hub goes on meanwhile. FILE holds no keys: without them nothing sealed in it can be opened.
    """
    from console.backup.making import make_backup

    url, rings, where = _hub_here()
    if not as_json:
        click.echo(f"Reading the database into {file} ...", err=True)
    told = run(make_backup(url, file, rings))
    if as_json:
        print_json({**told, "keys": where})
        return
    click.echo(
        f"{told['file']}: {told['orders']} orders, {told['bytes']:,} bytes, as of {told['taken_at'][:19]}."
    )
    click.echo(f"The keys are not in it. Keep them as well, somewhere else: {where}.")


@click.command()
@click.argument("file", type=EXISTING)
@click.option(
    "--directory", type=click.Path(path_type=Path), help="Of the hub, with its secrets.json; no database yet."
)
@click.option("--json", "as_json", is_flag=True)
def restore(file: Path, directory: Path | None, as_json: bool) -> None:
    """Put the backup in FILE into the empty database of DATABASE_URL (its owner's), or of a hub's new --directory.

    Whatever may have happened since the backup is marked as unknown: channels are read before they are told anything.
    The hub that was backed up must not run any more.
    """
    told = run(_restore(file, directory, quiet=as_json))
    if as_json:
        print_json(told)
        return
    doubted = ", ".join(f"{count} {name}" for name, count in told["doubted"].items())
    click.echo(
        f"Restored: {told['orders']} orders, as of {told['taken_at'][:19]}. To be looked at first: {doubted}."
    )
    click.echo("What was typed since then (counts, goods received, shipments) is not in it: say it again.")
    click.echo("Next: `fairway up`, or start the web and the workers.")


async def _restore(file: Path, directory: Path | None, *, quiet: bool) -> dict[str, Any]:
    from console.backup import archive
    from console.backup.making import restore_backup
    from console.home import Home, default_directory
    from console.servers import run_servers

    def tell(text: str) -> None:
        if not quiet:
            click.echo(text, file=sys.stderr)

    if directory is None and "DATABASE_URL" in os.environ:
        tell(f"Restoring {file} ...")
        return await restore_backup(os.environ["DATABASE_URL"], file, _rings(os.environ))
    place = directory or default_directory()
    archive.read(file)
    if not (place / "secrets.json").exists():
        raise UsageProblem(
            f"There is no secrets.json in {place}.",
            fix="Put the one of the hub that was backed up there: its keys open what is in the backup.",
        )
    home = Home.open(place)
    with run_servers(place, log=tell) as servers:
        tell(f"Restoring {file} ...")
        url = servers.endpoints.database_url
        return await restore_backup(
            url, file, _rings(home.environment(url, None, "fairway_worker")), home.passwords
        )


def _hub_here() -> tuple[str, dict[str, Any], str]:
    """The owner's URL, the keyrings, and where the keys are kept."""
    from console.home import Home, default_directory

    if "DATABASE_URL" in os.environ:
        names = "FAIRWAY_INBOUND_KEYS and FAIRWAY_OUTBOUND_KEYS"
        return os.environ["DATABASE_URL"], _rings(os.environ), names
    home = Home.open(default_directory())
    url = home.running()["database_url"]
    return url, _rings(home.environment(url, None, "fairway_worker")), str(home.directory / "secrets.json")


def _rings(environment: Mapping[str, str]) -> dict[str, Any]:
    """Both keyrings; raises `UsageProblem` where one is not named."""
    from core.settings import read_settings

    settings = read_settings(environment)
    if settings.outbound is None:
        raise UsageProblem(
            "FAIRWAY_OUTBOUND_KEYS is not set.", fix="A backup is of use with both keyrings only: name them."
        )
    return {"inbound": settings.inbound, "outbound": settings.outbound}
