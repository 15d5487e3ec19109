"""Loads are counted to the last request: what was answered is what was sent, by wrk and by Python alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from bench import load as loads
from bench.bodies import SECRET, baskets, requests
from bench.echo import echo
from bench.load import Requests, load, write_requests
from core.clock import wall_clock

COUNT = 300


class Receiver:
    """An echo that keeps what it heard; it refuses whom *refuses* names, and takes its time where *slow*: a different one
    for each, so that there is always something under way.
    """

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.refuses = b"nobody"
        self.url = ""
        self.slow = False

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.heard.append(body)
        if self.slow:
            await asyncio.sleep(0.1 * (1 + len(self.heard) % 7))
        if self.refuses in body:
            return web.Response(status=503)
        return await echo(SECRET.encode())(request)


@pytest.fixture
async def receivers() -> AsyncIterator[list[Receiver]]:
    made, runners = [Receiver(), Receiver()], []
    for receiver in made:
        app = web.Application()
        app.add_routes([web.post("/hooks/{token}/{topic}", receiver.handle)])
        runners.append(web.AppRunner(app, access_log=None))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runners[-1].addresses[0][1]}"
    yield made
    for runner in runners:
        await runner.cleanup()


@pytest.fixture(params=["wrk", "python"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test runs with wrk, and as on a machine without it."""
    if request.param == "wrk" and loads.wrk() is None:
        pytest.skip("wrk is not installed (apt-get install wrk)")
    if request.param == "python":
        monkeypatch.setattr(loads, "wrk", lambda: None)
    return str(request.param)


def _written(directory: Path, servers: int = 1) -> Requests:
    made = baskets(1, 20, wall_clock)
    return write_requests(directory, requests(made, range(1_000, 1_000 + COUNT), ["t"]), servers)


@pytest.mark.usefixtures("by")
async def test_each_request_arrives_once_and_is_counted(receivers: list[Receiver], tmp_path: Path) -> None:
    done = await load([receivers[0].url], _written(tmp_path), seconds=2)
    assert (done.answered, done.accepted, done.refused, done.errors) == (COUNT, COUNT, 0, 0)
    assert len(receivers[0].heard) == len(set(receivers[0].heard)) == COUNT
    assert 0 < done.p50_ms <= done.p99_ms <= done.max_ms
    assert 0 < done.seconds < 2


@pytest.mark.usefixtures("by")
async def test_refusals_are_counted_apart(receivers: list[Receiver], tmp_path: Path) -> None:
    receivers[0].refuses = b'"number":"1007"'
    done = await load([receivers[0].url], _written(tmp_path), seconds=2)
    assert (done.answered, done.refused, done.accepted) == (COUNT, 1, COUNT - 1)


@pytest.mark.usefixtures("by")
async def test_two_servers_get_a_half_each(receivers: list[Receiver], tmp_path: Path) -> None:
    done = await load([one.url for one in receivers], _written(tmp_path, 2), seconds=2)
    assert done.accepted == COUNT
    assert [len(one.heard) for one in receivers] == [COUNT // 2] * 2
    assert len({body for one in receivers for body in one.heard}) == COUNT


@pytest.mark.usefixtures("by")
async def test_what_was_counted_is_what_was_sent_when_the_time_ends_it(
    receivers: list[Receiver], tmp_path: Path
) -> None:
    receivers[0].slow = True
    done = await load([receivers[0].url], _written(tmp_path), seconds=1, again=True)
    assert done.accepted == len(receivers[0].heard) > loads.CONNECTIONS
    assert done.errors == 0


@pytest.mark.usefixtures("by")
async def test_a_paced_load_keeps_its_pace(receivers: list[Receiver], tmp_path: Path) -> None:
    done = await load([receivers[0].url], _written(tmp_path), seconds=3, rate=200)
    assert done.accepted == COUNT
    assert done.seconds > 0.9 * COUNT / 200  # it may be late on a busy machine, never early


async def test_a_load_without_wrk_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "wrk", lambda: None)
    assert "not comparable" in loads.made_by()


async def test_the_echo_refuses_a_wrong_signature(receivers: list[Receiver], tmp_path: Path) -> None:
    made = baskets(1, 20, wall_clock)
    bad = [request.replace(b"neighbours", b"neighbourz") for request in requests(made, range(1, 4), ["t"])]
    done = await load([receivers[0].url], write_requests(tmp_path, bad), seconds=1)
    assert (done.answered, done.refused) == (3, 3)
