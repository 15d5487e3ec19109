"""Every address the public edge answers; any other is 404."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from webhooks.edge import EDGE, answered, health, ready
from webhooks.hooks import expect, receive, take

# Anything stranger than this in a path (dot segments, empty segments, escapes) is no address of ours.
_TOKEN = "[A-Za-z0-9_-]{1,64}"  # noqa: S105 - what one looks like
_TOPIC = "[A-Za-z0-9][A-Za-z0-9._:-]{0,63}(?:/[A-Za-z0-9][A-Za-z0-9._:-]{0,63}){0,3}"
_HOOK = f"/hooks/{{token:{_TOKEN}}}/{{topic:{_TOPIC}}}"
_PLAIN_HOOK = re.compile(f"/hooks/({_TOKEN})/({_TOPIC})")


def routes() -> list[web.RouteDef]:
    return [
        web.post(_HOOK, receive, expect_handler=expect),
        web.get("/healthz", health),
        web.get("/readyz", ready),
    ]


Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def hooks_first(app: web.Application, others: Answering) -> Answering:
    """Take deliveries before the router is asked, which costs a tenth of what a delivery does; all else goes to *others*."""
    edge, plain = app[EDGE], _PLAIN_HOOK.fullmatch

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        found = plain(request.raw_path) if request.method == hdrs.METH_POST else None
        if found is None or hdrs.EXPECT in request.headers:
            return await others(request)
        return await answered(edge, take(edge, request, *found.groups()))

    return handle
