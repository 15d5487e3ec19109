"""Makes the public web application from what the shell opened. Serves nothing by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from aiohttp import web

from core.clock import Clock
from core.connector import Connector
from core.settings import Settings
from core.store.database import Database
from core.usecases.accept_delivery import LANES, Intake
from core.wake import Ring
from webhooks.body import BodyReader
from webhooks.directory import LOOKUPS, Directory
from webhooks.edge import EDGE, Edge, answer
from webhooks.routes import routes

POOL_SIZE = LANES + LOOKUPS + 2  # commits, look-ups, counters, readiness: none waits for another


def create_app(
    settings: Settings,
    *,
    database: Database,
    registry: Mapping[str, Connector],
    clock: Clock,
    ring: Ring,
) -> web.Application:
    """The application. *ring* wakes workers after commits, best effort.

    *database* is a pool of `POOL_SIZE` sessions of the role fairway_web; the caller closes it.
    """
    app = web.Application(middlewares=[answer])

    async def hold_open(app: web.Application) -> AsyncIterator[None]:
        intake = Intake(database, ring)
        app[EDGE] = Edge(
            database=database,
            clock=clock,
            directory=Directory(database, registry, settings.inbound),
            bodies=BodyReader(settings.max_body, settings.read_deadline_s),
            intake=intake,
        )
        yield
        await intake.close()

    app.cleanup_ctx.append(hold_open)
    app.add_routes(routes())
    return app
