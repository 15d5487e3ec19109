"""Deliveries as they become visible to others, each once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from core.hub import Hub
from core.store import follow
from core.store.database import Connection
from core.usecases.follow_deliveries import merchants_of

LONGEST_S = 60.0  # no transaction of ours lives as long: statements and pauses are cut off after 30 s
FIRST_OVERLAP = 10_000  # ids behind the newest that may still appear when we begin to look


@dataclass(slots=True)
class Arrivals:
    """Ids of deliveries as they become visible, each once.

    Transactions end in another order than their ids were given in, so ids younger than the longest transaction are
    looked at again and again, and those that were told are remembered.
    """

    hub: Hub
    clock: Callable[[], float] = time.monotonic
    _above: int = 0
    _told: set[int] = field(default_factory=set)
    _marks: deque[tuple[float, int]] = field(default_factory=deque)

    async def begin(self) -> None:
        """What is there now is not told."""
        newest = await self._ask(follow.highest_id)
        self._above = max(0, newest - FIRST_OVERLAP)
        await self.new()

    async def new(self) -> list[int]:
        """What has become visible since the last time."""
        visible = await self._ask(lambda tx, merchants: follow.ids_above(tx, merchants, self._above))
        fresh = [number for number in visible if number not in self._told]
        self._told.update(fresh)
        now = self.clock()
        self._marks.append((now, max(visible, default=self._above)))
        while now - self._marks[0][0] > LONGEST_S:
            self._above = max(self._above, self._marks.popleft()[1])
        self._told = {number for number in self._told if number > self._above}
        return fresh

    async def _ask(self, question: Callable[[Connection, list[int]], Awaitable[Any]]) -> Any:
        merchants = await merchants_of(self.hub)
        async with self.hub.database.transaction(merchants) as tx:
            return await question(tx, merchants)
