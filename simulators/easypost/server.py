"""EasyPost's API over HTTP: who asks, and answers and refusals as EasyPost writes them.

https://docs.easypost.com/docs/errors
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode
from binascii import Error as NotBase64
from typing import TYPE_CHECKING

from aiohttp import web

from simulators.easypost.api import Api, Refusal
from simulators.faults import Handler, faulty

if TYPE_CHECKING:
    from simulators.easypost.simulator import EasyPostSimulator


def application(account: EasyPostSimulator) -> web.Application:
    @web.middleware
    async def speak(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if not _known(request.headers.get("Authorization", ""), account.key):
                raise Refusal(401, "UNAUTHORIZED", "Authentication is required and has failed.")
            return await handler(request)
        except Refusal as refusal:
            return _refused(refusal)
        except web.HTTPNotFound:
            return _refused(Refusal(404, "NOT_FOUND", "The requested resource could not be found."))
        except web.HTTPMethodNotAllowed:
            return _refused(Refusal(405, "METHOD_NOT_ALLOWED", "The request method is not supported here."))

    api = Api(account)
    spoil = faulty(lambda: account.call_faults, account.call_luck)
    app = web.Application(middlewares=[spoil, speak])
    app.router.add_get("/v2/users", api.user)
    app.router.add_get("/v2/trackers", api.trackers)
    app.router.add_post("/v2/trackers", api.track)
    app.router.add_get("/v2/trackers/{id}", api.tracker)
    app.router.add_get("/v2/webhooks", api.hooks)
    app.router.add_post("/v2/webhooks", api.add_hook)
    app.router.add_get("/v2/webhooks/{id}", api.hook)
    app.router.add_patch("/v2/webhooks/{id}", api.change_hook)
    app.router.add_delete("/v2/webhooks/{id}", api.remove_hook)
    app.router.add_get("/v2/events", api.events)
    app.router.add_get("/v2/events/{id}", api.event)
    return app


def _known(authorization: str, key: str | None) -> bool:
    """The key is the user of HTTP Basic, without a password, or, as EasyPost's own clients send it, a bearer."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            given = b64decode(given).decode().removesuffix(":")
        except (NotBase64, UnicodeDecodeError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return key is not None and hmac.compare_digest(given.encode(), key.encode())


def _refused(refusal: Refusal) -> web.Response:
    return web.Response(text=json.dumps(refusal.body), status=refusal.status, content_type="application/json")
