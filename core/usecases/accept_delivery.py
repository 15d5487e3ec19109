"""Accept deliveries: what queued during one commit is committed by the next, and nobody hears yes before.

There is no timer that gathers a batch: while a commit is on its way the next batch forms by itself, so a
quiet hub answers at once and a busy one shares each commit among hundreds. Does not know HTTP.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter

from core import metrics
from core.errors import FairwayError
from core.failpoints import reach
from core.log import get_log
from core.store import deliveries
from core.store.database import Database
from core.store.deliveries import Incoming
from core.usecases.count_intake import IntakeCounts
from core.wake import Ring

BATCH = 500  # deliveries in one commit
LANES = 2  # commits on their way at once
MAX_WAITING = 20_000  # deliveries waiting; more are refused at once
MAX_WAITING_BYTES = 64 * 1024 * 1024  # of their sealed bodies
PATIENCE_S = 1.5  # wait for a lane, or for a database session; then the sender is asked to come again
COMMIT_S = 3.0  # from then on to the end of the commit: senders give up after 5 s
RING_S = 0.05  # what the bell may take
# Between two rings: each costs as much as two deliveries, and a worker that is at it needs none.
PAUSE_S = 0.05

log = get_log("intake")


class NotStored(FairwayError):
    """No commit was seen in time. The delivery may be stored all the same: sent again, it counts once."""


@dataclass(slots=True, eq=False)
class _Waiting:
    item: Incoming
    since: float
    waiters: list[asyncio.Future[None]] = field(default_factory=list)

    def settle(self, refusal: str) -> None:
        """Answer all senders: yes, or why not."""
        for waiter in self.waiters:
            if waiter.done():
                continue
            if refusal:
                waiter.set_exception(NotStored(refusal))
            else:
                waiter.set_result(None)


class Intake:
    """Commits deliveries in groups. Make one per process, inside its event loop; `close` it at the end.

    *ring* is told "drain" and whose after commits, best effort; what it does not do in 50 ms is dropped and counted.
    """

    def __init__(self, database: Database, ring: Ring) -> None:
        self._database = database
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Waiting] = deque()
        self._known: dict[bytes, _Waiting] = {}  # waiting or being committed, by dedupe key
        self._bytes = 0
        self._lanes: set[asyncio.Task[None]] = set()
        self._open_lanes = 0  # tasks leave _lanes a moment after they looked at the queue for the last time
        self._shedding: asyncio.TimerHandle | None = None
        self._bell: asyncio.Task[None] | None = None
        self._to_ring: set[int] = set()  # merchants of whom something was stored since the last ring
        self.counts = IntakeCounts(database)
        self.ring_failures = 0

    async def accept(self, item: Incoming) -> None:
        """Return after the commit that holds *item*; raises `NotStored` when that takes too long or fails."""
        entry = self._known.get(item.dedupe_key)
        if entry is None:
            if len(self._queue) >= MAX_WAITING or self._bytes >= MAX_WAITING_BYTES:
                raise NotStored("Too many deliveries are waiting to be stored.")
            entry = _Waiting(item, self._loop.time())
            self._known[item.dedupe_key] = entry
            self._queue.append(entry)
            self._bytes += len(item.sealed)
            if self._open_lanes < LANES:
                self._open_lanes += 1
                lane = self._loop.create_task(self._lane())
                self._lanes.add(lane)
                lane.add_done_callback(self._lanes.discard)
            if self._shedding is None:
                self._shedding = self._loop.call_later(PATIENCE_S, self._shed)
        # The same bytes at the same time share one row and one answer.
        waiter = self._loop.create_future()
        entry.waiters.append(waiter)
        await waiter

    async def close(self) -> None:
        """Commit what waits, then the counters; nothing may be accepted any more."""
        if self._lanes:
            # Longer than that nobody waits: all senders have had their answer.
            await asyncio.wait(self._lanes, timeout=PATIENCE_S + COMMIT_S)
        if self._shedding:
            self._shedding.cancel()
        while self._bell:
            await asyncio.wait([self._bell])
        await self.counts.close()

    async def _lane(self) -> None:
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH))]
            self._bytes -= sum(len(entry.item.sealed) for entry in batch)
            try:
                new = await self._commit(batch)
            except Exception as error:  # whatever it was, every sender gets an answer
                log.warning(
                    "a batch was not stored", exc_info=error, extra={"fields": {"deliveries": len(batch)}}
                )
                self._settle(batch, "The database did not store it.")
                continue
            self._settle(batch, "")
            self._count(batch, new)
            self._wake(entry.item.merchant_id for entry in batch)
        self._open_lanes -= 1

    async def _commit(self, batch: list[_Waiting]) -> Counter[int]:
        """Store *batch*; a failure gets one more try, which also finds what had committed all the same.

        Whatever the failure: a session that the server ended fails in more ways than the driver documents.
        """
        try:
            return await self._try(batch)
        except Exception:  # noqa: BLE001 - see above
            return await self._try(batch)

    async def _try(self, batch: list[_Waiting]) -> Counter[int]:
        # In one order for all processes, so that none waits for another in a circle: senders repeat themselves, to others.
        items = sorted((entry.item for entry in batch), key=attrgetter("dedupe_key"))
        # Senders are answered in time even by a database that hangs; the commit itself is never cut off.
        late = self._loop.call_later(PATIENCE_S, self._give_up, batch)
        try:
            begun = self._loop.time()
            async with self._database.session() as session:
                late.cancel()
                late = self._loop.call_later(COMMIT_S, self._give_up, batch)
                new = Counter(await deliveries.add_counted(session, items))
            metrics.COMMIT_SECONDS.observe(self._loop.time() - begun)
            metrics.COMMIT_DELIVERIES.observe(len(items))
            await reach("intake.stored")
            return new
        finally:
            late.cancel()

    def _give_up(self, batch: list[_Waiting]) -> None:
        self._settle(batch, "The database did not answer in time.")

    def _settle(self, batch: list[_Waiting], refusal: str) -> None:
        for entry in batch:
            if self._known.get(entry.item.dedupe_key) is entry:
                del self._known[entry.item.dedupe_key]
            entry.settle(refusal)

    def _shed(self) -> None:
        """Answer those whose turn did not come in time, oldest first."""
        self._shedding = None
        limit = self._loop.time() - PATIENCE_S
        while self._queue and self._queue[0].since <= limit:
            entry = self._queue.popleft()
            self._bytes -= len(entry.item.sealed)
            self._settle([entry], "Its turn to be stored did not come in time.")
        if self._queue:
            self._shedding = self._loop.call_at(self._queue[0].since + PATIENCE_S, self._shed)

    def _count(self, batch: list[_Waiting], new: Counter[int]) -> None:
        fresh = new.total()
        metrics.ACCEPTED.inc(fresh)
        metrics.AGAIN.inc(sum(len(entry.waiters) for entry in batch) - fresh)
        at = batch[0].item.received_at  # a batch is of one moment; what is counted are minutes
        asked = Counter[int]()
        for entry in batch:
            asked[entry.item.merchant_id] += len(entry.waiters)
        for merchant_id, count in asked.items():
            accepted = new[merchant_id]
            self.counts.add(merchant_id, at, accepted=accepted, duplicate=count - accepted)

    def _wake(self, merchants: Iterable[int]) -> None:
        """Ring once more after the ring that is on its way, so that the last commit is always announced."""
        self._to_ring.update(merchants)
        if self._bell is None:
            self._bell = self._loop.create_task(self._ring_bell())

    async def _ring_bell(self) -> None:
        merchants, self._to_ring = self._to_ring, set()
        try:
            await reach("intake.answered")
            async with asyncio.timeout(RING_S):
                await self._ring("drain", merchants)
        except Exception:  # noqa: BLE001 - the workers' own polling finds the work
            self.ring_failures += 1
            metrics.RINGS_MISSED.inc()
        await asyncio.sleep(
            PAUSE_S
        )  # a busy hub has hundreds of commits a second, and one ring speaks for all of them
        self._bell = None
        if self._to_ring:
            self._wake(())
