"""The line to a simulated account: carries requests over HTTP, remembers them, and loses the answers it is told to."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import aiohttp

from core.connector import Credentials
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, Response
from core.net import Line, Send, drive, sender

T = TypeVar("T")


class Killed(Exception):
    """The process ended right after the channel had done what it was asked."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One call as it left: *request* as the flow made it, *url* and *headers* with the credentials in them."""

    request: Request
    url: str
    headers: Mapping[str, str]
    answer: Response


@dataclass(slots=True)
class Wire:
    """*meanwhile* is called before each request goes out; *lose* names the request (0, 1, ...) whose answer is lost
    after it had its effect: a write then times out, and a process that waited for a read is killed.
    """

    line: Line
    meanwhile: Callable[[], None] = lambda: None
    lose: int | None = None
    sent: list[Sent] = field(default_factory=list)
    _asked: Request | None = None
    _carry: Send = field(init=False)

    def __post_init__(self) -> None:
        self._carry = self.line.send
        self.line = replace(self.line, send=self._send)

    def with_credentials(self, credentials: Credentials) -> Wire:
        """Another line to the same account."""
        return Wire(replace(self.line, send=self._carry, credentials=credentials))

    async def run(self, flow: Flow[T]) -> T:
        """Drive *flow* to its value; raises what it lets through, or `Killed`."""
        return await drive(self._watched(flow), self.line)

    async def run_losing(self, place: int, flow: Flow[T]) -> T | None:
        """Drive *flow* while the answer to its request number *place* is lost; None where it did not survive that."""
        self.lose = len(self.sent) + place
        try:
            return await self.run(flow)
        except (ChannelError, Killed):
            return None
        finally:
            self.lose = None

    def _watched(self, flow: Flow[T]) -> Generator[Request, Response, T]:
        request = next_of(flow.__next__)
        while isinstance(request, Request):
            self._asked = request
            try:
                answer = yield request
            except ChannelError as error:
                request = next_of(flow.throw, error)
            else:
                request = next_of(flow.send, answer)
        value: T = request.value
        return value

    async def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        assert self._asked is not None
        self.meanwhile()
        answer = await self._carry(method, url, headers, body)
        place = len(self.sent)
        self.sent.append(Sent(self._asked, url, headers, answer))
        if place == self.lose and self._asked.reads:
            raise Killed
        if place == self.lose:
            raise ChannelError(ErrorCode.TIMEOUT, "the answer was lost")
        return answer


def next_of(step: Callable[..., Request], *given: Any) -> Request | StopIteration:
    """The next request of a flow, or the end that holds its value."""
    try:
        return step(*given)
    except StopIteration as end:
        return end


def carrier_of(client: aiohttp.ClientSession) -> Send:
    """How requests reach a simulator on this machine."""
    return sender(client, allow_private_hosts=True, deadline_s=10)


async def value_or_error(wire: Wire, flow: Flow[T]) -> T | ChannelError:
    """What *flow* gives, or the refusal it ends with."""
    try:
        return await wire.run(flow)
    except ChannelError as error:
        return error
