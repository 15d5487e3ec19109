"""Broken, slow, huge and strange requests: each gets its answer, none is quoted, none is stored."""

from __future__ import annotations

import asyncio
import gzip
import resource
import time

import pytest
from edge_rig import CAP, DEADLINE_S, SIGNATURE, Edge, sign

from webhooks import body

CANARY = "c4nary-of-a-header"


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("row", "lines"),
    [
        ("1 a header of 9,000 bytes", [f"Authorization: {CANARY}{'a' * 9000}"]),
        ("2 five hundred headers", [f"X-{n}: {CANARY}" for n in range(500)]),
        ("4 two lengths", ["Content-Length: 2", "Content-Length: 3"]),
        ("5 a length and chunks", ["Content-Length: 2", "Transfer-Encoding: chunked"]),
        ("6 a negative length", ["Content-Length: -1"]),
        ("6 a length with a sign", ["Content-Length: +2"]),
        ("6 two lengths in one", ["Content-Length: 2,2"]),
        ("6 a hexadecimal length", ["Content-Length: 0x2"]),
        ("7 an unknown transfer", ["Transfer-Encoding: xchunked"]),
        ("7 chunked twice", ["Transfer-Encoding: chunked, chunked"]),
        ("9 a folded header", [f"X-A: {CANARY}", f" {CANARY}"]),
        ("9 NUL in a header", [f"X-A: {CANARY}\0"]),
    ],
)
async def test_a_malformed_head_is_answered_400_and_never_quoted(
    edge: Edge, row: str, lines: list[str]
) -> None:
    answer = await edge.raw(edge.head(*lines) + b"{}")

    assert _status(answer) == 400
    assert b"urn:fairway:problem:malformed-http" in answer
    assert CANARY.encode() not in answer
    assert b"aiohttp" not in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /hooks/a/b HTTP/1.1\nHost: x\nContent-Length: 0\n\n",
        b"POST /hooks/a/b HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["9 bare line feeds", "9 no Host", "21 TLS on the plain port", "21 HTTP/2"],
)
async def test_what_is_not_http_1_is_answered_400(edge: Edge, request_bytes: bytes) -> None:
    answer = await edge.raw(request_bytes)

    assert _status(answer) == 400


async def test_3_a_target_of_9000_bytes_is_refused(edge: Edge) -> None:
    answer = await edge.raw(b"POST /hooks/" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")

    assert _status(answer) in (400, 414)
    assert b"aaaa" not in answer


async def test_10_a_declared_giant_is_refused_before_it_is_read(edge: Edge) -> None:
    started = time.monotonic()

    answer = await edge.raw(edge.head("Content-Length: 10000000000") + b"abc")

    assert _status(answer) == 413
    assert time.monotonic() - started < DEADLINE_S + 1.5


async def test_11_a_chunked_body_is_cut_off_where_it_passes_the_cap(edge: Edge) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"

    answer = await edge.raw(edge.head("Transfer-Encoding: chunked") + chunk * (CAP // 65536 + 2))

    assert _status(answer) == 413
    assert await edge.tenants.stored(edge.hook) == []


async def test_11_a_too_large_delivery_of_a_known_token_raises_an_alarm(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    reply = await edge.post(b"x" * (CAP + 1))

    assert reply.slug == "payload-too-large"
    assert [record.fields["connection_id"] for record in caplog.records] == [edge.hook.connection_id]  # type: ignore[attr-defined]


async def test_a_body_of_exactly_the_cap_is_taken(edge: Edge) -> None:
    assert (await edge.post(b"x" * CAP)).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "zstd9", "br", "gzip, gzip"])
@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"\0" * 50_000_000, 9), b"\x1f\x8b corrupt"],
    ids=["12 a bomb", "13 corrupt"],
)
async def test_12_to_14_an_encoded_body_is_proven_and_stored_as_it_came(
    edge: Edge, body: bytes, encoding: str
) -> None:
    authentic = await edge.post(body, headers={"Content-Encoding": encoding})
    forged = await edge.post(body, headers={"Content-Encoding": encoding}, signature=sign("other", body))

    assert (authentic.status, forged.status) == (200, 401)


