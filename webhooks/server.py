"""Serves an application on an address until it is told to stop, then drains it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from core.log import get_log
from core.settings import Settings
from webhooks.edge import EDGE
from webhooks.protocol import LINGER_S, EdgeServer, Gate
from webhooks.routes import hooks_first

KEEP_ALIVE_S = 75.0  # idle connections; longer than a proxy in front keeps its own, so that it closes first
DRAIN_S = 15.0  # for requests that are being served when the process is told to stop

log = get_log("web")


class _Runner(web.AppRunner):
    def __init__(self, app: web.Application, *, head_deadline_s: float, **settings: Any) -> None:
        super().__init__(app, **settings)
        self._head_deadline_s = head_deadline_s
        self.gate = Gate()

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return EdgeServer(
            hooks_first(self.app, plain.request_handler),
            request_factory=plain.request_factory,
            head_deadline_s=self._head_deadline_s,
            gate=self.gate,
            **self._kwargs,
        )


@asynccontextmanager
async def listening(app: web.Application, settings: Settings) -> AsyncIterator[int]:
    """Serve while the block runs; yields the port (chosen by the system when the setting is 0).

    At the end: /readyz says no for `leave_s`, then there are no new connections, requests that are being served get their
    answers, what waits is committed.
    """
    runner = _Runner(
        app,
        head_deadline_s=settings.read_deadline_s,
        access_log=None,
        auto_decompress=False,  # signatures are over raw bytes; a small body must not become large
        keepalive_timeout=KEEP_ALIVE_S,
        lingering_time=LINGER_S,
        shutdown_timeout=DRAIN_S,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
        await site.start()
        yield runner.addresses[0][1]
        await _drain(app, site, settings.leave_s)
    finally:
        await runner.cleanup()


async def _drain(app: web.Application, site: web.TCPSite, leave_s: float) -> None:
    edge = app[EDGE]
    edge.draining = True
    # Whoever sends here looks at /readyz first, but not before every request. What a channel or a proxy keeps open
    # is told "Connection: close" with its next answer.
    await asyncio.sleep(leave_s)
    await site.stop()
    # The library would cut off bodies that are still arriving, so wait for them before it is told to stop.
    if edge.in_flight:
        edge.idle.clear()  # what ended until now is not what is waited for
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await edge.idle.wait()


async def serve(app: web.Application, settings: Settings, *, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. *announce* is told the address once it takes connections."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        async with listening(app, settings) as port:
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            announce(f"http://{host}:{port}")
            await stop.wait()
            log.info("stopping: finishing what is being served")
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
