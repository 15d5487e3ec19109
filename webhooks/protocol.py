"""The HTTP server's connection: a deadline for heads, and errors that echo and log nothing of a request.

aiohttp's own answer to a head it cannot read quotes the head, which may hold credentials.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from core.log import get_log
from webhooks.problems import as_problem, problem

log = get_log("web")


class EdgeConnection(RequestHandler):
    """One client. *head_deadline_s* runs from connecting, or from the first byte of a later head."""

    def __init__(self, manager: web.Server, *, head_deadline_s: float, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._head_deadline_s = head_deadline_s
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._head_timer = self._loop.call_later(self._head_deadline_s, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        heads = self._request_count
        super().data_received(data)
        if self._request_count > heads:
            self._stop_timer()
        elif self._head_timer is None and self._waiter is not None and not self._force_close:
            # Nobody is being served and these bytes completed no head: they began one.
            self._head_timer = self._loop.call_later(self._head_deadline_s, self.force_close)

    def _stop_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer, the library's own refusals in our words."""
        return await super().finish_response(
            request, as_problem(resp) if isinstance(resp, web.HTTPException) else resp, start_time
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """Answer what no handler did: a head that is not HTTP, or an error of ours."""
        if status >= 500:
            log.error("a request failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("An answer was begun already.")
        return problem("malformed-http" if status < 500 else "internal")


class EdgeServer(web.Server):
    """Makes an `EdgeConnection` for each client."""

    def __call__(self) -> RequestHandler:
        return EdgeConnection(self, loop=self._loop, **self._kwargs)
