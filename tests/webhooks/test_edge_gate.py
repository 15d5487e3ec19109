"""A full gate: what begins then is refused unread, what is inside is finished, and it opens again."""

from __future__ import annotations

import asyncio

import pytest
from edge_rig import Edge
from test_edge_durability import _commits_blocked, _until

from webhooks import protocol
from webhooks.edge import EDGE
from webhooks.problems import problem


async def test_what_comes_through_a_full_gate_is_answered_503_at_once_and_what_is_inside_is_stored(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "GATE", 2 * protocol.COSTS)
    async with _commits_blocked(edge.tenants.database):
        inside = [asyncio.create_task(edge.post(b'{"id":%d}' % number)) for number in range(2)]
        await _until(lambda: edge.app[EDGE].in_flight == 2 or any(one.done() for one in inside))
        early = [one.result() for one in inside if one.done()]
        begun = asyncio.get_running_loop().time()
        refused = await edge.post(b"x" * 100_000)
        took = asyncio.get_running_loop().time() - begun
        health = await edge.send("GET", "/healthz")
    stored = await asyncio.gather(*inside)
    later = await edge.post(b'{"id":3}')

    assert early == []
    assert (refused.slug, refused.headers["Retry-After"]) == ("overloaded", "5")
    assert took < 1.0
    assert health.status == 200
    assert [reply.status for reply in stored] == [200, 200]
    assert later.status == 200
    assert len(await edge.tenants.stored(edge.hook)) == 3


async def test_a_kept_connection_is_refused_between_its_requests_and_told_to_end(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    async with edge.dial() as (reader, writer):
        writer.write(ask)
        first = await reader.readuntil(b"ok\n")
        monkeypatch.setattr(protocol, "GATE", 0)
        writer.write(edge.head("Content-Length: 70000") + b"x" * 70_000)
        second = await asyncio.wait_for(reader.read(), 5)

    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 5\r\n" in second
    assert b"\r\nConnection: close\r\n" in second
    assert second.endswith(bytes(problem("overloaded").body or b""))  # type: ignore[arg-type]


async def test_a_gate_that_was_full_holds_nothing_once_all_are_answered_or_gone(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    gates: list[protocol.Gate] = []
    real = protocol.EdgeConnection._hold

    def noted(self: protocol.EdgeConnection, size: int) -> None:
        gates.append(self._gate)
        real(self, size)

    monkeypatch.setattr(protocol.EdgeConnection, "_hold", noted)
    async with edge.dial() as (_, writer):
        writer.write(edge.head("Content-Length: 90") + b"half of it")
        await _until(lambda: bool(gates) and gates[0].held > protocol.COSTS)
        writer.transport.abort()
    await edge.post()
    await edge.raw(edge.head("Content-Length: 2") + b"{}")

    await _until(lambda: gates[0].held == 0)
