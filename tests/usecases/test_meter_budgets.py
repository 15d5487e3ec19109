"""Rate budgets that all workers share, against a channel with a real bucket on a real database."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from meter_rig import CALL, TellingConnector, Till, TillConnector, line_of, link, outcome

from core.clock import Clock, wall_clock
from core.connector import Connector, Limits
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, Response
from core.hub import Hub
from core.meter import BELIEVED_S, ConnectionGate
from core.net import Line, drive
from core.rules.backoff import pause_after
from core.rules.budget import full
from simulators.serving import serve

MakeHub = Callable[..., Awaitable[Hub]]


@pytest.fixture
def clock() -> Clock:
    """Buckets fill in real time."""
    return wall_clock


@pytest.fixture
def registry() -> dict[str, Connector]:
    return {}


@pytest.fixture
async def admin(fresh: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(fresh)
    yield connection
    await connection.close()


Open = Callable[..., Awaitable[tuple[Till, list[Line]]]]


@pytest.fixture
async def open_till(make_hub: MakeHub, registry: dict[str, Connector]) -> AsyncIterator[Open]:
    """Opens a channel and the lines of two workers to one account of it."""
    servers = []

    async def open_(till: Till, connector: Connector, workers: int = 2) -> tuple[Till, list[Line]]:
        app = web.Application()
        app.router.add_get("/call", till.answer)
        served = await serve(app)
        servers.append(served)
        registry["till"] = connector
        hubs = [await make_hub(call_deadline_s=5.0) for _ in range(workers)]
        account = await link(hubs[0], served.url)
        return till, [await line_of(hub, account) for hub in hubs]

    yield open_
    for served in servers:
        await served.close()


async def call_for(line: Line, seconds: float) -> list[str]:
    """Call as fast as the gate lets us, three at a time."""
    until, outcomes = time.monotonic() + seconds, []

    async def one_after_the_other() -> None:
        while time.monotonic() < until:
            outcomes.append(await outcome(line))

    await asyncio.gather(*[one_after_the_other() for _ in range(3)])
    return outcomes


@pytest.mark.parametrize("kind", [TillConnector, TellingConnector])
async def test_two_workers_together_stay_within_the_budget_and_use_it(
    open_till: Open, kind: type[TillConnector]
) -> None:
    till, lines = await open_till(Till(rate=40, burst=20), kind(Limits(points_per_s=40, burst=20)))

    began = time.monotonic()
    outcomes = await asyncio.gather(*[call_for(line, 2.5) for line in lines])
    allowed = till.burst + till.rate * (time.monotonic() - began)

    assert till.throttled == 0
    assert 0.75 * allowed <= till.accepted <= allowed
    assert all(each.count("200") > 0.2 * till.accepted for each in outcomes)


async def test_a_channel_that_allows_less_than_the_manifest_says_is_obeyed_when_it_tells(
    open_till: Open,
) -> None:
    till, lines = await open_till(
        Till(rate=20, burst=40), TellingConnector(Limits(points_per_s=400, burst=400))
    )

    await asyncio.gather(*[call_for(line, 1.0) for line in lines])
    late = till.throttled
    till.rate = 10
    await asyncio.gather(*[call_for(line, 3.0) for line in lines])

    assert late <= 12  # what was under way before the first words were heard
    assert till.throttled - late <= 6


async def test_what_an_answer_tells_holds_for_every_worker(
    open_till: Open, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    till, (first, second) = await open_till(
        Till(rate=0.1, burst=40), TellingConnector(Limits(points_per_s=400, burst=400))
    )
    till.points = 1.5
    assert await outcome(first) == "200"

    row = await admin.fetchrow("SELECT points_per_s, burst, points FROM budgets")
    assert row is not None
    assert (row["points_per_s"], row["burst"]) == (0.1, 40)
    assert row["points"] < 0.6
    assert await outcome(second) == ErrorCode.PAUSED
    assert till.throttled == 0


async def test_a_429_to_one_worker_stops_the_other_within_a_second(open_till: Open) -> None:
    till, (first, second) = await open_till(
        Till(rate=1000, burst=1000, retry_after=30), TillConnector(Limits(points_per_s=1000, burst=1000))
    )
    assert [await outcome(first), await outcome(second)] == ["200", "200"]

    till.points, till.rate = 0, 0
    assert await outcome(first) == ErrorCode.RATE_LIMITED
    assert await outcome(first) == ErrorCode.PAUSED
    await asyncio.sleep(BELIEVED_S)

    assert await outcome(second) == ErrorCode.PAUSED
    assert (till.accepted, till.throttled) == (2, 1)


async def test_a_chunk_is_not_believed_longer_because_calls_of_another_family_go_on(
    open_till: Open,
) -> None:
    till, (first, second) = await open_till(
        Till(rate=1000, burst=1000, retry_after=30), TillConnector(Limits(points_per_s=1000, burst=1000))
    )
    assert await outcome(second) == "200"
    till.points, till.rate = 0, 0
    assert await outcome(first) == ErrorCode.RATE_LIMITED

    for _ in range(4):
        await asyncio.sleep(BELIEVED_S * 0.3)
        await second.gate.allow(Request("GET", "/call", family="bulk"))
    assert await outcome(second) == ErrorCode.PAUSED


async def test_a_short_wait_is_waited_for(open_till: Open) -> None:
    _, (line,) = await open_till(
        Till(rate=1000, burst=1000), TillConnector(Limits(points_per_s=2, burst=1)), workers=1
    )
    began = time.monotonic()

    assert [await outcome(line) for _ in range(3)] == ["200"] * 3
    assert 1.0 <= time.monotonic() - began < 1.9


async def test_a_long_wait_is_put_off_with_its_length(open_till: Open) -> None:
    till, (line,) = await open_till(
        Till(rate=1000, burst=1000), TillConnector(Limits(points_per_s=0.1, burst=1)), workers=1
    )
    await drive(once(), line)

    began = time.monotonic()
    with pytest.raises(ChannelError, match="used up") as put_off:
        await drive(once(), line)

    assert put_off.value.code is ErrorCode.PAUSED
    assert 9.0 < (put_off.value.retry_after_s or 0) <= 10.0
    assert time.monotonic() - began < 1.0
    assert till.accepted == 1


async def test_a_call_that_costs_more_than_the_burst_is_made_once_the_bucket_is_full(open_till: Open) -> None:
    _, (line,) = await open_till(
        Till(rate=1000, burst=1000), TillConnector(Limits(points_per_s=100, burst=20)), workers=1
    )
    await asyncio.wait_for(line.gate.allow(Request("GET", "/call", cost=700)), 1)
    await asyncio.wait_for(line.gate.allow(Request("GET", "/call", cost=700)), 1)


async def test_a_family_the_manifest_does_not_know_is_not_metered(
    open_till: Open, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    _, (line,) = await open_till(
        Till(rate=1000, burst=1000), TillConnector(Limits(points_per_s=0.01, burst=1)), workers=1
    )
    for _ in range(20):
        await line.gate.allow(Request("GET", "/call", family="other"))

    assert await admin.fetchval("SELECT count(*) FROM budgets") == 0


async def test_a_worker_that_is_killed_loses_no_more_than_its_chunk(
    open_till: Open, admin: asyncpg.Connection[asyncpg.Record], database_of_workers: str
) -> None:
    limits = Limits(points_per_s=10, burst=100)
    _, (line,) = await open_till(Till(rate=10, burst=100), TillConnector(limits), workers=1)
    assert isinstance(line.gate, ConnectionGate)
    key = (line.gate.merchant_id, line.gate.connection_id)

    rig = Path(__file__).with_name("meter_rig.py")
    command = [rig, database_of_workers, *key, limits.points_per_s, limits.burst]
    root = str(rig.parents[2])
    worker = await asyncio.create_subprocess_exec(
        sys.executable, *map(str, command), cwd=root, env={**os.environ, "PYTHONPATH": root}
    )
    assert await asyncio.wait_for(worker.wait(), 30) == -9

    budget = full(limits, wall_clock())
    assert await admin.fetchval("SELECT points FROM budgets") == budget.points - budget.chunk
    assert budget.chunk == 10  # a second's worth
    assert await outcome(line) == "200"


@pytest.fixture
async def database_of_workers(make_hub: MakeHub) -> str:
    return (await make_hub()).settings.database_url


async def test_a_hundred_calls_cost_a_handful_of_statements(open_till: Open) -> None:
    _, (line,) = await open_till(
        Till(rate=5000, burst=5000), TellingConnector(Limits(points_per_s=5000, burst=5000)), workers=1
    )
    assert isinstance(line.gate, ConnectionGate)
    statements: list[str] = []
    pool = line.gate.database._pool
    holders = [await pool.acquire() for _ in range(pool.get_size())]
    for connection in holders:
        connection.add_query_logger(lambda record: statements.append(record.query))
        await pool.release(connection)
    statements.clear()

    began = time.monotonic()
    for _ in range(100):
        await drive(once(), line)
    looks = 1 + int((time.monotonic() - began) / BELIEVED_S)

    assert (
        5 <= len(statements) <= looks * 8
    )  # one of them to give the session back; the first look also makes the row


def once() -> Flow[int]:
    answer = yield CALL
    return answer.status


async def test_shopifys_throttled_inside_a_200_stops_all_workers_as_long_as_its_bucket_needs(
    make_hub: MakeHub, registry: dict[str, Connector], shopify: Connector
) -> None:
    asked = []

    async def throttled(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        asked.append(url)
        return Response(200, {"content-type": "application/json"}, THROTTLED)

    registry["till"] = shopify
    hubs = [await make_hub(send=throttled) for _ in range(2)]
    account = await link(hubs[0], "https://mug.example")
    first, second = [await line_of(hub, account) for hub in hubs]
    lines = [Line(shopify, each.settings, {"access_token": "t"}, throttled, each.clock, each.gate)
             for each in (first, second)]  # fmt: skip
    refused = []
    for line in lines:
        with pytest.raises(ChannelError) as error:
            await drive(shopify.check_account(), line)
        refused.append(error.value)

    assert [error.code for error in refused] == [ErrorCode.RATE_LIMITED, ErrorCode.PAUSED]
    assert refused[0].retry_after_s == 8.0
    assert 7.0 < (refused[1].retry_after_s or 0) <= 8.0
    assert len(asked) == 1
    assert pause_after(refused[1], failures=9) == pause_after(refused[1], failures=0)


THROTTLED = b"""{"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}], "extensions": {"cost":
{"requestedQueryCost": 900, "actualQueryCost": null, "throttleStatus":
{"maximumAvailable": 2000.0, "currentlyAvailable": 100, "restoreRate": 100.0}}}}"""


@pytest.fixture
def shopify() -> Any:
    from connectors import discover

    return discover()["shopify"]
