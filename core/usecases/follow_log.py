"""The log of runs as it becomes visible, every line once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from core.hub import Hub
from core.store import connections, run_log
from core.store.run_log import Wanted

LONGEST_S = 30.0  # no transaction of ours lives on for as long after it has written its lines
FIRST_OVERLAP = 10_000  # ids behind the newest that may still become visible when we begin
PAGE = 1000


@dataclass(slots=True)
class LogFollower:
    """Lines in the order of their time, as they are committed.

    Transactions end in another order than their lines were given ids in. So ids that were handed out lately are
    looked for again, and those that were told are remembered.
    """

    hub: Hub
    wanted: Wanted
    clock: Callable[[], float] = time.monotonic
    _above: int = 0
    _told: set[int] = field(default_factory=set)
    _marks: deque[tuple[float, int]] = field(default_factory=deque)  # when so many ids were handed out

    async def new(self) -> AsyncIterator[list[dict[str, Any]]]:
        """What has become visible since the last time, a page at a time."""
        now, told = self.clock(), frozenset(self._told)
        after = None
        newest = 0
        while True:
            async with self.hub.database.transaction([]) as tx:
                merchants = await connections.merchant_ids(tx)
            async with self.hub.database.transaction([0, *merchants]) as tx:
                newest = newest or await run_log.handed_out(tx)
                rows = await run_log.find(
                    tx, merchants, self.wanted, PAGE, after=after, above=self._above, but=told
                )
            self._told.update(row["line_id"] for row in rows)
            if rows:
                yield rows
                after = (rows[-1]["at"], rows[-1]["line_id"])
            if len(rows) < PAGE:
                break
        self._move_on(now, newest)

    def _move_on(self, now: float, newest: int) -> None:
        if not self._marks:
            self._above = max(0, newest - FIRST_OVERLAP)
        self._marks.append((now, newest))
        while now - self._marks[0][0] > LONGEST_S:
            self._above = max(self._above, self._marks.popleft()[1])
        self._told = {line_id for line_id in self._told if line_id > self._above}
