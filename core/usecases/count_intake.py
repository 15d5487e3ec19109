"""Count what came in per merchant and minute, written every few seconds; losing a few counts is harmless."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime

from core.log import get_log
from core.store import deliveries
from core.store.database import Database

EVERY_S = 5.0  # between two writings
MAX_KEPT = 10_000  # merchant-minutes kept while the database cannot be reached

log = get_log("intake")


class IntakeCounts:
    """Counters of one process: accepted, duplicate, rejected. `close` writes the rest."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._kept: dict[tuple[int, datetime], list[int]] = {}
        self._writer: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def add(
        self, merchant_id: int, at: datetime, *, accepted: int = 0, duplicate: int = 0, rejected: int = 0
    ) -> None:
        """Count; the writing follows within five seconds."""
        row = self._kept.setdefault((merchant_id, at.replace(second=0, microsecond=0)), [0, 0, 0])
        row[0] += accepted
        row[1] += duplicate
        row[2] += rejected
        if self._writer is None:
            self._writer = self._loop.create_task(self._write_later())

    async def close(self) -> None:
        self._closing.set()
        if self._writer:
            await asyncio.wait([self._writer])

    async def _write_later(self) -> None:
        while self._kept:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._closing.wait()
            await self._write()
            if self._closing.is_set():
                break
        self._writer = None

    async def _write(self) -> None:
        counts, self._kept = self._kept, {}
        if not counts:
            return
        try:
            async with self._database.transaction({merchant for merchant, _ in counts}) as tx:
                await deliveries.count_intake(tx, counts)
        except Exception as error:  # counters must not stop what they count
            log.warning("counters were not written", exc_info=error)
            for key, row in counts.items():
                if len(self._kept) < MAX_KEPT:
                    again = self._kept.setdefault(key, [0, 0, 0])
                    again[:] = [old + new for old, new in zip(again, row, strict=True)]
