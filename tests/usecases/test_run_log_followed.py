"""Following the log: every line once, however late its transaction ends, and only those that are wanted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from runs_rig import work_once
from usecase_rig import Rig

from core.hub import Hub
from core.log import Said, get_log
from core.store import run_log
from core.store.run_log import Lines, Wanted
from core.store.schedule import Lease
from core.usecases import follow_log
from core.usecases.follow_log import LONGEST_S, LogFollower

log = get_log("test")


class Stopwatch:
    """Seconds that a test lets pass."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def follower(rig: Rig, watch: Stopwatch) -> LogFollower:
    return LogFollower(rig.hub, Wanted(since=rig.clock() - timedelta(hours=1)), watch)


async def said(follower: LogFollower) -> list[str]:
    return [line["message"] async for page in follower.new() for line in page]


async def write(rig: Rig, tx: Any, *words: str, **fields: Any) -> None:
    lines = [Said(rig.clock(), fields.pop("level", "info"), word, fields) for word in words]
    await run_log.add(tx, [Lines(rig.merchant_id, fields.pop("connection", rig.first), 1, lines)])


async def test_a_line_that_is_committed_late_is_told_once(
    rig: Rig, follower: LogFollower, watch: Stopwatch
) -> None:
    slow = rig.hub.database.transaction([rig.merchant_id])
    tx = await slow.__aenter__()
    await write(rig, tx, "slow")
    async with rig.hub.database.transaction([rig.merchant_id]) as quick:
        await write(rig, quick, "quick")

    first = await said(follower)
    watch.now += LONGEST_S - 1
    again = await said(follower)
    await slow.__aexit__(None, None, None)
    late = await said(follower)
    watch.now += LONGEST_S + 1
    after = [await said(follower), await said(follower)]

    assert (first, again, late, after) == (["quick"], [], ["slow"], [[], []])


async def test_what_was_told_is_forgotten_in_time(rig: Rig, follower: LogFollower, watch: Stopwatch) -> None:
    for number in range(5):
        async with rig.hub.database.transaction([rig.merchant_id]) as tx:
            await write(rig, tx, f"line {number}")
        assert await said(follower) == [f"line {number}"]
        watch.now += LONGEST_S + 1

    await said(follower)

    assert follower._told == set()


async def test_many_lines_come_in_pages_and_each_once(
    rig: Rig, follower: LogFollower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_log, "PAGE", 3)
    words = [f"line {number}" for number in range(10)]
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await write(rig, tx, *words)  # all of the same moment

    pages = [page async for page in follower.new()]

    assert [len(page) for page in pages] == [3, 3, 3, 1]
    assert [line["message"] for page in pages for line in page] == words
    assert await said(follower) == []


async def test_only_what_is_wanted_is_told(rig: Rig) -> None:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await write(rig, tx, "by our id", order=17)
        await write(rig, tx, "in the channel's words", order="W-17", level="warning")
        await write(rig, tx, "another order", order=18)
        await write(rig, tx, "about nothing", level="error", connection=rig.second)
    since = rig.clock() - timedelta(minutes=1)

    wanted = {
        "order": Wanted(since, order_ids=(17,), order_words=("W-17",)),
        "level": Wanted(since, level="warning"),
        "connection": Wanted(since, connection_id=rig.second),
        "later": Wanted(rig.clock() + timedelta(seconds=1)),
    }
    told = {name: await said(LogFollower(rig.hub, these)) for name, these in wanted.items()}

    assert told == {
        "order": ["by our id", "in the channel's words"],
        "level": ["in the channel's words", "about nothing"],
        "connection": ["about nothing"],
        "later": [],
    }


async def test_a_line_of_a_real_run_carries_its_kind_and_connection(rig: Rig) -> None:
    async def work(_hub: Hub, _lease: Lease) -> None:
        log.warning("look here", extra={"fields": {"order": 5}})

    await work_once(rig, work)

    follower = LogFollower(rig.hub, Wanted(rig.clock() - timedelta(days=3650), level="warning"))
    [[line]] = [page async for page in follower.new()]
    assert (line["kind"], line["connection"], line["order_id"]) == ("probe", "Mia-one", 5)
