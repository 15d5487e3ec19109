"""Drives a channel conversation over HTTP: secrets at the last moment, guarded addresses, one deadline for all.

The only user of an HTTP client. It repeats nothing that may have had an effect.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

import aiohttp
import tenacity
from aiohttp.abc import AbstractResolver, ResolveResult

from core import metrics
from core.clock import Clock
from core.connector import Connector, Credentials, Settings
from core.errors import ChannelError, ErrorCode
from core.failpoints import reach
from core.flow import Flow, Request, Response

T = TypeVar("T")

MAX_ANSWER = 20 * 1024 * 1024  # bytes of one answer, decoded

# Everything that is not a public unicast address, by RFC 6890 and its successors, and what clouds hide behind:
# Python's own `is_global` lets several of these through.
_PRIVATE = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 "
        "168.63.129.16/32 ::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 "
        "2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8"
    ).split()
]

_until: ContextVar[float] = ContextVar("until", default=math.inf)  # `Line.until` of the call that is made

Send = Callable[[str, str, Mapping[str, str], bytes | None], Awaitable[Response]]


def is_public(address: str) -> bool:
    """Whether an IP address may be called: public unicast, nothing that leads back inside."""
    try:
        parsed = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    return not any(parsed in network for network in _PRIVATE if network.version == parsed.version)


class _GuardedResolver(AbstractResolver):
    """Resolves once and hands out the addresses it has checked, so that a name cannot change in between."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family  # both are looked up: whichever is taken has been checked
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [(family, str(sockaddr[0])) for family, _, _, _, sockaddr in found]
        if not addresses or not all(is_public(address) for _, address in addresses):
            raise OSError(f"{host} does not lead to a public address")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)
            for kind, address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


def open_client(*, allow_private_hosts: bool) -> aiohttp.ClientSession:
    """The one client session of a process; close it at the end."""
    connector = (
        aiohttp.TCPConnector(limit=64)
        if allow_private_hosts
        else aiohttp.TCPConnector(limit=64, resolver=_GuardedResolver())
    )
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_in_time)
    trace.on_connection_reuseconn.append(_in_time)
    client = aiohttp.ClientSession(
        connector=connector,
        trace_configs=[trace],
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
        headers={"User-Agent": "Fairway"},
    )
    # By itself it sends GET, PUT and DELETE again when a kept connection breaks: with the same nonce, past our budget,
    # and without a word. aiohttp's own test client switches that off in the same way.
    client._retry_connection = False  # noqa: SLF001
    return client


async def _in_time(*_: object) -> None:
    """Looks at the clock once more when the connection is there: a process may have been stopped while it was made."""
    if time.monotonic() >= _until.get():
        raise TooLate(ErrorCode.NOT_SENT, "the time for it was over before it was sent")


def sender(client: aiohttp.ClientSession, *, allow_private_hosts: bool, deadline_s: float) -> Send:
    """How one request is sent: no redirects, one total deadline, a cap on the answer.

    Raises `ChannelError`: NOT_SENT when no byte left, TIMEOUT when an answer is missing, TOO_LARGE.
    """

    async def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        host = urlsplit(url).hostname or ""
        if not allow_private_hosts and (not url.startswith("https://") or _literal_inside(host)):
            raise ChannelError(ErrorCode.NOT_SENT, f"{host} is not a public https address")
        try:
            async with asyncio.timeout(deadline_s):
                async with client.request(
                    method, url, headers=headers, data=body, allow_redirects=False
                ) as answer:
                    content = await _read_capped(answer)
        # A name that cannot be written for the DNS is the codec's own error.
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL, UnicodeError) as error:
            raise ChannelError(
                ErrorCode.NOT_SENT, f"{host} cannot be reached ({type(error).__name__})"
            ) from None
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            raise ChannelError(
                ErrorCode.TIMEOUT, f"{host} gave no whole answer ({type(error).__name__})"
            ) from None
        return Response(
            answer.status, {name.lower(): value for name, value in answer.headers.items()}, content
        )

    return send