async def test_15_a_body_that_ends_early_stores_nothing_and_logs_nothing(
    edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    async with edge.dial() as (_, writer):
        writer.write(edge.head("Content-Length: 100") + b"{}")
        await writer.drain()
    assert (await edge.post()).status == 200  # the edge has seen the end of the other by now

    assert len(await edge.tenants.stored(edge.hook)) == 1
    assert caplog.records == []


async def test_16_a_dribbled_head_is_closed_at_the_deadline(edge: Edge) -> None:
    async with edge.dial() as (reader, writer):
        started = time.monotonic()
        writer.write(b"POST /hooks/a/b HTTP/1.1\r\nHost: x\r\n")
        answer = asyncio.ensure_future(reader.read())
        while not answer.done():
            writer.write(b"X")
            await asyncio.wait([answer], timeout=DEADLINE_S / 6)

        assert await answer == b""
        assert time.monotonic() - started < DEADLINE_S * 3


async def test_16_a_dribbled_second_head_on_a_kept_connection_is_closed_as_well(edge: Edge) -> None:
    async with edge.dial() as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        first = await reader.readuntil(b"ok\n")
        started = time.monotonic()
        writer.write(b"GET /healthz HTTP/1.1\r\nHo")
        rest = await reader.read()

    assert _status(first) == 200
    assert rest == b""
    assert time.monotonic() - started < DEADLINE_S * 3


async def test_17_a_dribbled_body_is_answered_408(edge: Edge) -> None:
    answer = await edge.raw(edge.head("Content-Length: 100") + b"{")

    assert _status(answer) == 408
    assert b"urn:fairway:problem:timeout" in answer
    assert await edge.tenants.stored(edge.hook) == []


async def test_18_two_thousand_silent_connections_are_closed_while_a_good_sender_is_served(
    edge: Edge,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 5000:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 5000), hard))
    silent = [await asyncio.open_connection("127.0.0.1", edge.port) for _ in range(2000)]
    started = time.monotonic()

    good = await edge.post()
    served = time.monotonic() - started
    ends = await asyncio.wait_for(asyncio.gather(*(reader.read() for reader, _ in silent)), DEADLINE_S + 10)

    for _, writer in silent:
        writer.close()
    assert good.status == 200
    assert served < 2
    assert ends == [b""] * 2000


async def test_19_http_1_0_is_served(edge: Edge) -> None:
    body = b'{"id":19}'
    lines = [f"{SIGNATURE}: {sign(edge.hook.secret, body)}", f"Content-Length: {len(body)}"]

    answer = await edge.raw(edge.head(*lines, version="1.0") + body)

    assert _status(answer) == 200
    assert len(await edge.tenants.stored(edge.hook)) == 1


async def test_20_a_body_announced_but_never_sent_is_answered_408(edge: Edge) -> None:
    answer = await edge.raw(edge.head("Expect: 100-continue", "Content-Length: 10"))

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert b"HTTP/1.1 408" in answer


async def test_an_announced_giant_is_refused_instead_of_being_called_for(edge: Edge) -> None:
    answer = await edge.raw(edge.head("Expect: 100-continue", f"Content-Length: {CAP + 1}"))

    assert _status(answer) == 413


@pytest.mark.parametrize("path", ["/hooks/a/b", "/nowhere"])
async def test_an_unknown_expectation_is_not_quoted(edge: Edge, path: str) -> None:
    answer = await edge.raw(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: {CANARY}\r\n\r\n".encode()
    )

    assert _status(answer) in (404, 417)
    assert CANARY.encode() not in answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "TRACE", "OPTIONS", "PATCH"])
async def test_22_other_methods_are_answered_405(edge: Edge, method: str) -> None:
    reply = await edge.send(method, edge.path())

    assert reply.status == 405
    assert reply.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    [
        "/hooks/%2e%2e/admin",
        "/hooks/../admin",
        "//hooks/TOKEN/orders",
        "/hooks//orders",
        "/hooks/TOKEN//orders",
        "/hooks/TOKEN/orders/",
        "/hooks/TOKEN/orders%2fcreate",
        "/hooks/TOKEN/a%00b",
        "/hooks/TOKEN/%c0%ae%c0%ae",
        "/hooks/TOKEN/..",
        "/hooks/TOKEN",
        "/hooks",
        "/",
    ],
)
async def test_23_odd_paths_are_404(edge: Edge, path: str) -> None:
    target = path.replace("TOKEN", edge.hook.token)
    answer = await edge.raw(
        f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
    )

    assert _status(answer) == 404
    assert b"urn:fairway:problem:not-found" in answer


async def test_26_pipelined_requests_are_answered_in_order(edge: Edge) -> None:
    many = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 300
    last = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    answer = await edge.raw(many + last)

    assert answer.count(b"HTTP/1.1 200") == 300
    assert answer.rindex(b"HTTP/1.1 404") > answer.rindex(b"HTTP/1.1 200")


async def test_half_read_bodies_share_a_budget_of_memory(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MAX_HELD", CAP)
    half = edge.head(f"Content-Length: {CAP}") + b"x" * (CAP * 2 // 3)

    answers = await asyncio.gather(edge.raw(half), edge.raw(half))
    again = await edge.post(b"x" * CAP)

    assert sorted(map(_status, answers)) == [408, 503]
    assert again.status == 200
