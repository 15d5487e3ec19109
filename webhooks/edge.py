"""What the web process holds open, and the one middleware around every handler."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from core.clock import Clock
from core.log import get_log
from core.store.database import Database
from core.usecases.accept_delivery import Intake
from webhooks.body import BodyReader
from webhooks.directory import Directory
from webhooks.problems import SERVER, Refusal, problem

READY_KEPT_S = 1.0  # asking more often does not ask the database
READY_PATIENCE_S = 1.5

log = get_log("web")


@dataclass(slots=True)
class Edge:
    """One web process's open things, made when its application starts."""

    database: Database
    clock: Clock
    directory: Directory
    bodies: BodyReader
    intake: Intake
    alarms: dict[tuple[int, str], datetime] = field(default_factory=dict)
    draining: bool = False
    in_flight: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)  # set when the last request of a drain ends
    _probe: asyncio.Task[bool] | None = None
    _probed: float = 0.0

    async def ready(self) -> bool:
        """Whether the database answered within the last second."""
        time = asyncio.get_running_loop().time()
        if self._probe is None or (self._probe.done() and time - self._probed >= READY_KEPT_S):
            self._probed = time
            self._probe = asyncio.create_task(self._reachable())
        await asyncio.wait([self._probe], timeout=READY_PATIENCE_S)
        return self._probe.done() and self._probe.result()

    async def _reachable(self) -> bool:
        try:
            async with self.database.transaction([]):
                return True
        except Exception:  # noqa: BLE001 - every error is the same answer
            return False


EDGE = web.AppKey("edge", Edge)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every handler's answer, as `answered` has it."""
    return await answered(request.app[EDGE], handler(request))


async def answered(edge: Edge, answering: Awaitable[web.StreamResponse]) -> web.StreamResponse:
    """Turn refusals into problems, and let connections go while the process drains."""
    edge.in_flight += 1
    try:
        response = await answering
    except Refusal as refusal:
        response = problem(refusal.slug)
    finally:
        edge.in_flight -= 1
        if edge.draining and not edge.in_flight:
            edge.idle.set()
    if edge.draining:
        response.force_close()
    return response


async def health(request: web.Request) -> web.Response:  # noqa: ARG001 - the handler's shape
    """The event loop turns."""
    return web.Response(text="ok\n", headers=SERVER)


async def ready(request: web.Request) -> web.Response:
    """Send traffic here: the database answers and the process is not stopping."""
    edge = request.app[EDGE]
    if edge.draining:
        raise Refusal("draining")
    if not await edge.ready():
        raise Refusal("dependency-down")
    return web.Response(text="ready\n", headers=SERVER)
