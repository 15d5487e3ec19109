"""A bare aiohttp server: reads a webhook's body, checks its HMAC, answers 200 and keeps nothing. Nothing can be faster
that is made of the same parts, so rates are given as a share of its own. Run as a program; prints its address.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import hmac
import os
import signal
from base64 import b64encode
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.Response]]


def authentic(request: web.Request, body: bytes, secret: bytes) -> bool:
    """Whether *body* is signed as a WooCommerce shop signs."""
    expected = b64encode(hmac.new(secret, body, hashlib.sha256).digest())
    return hmac.compare_digest(expected, request.headers["X-WC-Webhook-Signature"].encode())


def echo(secret: bytes) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        if not authentic(request, await request.read(), secret):
            return web.Response(status=401)
        return web.Response()

    return handle


async def answer(handler: Handler) -> None:
    """Serve webhooks with *handler* on a free port until SIGTERM; prints the address."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    app = web.Application()
    app.add_routes([web.post("/hooks/{token}/{topic}", handler)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    gc.freeze()
    print("http://{}:{}".format(*runner.addresses[0][:2]), flush=True)
    await stopped.wait()
    await runner.cleanup()


if __name__ == "__main__":
    import uvloop

    uvloop.run(answer(echo(os.environ["BENCH_SECRET"].encode())))
