"""A worker's spells: what goes on side by side, and what is said when a part of it breaks."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from core.hub import Hub
from core.shares import EVERYBODY, Share
from core.usecases.drain import SLICE, Drained
from jobs import work
from jobs.work import Worker

HUB = cast("Hub", SimpleNamespace(share=EVERYBODY))


@pytest.fixture
def backlog(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives a worker whose drains are the steps named here: the first alone, the lanes beside each other after it."""

    def make(*lanes: Any) -> Worker:
        first = iter([True])

        async def alone(_hub: Hub) -> bool:
            return next(first, False)

        monkeypatch.setitem(work.KINDS, "drain", alone)
        monkeypatch.setitem(work.LANES, "drain", lanes)
        return Worker(HUB)

    return make


async def test_no_lane_waits_for_the_step_of_another(backlog: Any) -> None:
    others_steps = asyncio.Semaphore(0)

    async def long(_hub: Hub) -> bool:
        for _ in range(3):  # as many as the other one does meanwhile
            await others_steps.acquire()
        return False

    steps = iter([True, True, False])

    async def short(_hub: Hub) -> bool:
        others_steps.release()
        return next(steps)

    async with asyncio.timeout(5):
        await backlog(long, short).spell("drain")

    assert next(steps, None) is None


async def test_what_breaks_in_one_lane_is_said_once_the_others_have_ended(backlog: Any) -> None:
    broke, ended = asyncio.Event(), []

    async def breaks(_hub: Hub) -> bool:
        broke.set()
        raise ConnectionResetError("gone")

    async def goes_on(_hub: Hub) -> bool:
        await broke.wait()
        ended.append(1)
        return False

    worker = backlog(breaks, goes_on)
    with pytest.raises(ConnectionResetError, match="gone"):
        await worker.spell("drain")

    assert ended


async def test_lanes_begin_no_step_once_the_worker_stops(
    monkeypatch: pytest.MonkeyPatch, backlog: Any
) -> None:
    backlog()
    stopped, begun = asyncio.Event(), []

    async def step(_hub: Hub) -> bool:
        begun.append(1)
        stopped.set()
        return True

    monkeypatch.setitem(work.LANES, "drain", (step, step))

    await Worker(HUB, stopped).spell("drain")

    assert begun == [1]


async def test_lanes_end_where_something_that_was_tried_before_has_to_go_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be all that a killed worker had in hand: it does not wait until a backlog or a spell is over."""
    drained, alone = [], iter([SLICE, SLICE, 0])

    async def drain(_hub: Hub, *, suspects: bool = True) -> Drained:
        drained.append("alone" if suspects else "lane")
        return Drained(claimed=next(alone)) if suspects else Drained(claimed=SLICE, fresh=SLICE - 1)

    monkeypatch.setattr(work, "drain", drain)

    await Worker(HUB).spell("drain")

    assert drained == ["alone", "lane", "lane", "alone", "lane", "lane", "alone"]


async def test_an_error_in_a_lane_that_is_not_raised_is_in_the_log(
    backlog: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(what: str) -> Any:
        async def step(_hub: Hub) -> bool:
            raise ConnectionResetError(what)

        return step

    with pytest.raises(ConnectionResetError, match="the first"):
        await backlog(breaks("the first"), breaks("the second")).spell("drain")

    (said,) = [record for record in caplog.records if record.exc_info]
    assert str(said.exc_info[1]) == "the second"  # type: ignore[index]


async def test_a_worker_of_a_share_works_for_its_own_first_and_in_the_end_for_everybody(
    monkeypatch: pytest.MonkeyPatch, make_hub: Any
) -> None:
    """So a merchant whose worker is dead, or was never started, waits two seconds longer and no more."""
    worked_for: list[Share] = []

    async def step(hub: Hub) -> bool:
        worked_for.append(hub.share)
        return worked_for.count(hub.share) < 2

    monkeypatch.setitem(work.KINDS, "drain", step)
    monkeypatch.setitem(work.LANES, "drain", ())
    mine = Share(4, (2,))
    worker = Worker(await make_hub(share=mine))

    await worker.spell("drain")
    assert worked_for == [mine, mine]

    worked_for.clear()
    monkeypatch.setattr(work, "BEYOND_S", 0.0)
    await worker.spell("drain")
    assert worked_for == [mine, mine, EVERYBODY, EVERYBODY]


async def test_what_comes_by_the_clock_is_done_once_and_not_for_everybody_again(
    monkeypatch: pytest.MonkeyPatch, make_hub: Any
) -> None:
    monkeypatch.setattr(work, "BEYOND_S", 0.0)
    done: list[int] = []

    async def step(_hub: Hub) -> bool:
        done.append(1)
        return False

    monkeypatch.setitem(work.KINDS, "sweep", step)
    await Worker(await make_hub(share=Share(4, (2,)))).spell("sweep")

    assert done == [1]
