"""The HTTP server's connection: a deadline for heads, a gate for bursts, errors that echo and log nothing of a request.

aiohttp's own answer to a head it cannot read quotes the head, which may hold credentials.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from core import metrics
from core.log import get_log
from webhooks.problems import as_problem, problem

GATE = 32 * 1024 * 1024  # bytes of requests that are not answered yet
# What a request counts besides its bytes: 256 small ones fill the gate, the most that are soon answered.
COSTS = 128 * 1024
LINGER_S = 1.0  # reading on after an early refusal, so that the sender sees it before the connection ends

log = get_log("web")


@dataclass(slots=True)
class Gate:
    """What this process holds of requests that are not answered. Full, it takes no new ones: they are answered 503
    unread, since what is read takes memory before anybody can look at it.
    """

    held: int = 0
    shed: int = 0

    @property
    def full(self) -> bool:
        return self.held >= GATE


class EdgeConnection(RequestHandler):
    """One client. *head_deadline_s* runs from connecting, or from the first byte of a later head."""

    def __init__(self, manager: web.Server, *, head_deadline_s: float, gate: Gate, **settings: Any) -> None:
        super().__init__(manager, **settings)
        self._head_deadline_s = head_deadline_s
        self._head_timer: asyncio.TimerHandle | None = None
        self._gate = gate
        self._holds = 0  # of what the gate holds
        self._shed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._head_timer = self._loop.call_later(self._head_deadline_s, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_timer()
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._shed or self._is_shed(data):
            return
        heads = self._request_count
        super().data_received(data)
        if self._request_count > heads:
            self._stop_timer()
            self._hold(COSTS)
        elif self._head_timer is None and self._waiter is not None and not self._force_close:
            # Nobody is being served and these bytes completed no head: they began one.
            self._head_timer = self._loop.call_later(self._head_deadline_s, self.force_close)

        if self._holds:
            self._hold(len(data))

    def _is_shed(self, data: bytes) -> bool:
        """Refuse what begins now, if there is no room for it. Whoever asks how we are is always answered."""
        begins = not self._holds and self._current_request is None and not self._messages
        if not (self._gate.full and begins and data.startswith(b"POST ")) or self.transport is None:
            return False
        self._shed = True
        self._gate.shed += 1
        metrics.refused("gate", 503)
        self._stop_timer()
        self.transport.write(_OVERLOADED)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._loop.call_later(LINGER_S, self.force_close)
        return True

    def _hold(self, size: int) -> None:
        self._holds += size
        self._gate.held += size

    def _leave(self) -> None:
        self._gate.held -= self._holds
        self._holds = 0

    def _stop_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
            self._head_timer = None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer, the library's own refusals in our words."""
        # Answers are mappings, too, whose isinstance is slow; nearly all are plain ones.
        if type(resp) is not web.Response and isinstance(resp, web.HTTPException):
            resp = as_problem(resp)
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._leave()

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


def _overloaded() -> bytes:
    """The answer of `problems` as it is on the wire: nobody has read the request that it answers."""
    answer = problem("overloaded")
    assert isinstance(answer.body, bytes)  # noqa: S101 - made a line above
    fields = {
        **answer.headers,
        "Content-Length": str(len(answer.body)),
        "Connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 503 Service Unavailable\r\n{head}\r\n".encode() + answer.body


_OVERLOADED = _overloaded()


class EdgeServer(web.Server):
    """Makes an `EdgeConnection` for each client."""

    def __call__(self) -> RequestHandler:
        return EdgeConnection(self, loop=self._loop, **self._kwargs)
