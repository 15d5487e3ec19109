"""What many ask for at the same time is answered by one call, as orders are stored by one commit."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

A = TypeVar("A")
T = TypeVar("T")


class Together(Generic[A, T]):
    """Asks *answer* for all who wait: whoever comes while it is at work is answered by the next call.

    *answer* returns one thing for each of what it was asked, in order: an exception is raised to that one. When it raises
    itself, each is asked for alone, so that nobody suffers from another's trouble; but what is in *vain* is raised to all.
    At most *at_once* are answered by a call, and so many calls are *side_by_side*.

    A call that has begun is not cut off: who is cancelled stops waiting for it. What it logs is no part of anybody's run.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[A]], Awaitable[Sequence[T | Exception]]],
        *,
        at_once: int,
        side_by_side: int = 2,
        vain: tuple[type[Exception], ...] = (),
    ) -> None:
        self._answer = answer
        self._at_once = at_once
        self._side_by_side = side_by_side
        self._vain = vain
        self._waiting: deque[tuple[A, asyncio.Future[T]]] = deque()
        # Counted apart: tasks leave _calls a moment after they looked at the queue for the last time.
        self._open = 0
        self._calls: set[asyncio.Task[None]] = set()

    async def ask(self, asked: A) -> T:
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._open < self._side_by_side:
            self._open += 1
            call = asyncio.create_task(self._go_on(), context=Context())
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        return await answer

    async def _go_on(self) -> None:
        """Answer what waits, some at a time, until nothing does."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._at_once))]
            found = await self._found([asked for asked, _ in batch])
            for (_, answer), one in zip(batch, found, strict=True):
                if answer.done():  # it was cancelled
                    continue
                if isinstance(one, Exception):
                    answer.set_exception(one)
                else:
                    answer.set_result(one)
        self._open -= 1

    async def _found(self, asked: Sequence[A]) -> Sequence[T | Exception]:
        try:
            return await self._answer(asked)
        except Exception as error:  # noqa: BLE001 - whatever it was, everybody gets an answer
            if len(asked) == 1 or isinstance(error, self._vain):
                return [error] * len(asked)
        return [(await self._found([one]))[0] for one in asked]
