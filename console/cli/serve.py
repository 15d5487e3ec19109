"""Commands that run: the whole hub, one role of it, the migrations."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from console.cli.show import print_json, run
from core.errors import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from console.successor import Place
    from core.connector import Connector
    from core.settings import Settings


@click.command()
@click.option("--directory", type=click.Path(path_type=Path), help="Where data and keys live.")
@click.option("--port", default=8400, show_default=True, help="Where webhooks arrive.")
@click.option("--pages-port", default=8401, show_default=True, help="Where the status page is.")
@click.option("--allow-private-hosts", is_flag=True, help="Let connections point at this network.")
def up(directory: Path | None, port: int, pages_port: int, allow_private_hosts: bool) -> None:
    """Run the whole hub until Ctrl-C: PostgreSQL, Valkey, web, worker and the status page.

    Meant for evaluation and one small shop; give it DATABASE_URL and REDIS_URL to use your own servers.
    """
    from console.home import default_directory

    run(_up(directory or default_directory(), port, pages_port, allow_private_hosts=allow_private_hosts))


async def _up(directory: Path, port: int, pages_port: int, *, allow_private_hosts: bool) -> None:
    from console.home import Home
    from console.processes import Process, keep_running, running
    from console.servers import run_servers
    from core.store.migrate import migrate

    home = Home.open(directory)
    with run_servers(directory, log=_say) as servers:
        for name in await migrate(servers.endpoints.database_url, home.passwords):
            _say(f"migrated: {name}")
        shared = {
            "FAIRWAY_PORT": str(port),
            "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1" if allow_private_hosts else "0",
        }
        web, worker = (
            Process(
                role,
                {
                    **home.environment(
                        servers.endpoints.database_url, servers.endpoints.redis_url, f"fairway_{role}"
                    ),
                    **shared,
                },
                directory / f"{role}.log",
            )
            for role in ("web", "worker")
        )
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        async with (
            running(web, worker),
            status_page(home, servers.endpoints.database_url, pages_port) as pages_url,
        ):
            home.announce(
                {
                    "database_url": servers.endpoints.database_url,
                    "redis_url": servers.endpoints.redis_url or "",
                    "web_url": web.address,
                    "pages_url": pages_url,
                    "allow_private_hosts": shared["FAIRWAY_ALLOW_PRIVATE_HOSTS"],
                }
            )
            _say(f"webhooks  {web.address}/hooks/...")
            _say(f"status    {pages_url}")
            _say("Next: ./fairway connect --help   (Ctrl-C stops the hub)")
            keeping = asyncio.create_task(keep_running((web, worker), _say))
            keeping.add_done_callback(lambda _: stopped.set())
            try:
                await stopped.wait()
                if keeping.done():
                    keeping.result()  # it ends only with an error
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
                home.withdraw()


def status_page(home: object, database_url: str, port: int):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Serve the status page while a block runs; yields its address."""
    from contextlib import asynccontextmanager

    from console.home import Home, as_role
    from console.pages.app import create_pages, serve_pages
    from core.store.database import Database

    assert isinstance(home, Home)  # noqa: S101 - a lazy import keeps the type out of the signature

    @asynccontextmanager
    async def serving():  # type: ignore[no-untyped-def]  # noqa: ANN202
        url = as_role(database_url, "fairway_read", home.passwords["fairway_read"])
        database = await Database.connect(url, size=2, application="fairway-pages")
        runner, address = await serve_pages(create_pages(database, database.clock), "127.0.0.1", port)
        try:
            yield address
        finally:
            await runner.cleanup()
            await database.close()

    return serving()


@click.command()
def web() -> None:
    """Run one web process with the settings of the environment. Prints its address when it is ready."""
    run(_web())


async def _web() -> None:
    from connectors import discover
    from console.admin import admin_port
    from console.cli.starting import start_safely
    from console.processes import collect_less_often, die_with_parent
    from core.log import set_up_logging
    from core.settings import read_settings
    from core.store.database import Database
    from core.wake import Silent
    from jobs.wake import RedisWake, open_redis
    from webhooks.app import POOL_SIZE, create_app
    from webhooks.server import serve

    die_with_parent()
    collect_less_often()
    set_up_logging()
    settings = read_settings()
    await start_safely(settings, works=False)
    database = await Database.connect(
        settings.database_url,
        size=POOL_SIZE,
        application="fairway-web",
        statement_cache=settings.statement_cache,
    )
    redis = open_redis(settings.redis_url) if settings.redis_url else None

    ring = RedisWake(redis, settings.share.queues).ring if redis else Silent().ring
    app = create_app(settings, database=database, registry=discover(), clock=database.clock, ring=ring)
    try:
        async with admin_port(settings, works=False):
            await serve(app, settings, announce=lambda address: print(address, flush=True))
    finally:
        await database.close()
        if redis:
            await redis.aclose(close_connection_pool=True)


@click.command()
def worker() -> None:
    """Run one worker process with the settings of the environment. Prints "ready" when it works.

    It works in a child of its own. Where a signal ends that (a delivery may crash it, or fill the memory), another takes
    its place within a fraction of a second.
    """
    from connectors import discover
    from console import admin as _imported  # noqa: F401 - with all that it works with, before there are children
    from console.processes import collect_less_often, die_with_parent
    from console.successor import take_place
    from core.log import set_up_logging
    from core.settings import read_settings
    from jobs import worker as _worked_with  # noqa: F401 - likewise

    die_with_parent()
    set_up_logging()
    settings, registry = read_settings(), discover()
    collect_less_often()
    run(_worker(settings, registry, take_place()))


async def _worker(settings: Settings, registry: Mapping[str, Connector], place: Place) -> None:
    from console.admin import admin_port
    from console.cli.starting import start_safely
    from jobs.worker import run_worker

    if place.before is None:
        await start_safely(settings, works=True)
    async with admin_port(settings, works=True):
        await run_worker(
            settings,
            registry,
            announce=place.announce,
            holder=place.holder,
            before=place.before,
            since=place.since,
        )


@click.command("migrate")
@click.option("--json", "as_json", is_flag=True)
def migrate_command(as_json: bool) -> None:
    """Bring the database of DATABASE_URL (its owner's URL) to the newest schema. Safe to run again."""
    from core.settings import secret
    from core.store.migrate import migrate

    url = secret(os.environ, "DATABASE_URL")
    if not url:
        raise UsageProblem(
            "DATABASE_URL is not set.", fix="`./fairway up` migrates its own database by itself."
        )
    ran = asyncio.run(migrate(url))
    if as_json:
        print_json({"migrated": ran})
    else:
        click.echo("\n".join(ran) or "Nothing to do: the schema is the newest.")


def _say(text: str) -> None:
    click.echo(text, file=sys.stderr)
