"""Calls to channels: where they may go, what is repeated, how long they may take, and what is never shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import respx
from aiohttp import web

from connectors import discover
from core.connector import Connector
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, Response, encode
from core.net import MAX_ANSWER, Line, Send, _GuardedResolver, drive, is_public, open_client, sender
from simulators.serving import serve

SECRET = "s3cret-token"
WOO = {"consumer_key": "ck_1", "consumer_secret": SECRET}
SHOPIFY = {"access_token": SECRET}


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "192.0.1.1", "2606:4700:4700::1111"])
def test_a_public_address_may_be_called(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
     "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "255.255.255.255",
     "168.63.129.16", "::", "::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2001::1", "2002:7f00:1::",
     "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "ff02::1", "localhost", "", "127.1"],
)  # fmt: skip
def test_an_address_that_leads_inside_may_not(address: str) -> None:
    assert not is_public(address)


async def test_a_name_that_leads_inside_is_not_resolved() -> None:
    with pytest.raises(OSError, match="does not lead to a public address"):
        await _GuardedResolver().resolve("localhost", 443)


@pytest.fixture
async def guarded() -> AsyncIterator[Send]:
    client = open_client(allow_private_hosts=False)
    yield sender(client, allow_private_hosts=False, deadline_s=2.0)
    await client.close()


@pytest.mark.parametrize(
    "url",
    ["http://shop.example/", "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://localhost/",
     "https://169.254.169.254/latest/meta-data", "ftp://shop.example/",
     "https://0x7f.1/", "https://localhost./"],
)  # fmt: skip
async def test_a_call_inside_never_leaves(guarded: Send, url: str) -> None:
    with pytest.raises(ChannelError) as refused:
        await guarded("GET", url, {}, None)

    assert refused.value.code is ErrorCode.NOT_SENT


@pytest.mark.parametrize("url", ["https:///x", "https://2130706433/", "https://0/"])
async def test_an_address_that_nobody_can_read_is_refused(guarded: Send, url: str) -> None:
    with pytest.raises(ChannelError):
        await guarded("GET", url, {}, None)


class Channel:
    """A server on loopback that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.url = ""
        self.release = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path == "/moved":
            raise web.HTTPFound(f"{self.url}/elsewhere")
        if request.path == "/slow":
            await self.release.wait()
        if request.path == "/cut":
            assert request.transport is not None
            request.transport.close()
        if request.path == "/big":
            stream = web.StreamResponse()
            stream.enable_compression()
            await stream.prepare(request)
            for _ in range(MAX_ANSWER // 2**20 + 2):
                await stream.write(bytes(2**20))
            return stream
        return web.Response(text="fine", headers={"X-Some-Header": "1", "Set-Cookie": "a=b"})


@pytest.fixture
async def channel() -> AsyncIterator[Channel]:
    channel = Channel()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", channel.answer)
    served = await serve(app)
    channel.url = served.url
    yield channel
    channel.release.set()
    await served.close()


@pytest.fixture
async def send() -> AsyncIterator[Send]:
    client = open_client(allow_private_hosts=True)
    yield sender(client, allow_private_hosts=True, deadline_s=0.3)
    await client.close()


async def test_an_answer_comes_with_lower_case_headers(send: Send, channel: Channel) -> None:
    answer = await send("GET", f"{channel.url}/x", {}, None)

    assert (answer.status, answer.body, answer.headers["x-some-header"]) == (200, b"fine", "1")


async def test_a_redirect_is_an_answer_and_not_followed(send: Send, channel: Channel) -> None:
    answer = await send("GET", f"{channel.url}/moved", {}, None)

    assert answer.status == 302
    assert channel.asked == ["/moved"]


@pytest.mark.parametrize(
    ("path", "code"),
    [("/slow", ErrorCode.TIMEOUT), ("/cut", ErrorCode.TIMEOUT)],
)
async def test_an_answer_that_does_not_come_is_a_timeout(
    send: Send, channel: Channel, path: str, code: ErrorCode
) -> None:
    with pytest.raises(ChannelError) as missed:
        await send("POST", f"{channel.url}{path}", {}, b"{}")

    assert missed.value.code is code
    assert channel.asked == [path]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_call_cut_off_on_a_connection_that_was_kept_is_not_made_again_behind_our_back(
    send: Send, channel: Channel, method: str
) -> None:
    await send("GET", f"{channel.url}/x", {}, None)

    with pytest.raises(ChannelError):
        await send(method, f"{channel.url}/cut", {}, None)

    assert channel.asked == ["/x", "/cut"]


async def test_an_answer_over_the_cap_is_given_up_even_when_it_came_small(channel: Channel) -> None:
    client = open_client(allow_private_hosts=True)
    patient = sender(client, allow_private_hosts=True, deadline_s=20.0)

    with pytest.raises(ChannelError) as refused:
        await patient("GET", f"{channel.url}/big", {}, None)
    await client.close()

    assert refused.value.code is ErrorCode.TOO_LARGE


async def test_a_closed_port_means_that_nothing_was_sent(send: Send, channel: Channel) -> None:
    served = await serve(web.Application())
    await served.close()

    with pytest.raises(ChannelError) as refused:
        await send("POST", served.url, {}, b"{}")

    assert refused.value.code is ErrorCode.NOT_SENT


class Script:
    """Plays answers in turn and writes down what was asked."""

    def __init__(self, *answers: Response | ErrorCode) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        self.asked.append((method, url))
        answer = self.answers.pop(0)
        if isinstance(answer, ErrorCode):
            raise ChannelError(answer)
        return answer


def woo(send: Send, registry: dict[str, Connector]) -> Line:
    return Line(
        registry["woocommerce"],
        {"base_url": "https://shop.example"},
        WOO,
        send,
        lambda: datetime(2026, 11, 24, tzinfo=UTC),
    )


def ask(*, reads: bool) -> Flow[int]:
    answer = yield Request("GET" if reads else "POST", "/x", reads=reads)
    return answer.status


FINE = Response(200, {"content-type": "application/json"}, b"[]")


@pytest.mark.parametrize(
    ("reads", "first", "calls"),
    [
        (True, ErrorCode.TIMEOUT, 2),
        (True, ErrorCode.NOT_SENT, 2),
        (True, Response(503), 2),
        (False, ErrorCode.NOT_SENT, 2),
    ],
)
async def test_what_cannot_have_had_an_effect_is_tried_again(
    registry: dict[str, Connector], reads: bool, first: Response | ErrorCode, calls: int
) -> None:
    script = Script(first, FINE)

    status = await drive(ask(reads=reads), woo(script, registry))

    assert (status, len(script.asked)) == (200, calls)


@pytest.mark.parametrize(
    ("reads", "first", "code"),
    [
        (False, ErrorCode.TIMEOUT, ErrorCode.TIMEOUT),
        (False, Response(503), ErrorCode.UNAVAILABLE),
        (True, Response(401), ErrorCode.UNAUTHORIZED),
        (True, Response(429), ErrorCode.RATE_LIMITED),
        (True, ErrorCode.TOO_LARGE, ErrorCode.TOO_LARGE),
    ],
)
async def test_what_may_have_had_an_effect_or_was_decided_is_asked_once(
    registry: dict[str, Connector], reads: bool, first: Response | ErrorCode, code: ErrorCode
) -> None:
    script = Script(first, FINE)

    with pytest.raises(ChannelError) as refused:
        await drive(ask(reads=reads), woo(script, registry))

    assert (refused.value.code, len(script.asked)) == (code, 1)


@pytest.mark.parametrize("reads", [True, False])
async def test_what_comes_too_late_is_not_sent(registry: dict[str, Connector], reads: bool) -> None:
    script = Script(FINE)

    with pytest.raises(ChannelError) as refused:
        await drive(ask(reads=reads), replace(woo(script, registry), until=time.monotonic()))

    assert (refused.value.code, script.asked) == (ErrorCode.NOT_SENT, [])
    assert await drive(ask(reads=reads), replace(woo(script, registry), until=time.monotonic() + 60)) == 200


async def test_a_read_is_given_up_after_the_third_try(registry: dict[str, Connector]) -> None:
    script = Script(*[ErrorCode.TIMEOUT] * 4)

    with pytest.raises(ChannelError):
        await drive(ask(reads=True), woo(script, registry))

    assert len(script.asked) == 3


class Doorkeeper:
    """A gate that refuses from the *closes_after*-th call on and writes down what it hears."""

    def __init__(self, closes_after: int = 99) -> None:
        self.closes_after = closes_after
        self.allowed = 0
        self.told: list[tuple[int | None, str | None]] = []

    async def allow(self, request: Request) -> None:
        if self.allowed == self.closes_after:
            raise ChannelError(ErrorCode.PAUSED, "later", retry_after_s=30)
        self.allowed += 1

    async def heard(self, request: Request, response: Response | None, error: ChannelError | None) -> None:
        self.told.append((response.status if response else None, error.code if error else None))


async def test_every_try_goes_through_the_gate_which_hears_what_became_of_it(
    registry: dict[str, Connector],
) -> None:
    script = Script(Response(503), ErrorCode.TIMEOUT, FINE)
    gate = Doorkeeper()

    await drive(ask(reads=True), replace(woo(script, registry), gate=gate))

    assert gate.allowed == 3
    assert gate.told == [(503, ErrorCode.UNAVAILABLE), (None, ErrorCode.TIMEOUT), (200, None)]


@pytest.mark.parametrize("reads", [True, False])
async def test_a_call_the_gate_holds_back_is_not_sent_and_not_tried_again(
    registry: dict[str, Connector], reads: bool
) -> None:
    script = Script(FINE)
    gate = Doorkeeper(closes_after=0)

    with pytest.raises(ChannelError) as held_back:
        await drive(ask(reads=reads), replace(woo(script, registry), gate=gate))

    assert (held_back.value.code, held_back.value.retry_after_s) == (ErrorCode.PAUSED, 30)
    assert (script.asked, gate.told) == ([], [])


async def test_a_gate_that_closes_between_two_tries_ends_them(registry: dict[str, Connector]) -> None:
    script = Script(Response(503), FINE)

    with pytest.raises(ChannelError) as held_back:
        await drive(ask(reads=True), replace(woo(script, registry), gate=Doorkeeper(closes_after=1)))

    assert held_back.value.code is ErrorCode.PAUSED
    assert len(script.asked) == 1


async def test_a_key_that_a_channel_repeats_in_its_refusal_is_not_kept(
    registry: dict[str, Connector],
) -> None:
    secret = WOO["consumer_secret"]
    refused = {
        "code": "woocommerce_rest_authentication_error",
        "message": f"Consumer secret {secret} is wrong",
    }
    line = woo(Script(Response(401, {"content-type": "application/json"}, encode(refused))), registry)

    with pytest.raises(ChannelError) as found:
        await drive(ask(reads=True), line)

    assert secret not in str(found.value)
    assert "Consumer secret *** is wrong" in found.value.message


async def test_a_line_shows_no_secret(registry: dict[str, Connector]) -> None:
    line = woo(Script(), registry)

    assert repr(line) == str(line) == f"{line}" == "Line(woocommerce)"


def over(router: respx.MockRouter) -> Send:
    """The `Send` port over respx, which plays the outside world."""

    async def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        async with httpx.AsyncClient(transport=httpx.MockTransport(router.async_handler)) as client:
            answer = await client.request(method, url, headers=dict(headers), content=body)
        return Response(answer.status_code, dict(answer.headers), answer.content)

    return send


async def test_a_woocommerce_account_is_asked_with_basic_authentication(
    registry: dict[str, Connector],
) -> None:
    router = respx.MockRouter()
    itself = "https://shop.example/wp-json/wc/v3/data/currencies/EUR"
    answer = {"code": "EUR", "_links": {"self": [{"href": itself}]}}
    route = router.get("https://shop.example/wp-json/wc/v3/data/currencies/current").respond(json=answer)
    line = woo(over(router), registry)

    account = await drive(line.connector.check_account(), line)

    asked = route.calls.last.request
    assert (account.account, account.currency) == ("https://shop.example", "EUR")
    assert asked.headers["authorization"].startswith("Basic ")
    assert SECRET not in str(asked.url)


async def test_a_shopify_account_is_asked_with_its_token_in_a_header(registry: dict[str, Connector]) -> None:
    router = respx.MockRouter()
    shop = {
        "id": "gid://shopify/Shop/1",
        "name": "Demo",
        "myshopifyDomain": "demo.myshopify.com",
        "currencyCode": "EUR",
    }
    route = router.post(host="demo.myshopify.com").respond(json={"data": {"shop": shop}})
    line = Line(
        discover()["shopify"],
        {"shop": "demo.myshopify.com"},
        SHOPIFY,
        over(router),
        lambda: datetime(2026, 11, 24, tzinfo=UTC),
    )

    account = await drive(line.connector.check_account(), line)

    assert (account.account, account.currency) == ("demo.myshopify.com", "EUR")
    assert route.calls.last.request.headers["x-shopify-access-token"] == SECRET
    assert SECRET not in str(route.calls.last.request.url) + route.calls.last.request.content.decode()


async def test_what_got_its_connection_too_late_is_not_sent(
    registry: dict[str, Connector], channel: Channel
) -> None:
    client = open_client(allow_private_hosts=True)
    connector = client.connector
    assert connector is not None
    really = connector._create_connection

    async def slowly(*rest: Any) -> Any:
        made = await really(*rest)
        await asyncio.sleep(0.3)
        return made

    connector._create_connection = slowly  # type: ignore[method-assign]
    send = sender(client, allow_private_hosts=True, deadline_s=2)

    async def there(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        return await send(method, channel.url + urlsplit(url).path, headers, body)

    line = woo(there, registry)
    with pytest.raises(ChannelError) as refused:
        await drive(ask(reads=False), replace(line, until=time.monotonic() + 0.1))

    assert (refused.value.code, channel.asked) == (ErrorCode.NOT_SENT, [])
    with pytest.raises(ChannelError, match="instead of the shop's JSON"):
        await drive(ask(reads=False), replace(line, until=time.monotonic() + 60))
    assert channel.asked == ["/x"]
    await client.close()
