"""Looks at everything an operator would check, and says what to do."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click

from console.cli.show import print_json, run
from core.errors import FairwayError

if TYPE_CHECKING:
    from core.settings import Settings
    from core.usecases.examine import Finding

SLOW_REDIS_MS = 50.0  # what a ring may take before we go on without it
LITTLE_DISK, VERY_LITTLE_DISK = 5e9, 1e9  # bytes
FEW_FILES = 1024  # clients of a web process that is busy
MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


@click.command()
@click.option("--online", is_flag=True, help="Also call every channel and ask whose account it is.")
@click.option("--json", "as_json", is_flag=True)
def doctor(online: bool, as_json: bool) -> int:
    """Check the settings, the servers, the keys, the queues and the connections; exit 1 when there is a problem."""

    async def work() -> list[Finding]:
        found = []
        async for finding in _examine(online=online):
            found.append(finding)
            if not as_json:
                _tell(finding)
        return found

    found = run(work())
    if as_json:
        print_json(found)
    else:
        _conclude(found)
    return 1 if any(finding.state == "problem" for finding in found) else 0


async def _examine(*, online: bool) -> AsyncIterator[Finding]:
    from connectors import discover
    from console.cli.here import settings_here
    from core.hub import open_hub
    from core.usecases import examine, examine_work

    yield _disk()
    yield _files()
    try:
        settings = settings_here()
    except (FairwayError, OSError) as error:
        fix = error.fix if isinstance(error, FairwayError) else "Make the file readable."
        yield examine.problem("settings", getattr(error, "message", str(error)), fix)
        return
    yield examine.well("settings", "complete")
    yield await _redis(settings)
    try:
        async with open_hub(settings, discover(), application="fairway-cli", pool=2) as hub:
            schema = None
            async for schema in examine.examine_database(hub):
                yield schema
            if schema is None or schema.state != "ok":
                return  # the tables that are asked next may not be there
            for finding in await examine.examined("keys", lambda: examine.examine_keys(hub)):
                yield finding
            async for finding in examine_work.examine_work(hub):
                yield finding
            if online:
                _progress("calling the channels ...")
                async for finding in examine_work.examine_channels(hub):
                    yield finding
    except FairwayError as error:
        yield examine.problem("database", error.message, error.fix)


async def _redis(settings: Settings) -> Finding:
    from redis.exceptions import RedisError

    from core.usecases.examine import warning, well
    from jobs.wake import open_redis

    alone = "Workers look for work themselves meanwhile, so nothing is lost."
    if settings.redis_url is None:
        return warning("redis", "REDIS_URL is not set", alone)
    redis = open_redis(settings.redis_url)
    try:
        await redis.ping()
        started = time.perf_counter()
        await redis.ping()
        took_ms = (time.perf_counter() - started) * 1000
        policy = (await redis.info("memory")).get("maxmemory_policy", "unknown")
    except (RedisError, OSError, TimeoutError) as error:
        return warning("redis", f"does not answer ({type(error).__name__})", f"Start it. {alone}")
    finally:
        await redis.aclose(close_connection_pool=True)
    if policy != "noeviction":
        return warning("redis", f"maxmemory-policy is {policy}: rings may vanish", "Set it to noeviction.")
    if took_ms > SLOW_REDIS_MS:
        return warning(
            "redis", f"answers in {took_ms:.0f} ms: rings are given up", "Put it closer to the hub."
        )
    return well("redis", f"answers in {took_ms:.1f} ms")


def _disk() -> Finding:
    """Of the directory in which the servers that come along keep their data."""
    from console.home import default_directory
    from core.usecases.examine import problem, warning, well

    directory = default_directory()
    if "DATABASE_URL" in os.environ or not directory.exists():
        return well("disk", "the data is not on this machine, or not made yet: not looked at")
    free = shutil.disk_usage(directory).free
    text, fix = f"{free / 1e9:,.1f} GB free at {directory}", "Make room: a full disk stops every commit."
    if free < VERY_LITTLE_DISK:
        return problem("disk", text, fix)
    return warning("disk", text, fix) if free < LITTLE_DISK else well("disk", text)


def _files() -> Finding:
    import resource

    from core.usecases.examine import warning, well

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    text = f"{limit:,} may be open at once" if limit != resource.RLIM_INFINITY else "as many as there are"
    if limit != resource.RLIM_INFINITY and limit < FEW_FILES:
        return warning("files", text, f"Raise it where the hub is started: ulimit -n {4 * FEW_FILES}.")
    return well("files", text)


def _tell(finding: Finding) -> None:
    from console.cli.harmless import harmless

    mark, colour = MARKS[finding.state]
    click.secho(f"{mark} ", fg=colour, nl=False)
    click.echo(harmless(f"{finding.check}: {finding.found}"))


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(text, err=True)


def _conclude(found: list[Any]) -> None:
    from console.cli.harmless import harmless

    wrong = sorted((item for item in found if item.state != "ok"), key=lambda item: item.state == "problem")
    if wrong:
        click.echo()
    for item in wrong:
        mark, colour = MARKS[item.state]
        click.secho(f"{mark} ", fg=colour, nl=False)
        click.echo(harmless(f"{item.check}: {item.found}"))
        click.echo(harmless(f"    {item.fix}"))
    problems = sum(item.state == "problem" for item in found)
    warnings = len(wrong) - problems
    if not wrong:
        click.echo(f"All {len(found)} checks are well.")
    else:
        click.echo(f"{len(found)} checks: {problems} problems, {warnings} warnings.")
