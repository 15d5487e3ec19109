"""Remote servers that drip, flood, redirect or speak no HTTP, over real sockets; numbers are those of our list."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from remote_rig import Speak, answering, calling, listening

from core.errors import ChannelError, ErrorCode
from core.net import MAX_ANSWER, Send

DEADLINE_S = 0.4
MIB = 2**20


@pytest.fixture
async def send() -> AsyncIterator[Send]:
    async with calling(deadline_s=DEADLINE_S) as send:
        yield send


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_110_a_redirect_to_another_host_is_not_followed(status: str, method: str, send: Send) -> None:
    async with listening(answering("HTTP/1.1 200 OK")) as (inside, inside_port):
        target = f"Location: http://127.0.0.1:{inside_port}/latest/meta-data"
        async with listening(answering(f"HTTP/1.1 {status}", target)) as (_, port):
            answer = await send(
                method, f"http://127.0.0.1:{port}/x", {"Authorization": "Basic c2VjcmV0"}, None
            )

    assert answer.status == int(status[:3])
    assert inside.heads == []


async def test_122_cookies_refreshes_and_challenges_are_ignored(send: Send) -> None:
    lines = (
        "HTTP/1.1 401 No",
        "Set-Cookie: a=b; Path=/",
        "Refresh: 0; url=/elsewhere",
        'WWW-Authenticate: Basic realm="x"',
    )
    async with listening(answering(*lines)) as (remote, port):
        answers = [await send("GET", f"http://127.0.0.1:{port}/x", {}, None) for _ in range(2)]

    assert [answer.status for answer in answers] == [401, 401]
    assert len(remote.heads) == 2
    assert all(head.startswith("GET /x ") and "cookie" not in head.lower() for head in remote.heads)
    assert all("authorization" not in head.lower() for head in remote.heads)


def dripping(start: bytes, drop: bytes) -> Speak:
    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.02)

    return speak


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        pytest.param(b"", b"H", id="a-status-line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"x", id="a-header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n", id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 3600\r\n\r\n", b"x", id="a-body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", id="never-a-real-answer"),
    ],
)  # fmt: skip
async def test_115_an_answer_that_drips_is_cut_at_the_deadline(start: bytes, drop: bytes, send: Send) -> None:
    async with listening(dripping(start, drop)) as (_, port):
        begun = time.monotonic()
        with pytest.raises(ChannelError) as cut:
            await send("POST", f"http://127.0.0.1:{port}/x", {}, b"{}")
        took_s = time.monotonic() - begun

    assert cut.value.code is ErrorCode.TIMEOUT
    assert took_s < 3 * DEADLINE_S


def flooding(head: bytes, block: bytes, most: int) -> Speak:
    """Sends *head* and then *block* again and again, *most* bytes in all."""

    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for _ in range(most // len(block)):
            writer.write(block)
            await writer.drain()

    return speak


def _bomb(pack: Any) -> bytes:
    return b"".join([*(pack.compress(bytes(MIB)) for _ in range(MAX_ANSWER // MIB + 30)), pack.flush()])


def _encoded(encoding: str, body: bytes) -> Speak:
    return answering("HTTP/1.1 200 OK", f"Content-Encoding: {encoding}", body=body)


FLOODS = {
    "ten-gigabytes-declared": flooding(
        b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", bytes(MIB), 10_000_000_000
    ),
    "chunks-without-end": flooding(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"100000\r\n" + bytes(MIB) + b"\r\n",
        10_000_000_000,
    ),
    "a-body-until-the-end": flooding(b"HTTP/1.0 200 OK\r\n\r\n", bytes(MIB), 10_000_000_000),
    "a-gzip-bomb": _encoded("gzip", _bomb(zlib.compressobj(9, zlib.DEFLATED, 31))),
    "a-deflate-bomb": _encoded("deflate", _bomb(zlib.compressobj(9))),
}


@pytest.mark.parametrize("speak", FLOODS.values(), ids=FLOODS)
async def test_116_an_answer_without_end_is_cut_at_the_cap(speak: Speak) -> None:
    async with listening(speak) as (_, port), calling(deadline_s=20) as patient:
        with pytest.raises(ChannelError) as cut:
            await patient("GET", f"http://127.0.0.1:{port}/x", {}, None)

    assert cut.value.code is ErrorCode.TOO_LARGE


@pytest.mark.parametrize(
    "speak",
    [
        pytest.param(_encoded("gzip", b"\x1f\x8b" + b"\xff" * 100), id="broken-gzip"),
        pytest.param(answering("HTTP/1.1 200 OK", "X: " + "x" * 100_000), id="a-header-of-100-kB"),
        pytest.param(answering("HTTP/1.1 200 OK", *("X: 1" for _ in range(20_000))), id="20000-headers"),
        pytest.param(answering("HTTP/1.1 2OO OK"), id="no-status"),
        pytest.param(answering("\x16\x03\x01"), id="not-http"),
        pytest.param(answering(), id="nothing"),
    ],
)
async def test_116_an_answer_that_is_no_http_is_no_answer(speak: Speak, send: Send) -> None:
    async with listening(speak) as (_, port):
        with pytest.raises(ChannelError) as refused:
            await send("POST", f"http://127.0.0.1:{port}/x", {}, b"{}")

    assert refused.value.code is ErrorCode.TIMEOUT
