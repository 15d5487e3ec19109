"""A circuit per connection that all workers see: it opens, one of them tries, it closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import asyncpg
import pytest
from aiohttp import web
from meter_rig import Till, TillConnector, line_of, link, outcome

from core.connector import Connector, Limits
from core.errors import ChannelError, ErrorCode
from core.flow import Request
from core.hub import Hub
from core.meter import BELIEVED_S
from core.net import Line
from core.rules.circuit import BURST_S, FIRST_S, PROBE_S, TRIPS_AT
from simulators.serving import serve

MakeHub = Callable[..., Awaitable[Hub]]
FAST = Limits(points_per_s=1000, burst=1000)


@pytest.fixture
def registry() -> dict[str, Connector]:
    return {"till": TillConnector(FAST)}


@pytest.fixture
async def admin(fresh: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(fresh)
    yield connection
    await connection.close()


@pytest.fixture
async def till() -> AsyncIterator[Till]:
    channel = Till(rate=1000, burst=1000)
    app = web.Application()
    app.router.add_get("/call", channel.answer)
    served = await serve(app)
    channel.url = served.url
    yield channel
    channel.hold.set()
    await served.close()


@pytest.fixture
async def lines(make_hub: MakeHub, till: Till) -> list[Line]:
    """The lines of two workers to one account."""
    hubs = [await make_hub(call_deadline_s=5.0) for _ in range(2)]
    account = await link(hubs[0], till.url)
    return [await line_of(hub, account) for hub in hubs]


async def fail(till: Till, line: Line, times: int = TRIPS_AT) -> None:
    """So many calls fail, the last of them when it cannot be one mishap with the first any more."""
    till.status = 503
    for number in range(times):
        if number == times - 1:
            cast("Any", line.clock).forward(seconds=BURST_S)
        assert await outcome(line) == ErrorCode.UNAVAILABLE


async def test_after_five_failures_no_worker_calls_for_half_a_minute(
    lines: list[Line], till: Till, clock: Any
) -> None:
    first, second = lines
    till.status = 503
    assert await outcome(second) == ErrorCode.UNAVAILABLE  # it knows of one failure now
    await fail(till, first, TRIPS_AT - 1)

    with pytest.raises(ChannelError, match="503") as held_back:
        await first.gate.allow(Request("GET", "/call"))
    await asyncio.sleep(BELIEVED_S)
    assert await outcome(second) == ErrorCode.PAUSED
    clock.forward(seconds=FIRST_S - 1)
    assert await outcome(second) == ErrorCode.PAUSED

    assert held_back.value.code is ErrorCode.PAUSED
    assert held_back.value.retry_after_s == FIRST_S
    assert till.failed == TRIPS_AT


async def test_then_exactly_one_of_all_workers_tries_and_its_success_lets_all_call_again(
    lines: list[Line], till: Till, clock: Any, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await fail(till, lines[0])
    clock.forward(seconds=FIRST_S)
    till.status = 200
    till.hold.clear()

    tries = [asyncio.create_task(outcome(line)) for line in [*lines, *lines, *lines]]
    done, trying = await asyncio.wait(tries, timeout=3.5)
    assert sorted(task.result() for task in done) == [ErrorCode.PAUSED] * 5
    till.hold.set()
    assert [await task for task in trying] == ["200"]

    assert await admin.fetchval("SELECT count(*) FROM circuits") == 0
    await asyncio.sleep(BELIEVED_S)
    assert [await outcome(line) for line in lines] == ["200", "200"]
    assert till.accepted == 3


async def test_a_try_that_fails_doubles_the_pause(lines: list[Line], till: Till, clock: Any) -> None:
    await fail(till, lines[0])
    clock.forward(seconds=FIRST_S)
    assert await outcome(lines[1]) == ErrorCode.UNAVAILABLE

    clock.forward(seconds=2 * FIRST_S - 1)
    assert [await outcome(line) for line in lines] == [ErrorCode.PAUSED] * 2
    clock.forward(seconds=1)
    assert await outcome(lines[0]) == ErrorCode.UNAVAILABLE
    assert till.failed == TRIPS_AT + 2


async def test_when_the_worker_that_tries_dies_another_tries_after_a_while(
    lines: list[Line], till: Till, clock: Any
) -> None:
    await fail(till, lines[0])
    clock.forward(seconds=FIRST_S)
    await lines[0].gate.allow(Request("GET", "/call"))  # and nothing more is heard of it
    till.status = 200

    assert await outcome(lines[1]) == ErrorCode.PAUSED
    clock.forward(seconds=PROBE_S)
    assert await outcome(lines[1]) == "200"


@pytest.mark.parametrize("status", [401, 404, 422, 429])
async def test_a_refusal_proves_that_somebody_is_there(
    lines: list[Line], till: Till, status: int, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await fail(till, lines[0], TRIPS_AT - 1)
    till.status = 200 if status == 429 else status
    till.points, till.rate = (0, 0) if status == 429 else (1000, 1000)
    await outcome(lines[0])

    assert await admin.fetchval("SELECT count(*) FROM circuits") == 0


async def test_failures_count_in_a_row_and_over_all_workers(
    lines: list[Line], till: Till, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await fail(till, lines[0], 2)
    await fail(till, lines[1], 2)
    assert await admin.fetchval("SELECT failures FROM circuits") == 4

    till.status = 200
    assert await outcome(lines[0]) == "200"
    await fail(till, lines[0], TRIPS_AT - 1)
    assert await outcome(lines[0]) == ErrorCode.UNAVAILABLE
    assert await outcome(lines[0]) == ErrorCode.PAUSED


async def test_calls_side_by_side_that_fail_at_one_moment_are_one_mishap(
    lines: list[Line], till: Till
) -> None:
    till.status = 503
    told = await asyncio.gather(*(outcome(lines[0]) for _ in range(3 * TRIPS_AT)))
    till.status = 200

    assert set(told) == {ErrorCode.UNAVAILABLE}
    assert await outcome(lines[0]) == "200"


async def test_one_connection_that_fails_holds_up_no_other(
    make_hub: MakeHub, lines: list[Line], till: Till, clock: Any
) -> None:
    hub = await make_hub()
    await fail(till, lines[0])
    till.status = 200
    other = hub.meter.gate(*await another_account(hub), TillConnector(FAST), {})

    await other.allow(Request("GET", "/call"))
    assert await outcome(lines[0]) == ErrorCode.PAUSED


async def another_account(hub: Hub) -> tuple[int, int]:
    return await link(hub, "http://elsewhere.example", merchant="Noah")


async def test_an_answer_is_not_lost_with_the_database(
    lines: list[Line], till: Till, admin: asyncpg.Connection[asyncpg.Record], caplog: pytest.LogCaptureFixture
) -> None:
    await fail(till, lines[0], 1)
    till.status = 200
    till.hold.clear()
    answered = asyncio.create_task(outcome(lines[0]))
    await asyncio.sleep(0.2)
    # The row the answer has to remove is locked for longer than a statement waits.
    blocker = admin.transaction()
    await blocker.start()
    await admin.execute("SELECT 1 FROM circuits FOR UPDATE")
    till.hold.set()

    assert await answered == "200"
    assert "could not be kept" in caplog.text
    await blocker.rollback()
