"""Every address the public edge answers; any other is 404."""

from __future__ import annotations

from aiohttp import web

from webhooks.edge import health, ready
from webhooks.hooks import expect, receive

# Anything stranger than this in a path (dot segments, empty segments, escapes) is no address of ours.
_HOOK = (
    "/hooks/{token:[A-Za-z0-9_-]{1,64}}"
    "/{topic:[A-Za-z0-9][A-Za-z0-9._:-]{0,63}(?:/[A-Za-z0-9][A-Za-z0-9._:-]{0,63}){0,3}}"
)


def routes() -> list[web.RouteDef]:
    return [
        web.post(_HOOK, receive, expect_handler=expect),
        web.get("/healthz", health),
        web.get("/readyz", ready),
    ]
