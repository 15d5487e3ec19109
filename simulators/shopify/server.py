"""The simulated Admin API over HTTP: one address, the token in a header. Knows no GraphQL."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

if TYPE_CHECKING:
    from simulators.shopify.api import Api

BAD_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"  # noqa: S105 - a message


def application(api: Api, token: Callable[[], str | None], spoil: Middleware) -> web.Application:
    """*token* gives the token that is valid now, or None when it was revoked; *spoil* is what befalls calls."""

    async def graphql(request: web.Request) -> web.Response:
        valid, given = token(), request.headers.get("X-Shopify-Access-Token", "")
        if valid is None or not hmac.compare_digest(given.encode(), valid.encode()):
            return _json({"errors": BAD_TOKEN}, 401)
        try:
            asked = await request.json()
            query = asked["query"]
        except (ValueError, KeyError, TypeError):
            return _json({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        return _json(api.answer(query, asked.get("variables"), asked.get("operationName")), 200)

    app = web.Application(client_max_size=8 * 2**20, middlewares=[spoil])
    app.router.add_post("/admin/api/{version}/graphql.json", graphql)
    return app


def _json(body: object, status: int) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
