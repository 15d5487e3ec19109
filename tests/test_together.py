"""Many who ask at the same time are answered by one call, and nobody suffers from another's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from core.together import Together

run: ContextVar[str] = ContextVar("run", default="")


class Desk:
    """Doubles numbers, when it may; what it was asked for at a time stays written down."""

    def __init__(self, *, at_once: int = 64, side_by_side: int = 1, open_at_first: bool = True) -> None:
        self.calls: list[list[int]] = []
        self.runs: list[str] = []
        self.open = asyncio.Event()
        if open_at_first:
            self.open.set()
        self.together = Together(
            self.answer, at_once=at_once, side_by_side=side_by_side, vain=(ConnectionError,)
        )

    async def answer(self, asked: Sequence[int]) -> list[int | Exception]:
        self.calls.append(list(asked))
        self.runs.append(run.get())
        await self.open.wait()
        if 13 in asked:
            raise ValueError("thirteen")
        if 99 in asked:
            raise ConnectionError("the desk is gone")
        return [KeyError(one) if one < 0 else one * 2 for one in asked]

    async def all_of(self, *numbers: int) -> list[int | BaseException]:
        return await asyncio.gather(*map(self.together.ask, numbers), return_exceptions=True)


async def test_who_asks_at_the_same_time_is_answered_by_one_call() -> None:
    desk = Desk()

    assert await desk.all_of(1, 2, 3) == [2, 4, 6]
    assert desk.calls == [[1, 2, 3]]


async def test_who_comes_while_a_call_is_under_way_is_answered_by_the_next() -> None:
    desk = Desk(open_at_first=False)
    first = asyncio.create_task(desk.together.ask(1))
    while not desk.calls:
        await asyncio.sleep(0)
    rest = asyncio.create_task(desk.all_of(2, 3))
    await asyncio.sleep(0)
    desk.open.set()

    assert (await first, await rest) == (2, [4, 6])
    assert desk.calls == [[1], [2, 3]]


async def test_calls_are_no_larger_and_no_more_than_they_may_be() -> None:
    desk = Desk(at_once=2, side_by_side=2, open_at_first=False)
    asked = asyncio.create_task(desk.all_of(1, 2, 3, 4, 5))
    while len(desk.calls) < 2:
        await asyncio.sleep(0)
    under_way = list(desk.calls)
    desk.open.set()

    assert await asked == [2, 4, 6, 8, 10]
    assert under_way == [[1, 2], [3, 4]]
    assert desk.calls[2:] == [[5]]


async def test_an_answer_may_be_an_error_for_one_alone() -> None:
    one, error, other = await Desk().all_of(1, -5, 2)

    assert (one, other) == (2, 4)
    assert isinstance(error, KeyError)


async def test_where_a_call_fails_each_is_asked_for_alone() -> None:
    desk = Desk()
    one, error, other = await desk.all_of(1, 13, 2)

    assert (one, other) == (2, 4)
    assert isinstance(error, ValueError)
    assert desk.calls == [[1, 13, 2], [1], [13], [2]]


async def test_what_is_in_vain_is_not_tried_again() -> None:
    desk = Desk()
    errors = await desk.all_of(1, 99)

    assert [type(error) for error in errors] == [ConnectionError, ConnectionError]
    assert desk.calls == [[1, 99]]


async def test_who_does_not_wait_any_more_takes_nothing_from_the_others() -> None:
    desk = Desk(open_at_first=False)
    gone, stays = (asyncio.create_task(desk.together.ask(number)) for number in (1, 2))
    while not desk.calls:
        await asyncio.sleep(0)
    gone.cancel()
    desk.open.set()

    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await desk.together.ask(3) == 6


async def test_a_call_is_no_part_of_the_run_of_who_happened_to_ask_first() -> None:
    desk = Desk()
    run.set("mine")
    await desk.together.ask(1)

    assert desk.runs == [""]
