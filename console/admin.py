"""The port for operators, apart from the one that channels reach: /metrics and /healthz. Off unless it is asked for.

What waits in the database is looked at when somebody asks, every five seconds at most, through a session of its own: so
figures come even when the process has none to spare, and nobody's work waits for them.
"""

from __future__ import annotations

import asyncio
import platform
import tomllib
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from aiohttp import web
from arq.connections import ArqRedis
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from console.home import CHECKOUT
from core import metrics
from core.errors import UsageProblem
from core.log import get_log
from core.settings import Settings
from core.store.database import Database
from core.store.gauges import Counts, Waiting, waiting
from jobs.wake import open_redis

KEPT_S = 5.0  # what a look found is told again for so long
PATIENCE_S = 3.0  # with the database and Redis; a scrape gives up after 10 s by itself
TICK_S = 0.25  # between two looks at how late the event loop is

log = get_log("admin")


@dataclass(slots=True, eq=False)
class State(Collector):
    """What the last look found, as gauges. What could not be found is left out, rather than told as it was."""

    works: bool
    database: Database
    redis: ArqRedis | None
    database_up: bool = False
    redis_up: bool = False
    found: Waiting | None = None
    _looked_at: float = float("-inf")

    async def look(self) -> None:
        """Look, unless that was done a moment ago."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at < KEPT_S:
            return
        self._looked_at = now
        await asyncio.gather(self._look_at_database(), self._look_at_redis())

    async def _look_at_database(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S), self.database.transaction([]) as tx:
                self.found = await waiting(tx, self.database.clock()) if self.works else None
            self.database_up = True
        except Exception as error:  # noqa: BLE001 - whatever it was, the figures say that it is away
            log.info("the database was not looked at", extra={"fields": {"error": type(error).__name__}})
            self.database_up, self.found = False, None

    async def _look_at_redis(self) -> None:
        if self.redis is None:
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                self.redis_up = bool(await self.redis.ping())
        except Exception:  # noqa: BLE001 - as above
            self.redis_up = False

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: what is told changes with what was found."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Called by the registry, after `look`."""
        role = "worker" if self.works else "web"
        build = ("version", "python", "role")
        yield _gauge("build_info", "Always 1.", {(_version(), platform.python_version(), role): 1}, build)
        yield _gauge("database_up", "1 while the database answers.", {(): self.database_up})
        if self.redis is not None:
            yield _gauge("redis_up", "1 while Redis answers.", {(): self.redis_up})
        if self.found is not None:
            yield from _families(self.found)


def _families(found: Waiting) -> Iterable[GaugeMetricFamily]:
    yield _gauge("deliveries_waiting", "Deliveries not understood yet.", {(): found.deliveries})
    yield _gauge(
        "deliveries_oldest_seconds", "How long the oldest of them waits.", {(): found.delivery_age_s}
    )
    yield _gauge("deliveries_parked", "Deliveries that wait for a person.", {(): found.parked})
    yield _gauge(
        "effects_rejected", "What targets refused to be told, for a person.", {(): found.effects_rejected}
    )
    yield _gauge("levels_refused", "Stock levels that channels refused for good.", {(): found.levels_refused})
    yield _gauge("work_due", "Work that is due and nobody does.", found.due, ("kind",))
    yield _gauge("work_oldest_due_seconds", "How long the oldest of it is due.", found.due_age_s, ("kind",))
    yield _gauge("connections", "Accounts at channels.", found.connections, ("channel", "status"))
    yield _gauge(
        "circuits_open", "Connections that are not called for a while.", found.circuits, ("channel",)
    )
    yield _gauge(
        "incidents_open", "Open incidents: units sold that are not there.", found.incidents, ("kind",)
    )
    yield _gauge("drifts_open", "Open differences from what channels show.", found.drifts, ("status",))


def _gauge(name: str, words: str, values: Counts, labels: tuple[str, ...] = ()) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"fairway_{name}", words, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def _version() -> str:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    return str(project["project"]["version"])


@asynccontextmanager
async def admin_port(settings: Settings, *, works: bool) -> AsyncIterator[int]:
    """Serve it while the block runs, if the settings ask for it; yields its port, 0 where there is none.

    *works* says that this is a worker, which may see all queues. Raises `UsageProblem` when the port is taken.
    """
    if settings.metrics_port is None:
        yield 0
        return
    async with AsyncExitStack() as stack:
        database = await Database.connect(
            settings.database_url,
            size=1,
            application="fairway-metrics",
            statement_cache=settings.statement_cache,
        )
        stack.push_async_callback(database.close)
        redis = open_redis(settings.redis_url) if settings.redis_url else None
        if redis:
            stack.push_async_callback(redis.aclose, close_connection_pool=True)
        state = State(works, database, redis)
        REGISTRY.register(state)
        stack.callback(REGISTRY.unregister, state)
        ticking = asyncio.create_task(_tick())
        stack.push_async_callback(_end, ticking)
        runner = web.AppRunner(_app(state), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        try:
            await web.TCPSite(runner, settings.metrics_host, settings.metrics_port).start()
        except OSError as error:
            raise UsageProblem(
                f"{settings.metrics_host}:{settings.metrics_port} cannot be listened at ({error.strerror}).",
                fix="Give each process a FAIRWAY_METRICS_PORT of its own.",
            ) from None
        yield runner.addresses[0][1]


def _app(state: State) -> web.Application:
    async def show(_request: web.Request) -> web.Response:
        await state.look()
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def health(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    app = web.Application()
    app.add_routes([web.get("/metrics", show), web.get("/healthz", health)])
    return app


async def _tick() -> None:
    """Measure, again and again, how late the event loop comes back."""
    loop = asyncio.get_running_loop()
    while True:
        wanted = loop.time() + TICK_S
        await asyncio.sleep(TICK_S)
        metrics.LOOP_LAG_SECONDS.observe(max(0.0, loop.time() - wanted))


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
