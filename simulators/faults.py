"""What goes wrong between a simulated channel's API and its caller: answers that are lost, late or refused."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class CallFaults:
    """Shares of calls, 0 to 1, and the longest delay in seconds.

    *lost_replies*: the call has its effect, then the connection is cut without an answer. *refused*: 503 before
    anything happens.
    """

    lost_replies: float = 0.0
    refused: float = 0.0
    delay_s: float = 0.0


NO_FAULTS = CallFaults()


def faulty(faults: Callable[[], CallFaults], rng: random.Random) -> Middleware:
    """A middleware that spoils calls as *faults* says at that moment; everything random comes from *rng*."""

    @web.middleware
    async def spoil(request: web.Request, handler: Handler) -> web.StreamResponse:
        now = faults()
        # Each call draws all of its luck: what befalls the tenth does not depend on what the ninth was spared.
        refused, lost, slow = rng.random(), rng.random(), rng.random()
        if refused < now.refused:
            return web.Response(status=503, text="Service Unavailable")
        await asyncio.sleep(slow * now.delay_s)
        answer = await handler(request)
        if lost < now.lost_replies and request.transport is not None:
            request.transport.abort()
        return answer

    return spoil