def _literal_inside(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return not is_public(host)


async def _read_capped(answer: aiohttp.ClientResponse) -> bytes:
    chunks, size = [], 0
    async for chunk in answer.content.iter_chunked(65536):
        size += len(chunk)
        if size > MAX_ANSWER:
            raise ChannelError(ErrorCode.TOO_LARGE, f"the answer is over {MAX_ANSWER} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


class Gate(Protocol):
    """Holds calls back where the channel cannot bear them. `core.meter` has the real one."""

    async def allow(self, request: Request) -> None:
        """Returns when *request* may be sent; raises `ChannelError` PAUSED when that would be too late."""

    async def heard(self, request: Request, response: Response | None, error: ChannelError | None) -> None:
        """Learns what became of *request*: the answer, where one came, and the refusal, where it is one."""


class OpenGate:
    """Lets everything through and learns nothing: for the first look at an account that is not linked yet."""

    async def allow(self, request: Request) -> None:
        """At once."""

    async def heard(self, request: Request, response: Response | None, error: ChannelError | None) -> None:
        """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class Line:
    """An open line to one account: everything a flow's requests need and no flow may see.

    From *until* on (of `time.monotonic`) nothing is sent any more: the work may be somebody else's by then.
    """

    connector: Connector
    settings: Settings
    credentials: Credentials
    send: Send
    clock: Clock
    gate: Gate = OpenGate()  # noqa: RUF009 - holds nothing
    until: float = math.inf

    def __repr__(self) -> str:
        return f"Line({self.connector.manifest.slug})"


class TooLate(ChannelError):
    """It was not sent, for the time of its line was over."""


async def drive(flow: Flow[T], line: Line) -> T:
    """Run *flow* to its value. Refusals are thrown into the flow as `ChannelError`; what it lets through is raised."""
    try:
        request = next(flow)
        while True:
            try:
                response = await _answer(request, line)
            except ChannelError as error:
                request = flow.throw(error)
            else:
                request = flow.send(response)
    except StopIteration as stop:
        value: T = stop.value
        return value


async def _answer(request: Request, line: Line) -> Response:
    """One answer; a read, or a call of which no byte left, is tried three times."""
    attempts: Any = tenacity.AsyncRetrying(
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_exponential_jitter(multiplier=0.05, max=1.0),
        retry=tenacity.retry_if_exception(lambda error: _harmless(error, request)),
        reraise=True,
    )
    response: Response = await attempts(_ask, request, line)
    return response


def _harmless(error: BaseException, request: Request) -> bool:
    if not isinstance(error, ChannelError) or isinstance(error, TooLate):
        return False
    if error.code is ErrorCode.NOT_SENT:
        return True
    return request.reads and error.code in (ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE)


async def _ask(request: Request, line: Line) -> Response:
    channel = line.connector.manifest.slug
    try:
        await line.gate.allow(request)
    except ChannelError as held:
        metrics.CALLS.labels(channel, held.code).inc()
        raise
    begun = time.perf_counter()
    try:
        await reach("call.reading" if request.reads else "call.writing")
        response = await _send(request, line)
        await reach("call.read" if request.reads else "call.written")
    except ChannelError as error:
        metrics.CALLS.labels(channel, error.code).inc()
        await line.gate.heard(request, None, error)
        raise
    metrics.CALL_SECONDS.labels(channel).observe(time.perf_counter() - begun)
    refusal = line.connector.classify(response)
    metrics.CALLS.labels(channel, refusal.code if refusal else "ok").inc()
    await line.gate.heard(request, response, refusal)
    if refusal is not None:
        raise _without_secrets(refusal, line.credentials)
    return response


def _without_secrets(refusal: ChannelError, credentials: Credentials) -> ChannelError:
    """*refusal* in words that may be kept: some channels repeat the key they refuse."""
    message = refusal.message
    for secret in credentials.values():
        if secret:
            message = message.replace(secret, "***")
    return ChannelError(refusal.code, message, retry_after_s=refusal.retry_after_s)


async def _send(request: Request, line: Line) -> Response:
    # A process that was stopped comes to itself here and believes it is still in time: no timer of its own has rung yet.
    _until.set(line.until)
    await _in_time()
    base_url = line.connector.base_url(line.settings).rstrip("/")
    signed = line.connector.authorize(
        request, line.credentials, base_url, line.clock(), secrets.token_hex(16)
    )
    query = f"?{urlencode(signed.query)}" if signed.query else ""
    return await line.send(
        signed.method, f"{base_url}{signed.path}{query}", dict(signed.headers), signed.body
    )
