"""Holds calls back where a channel cannot bear them: rate budgets and circuits that all workers share.

Each process believes what it read from PostgreSQL for a second and spends chunks of the budgets in memory, so that
most calls cost no round trip. A worker that dies takes at most its chunk with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.clock import Clock
from core.connector import BudgetTold, Connector, Settings, TellsBudget, limits_for
from core.errors import ChannelError, ErrorCode
from core.flow import Request, Response
from core.log import get_log
from core.rules import budget, circuit
from core.rules.backoff import LONGEST_S, pause_after
from core.rules.budget import Bucket
from core.rules.circuit import Circuit
from core.store import budgets, circuits
from core.store.budgets import Family, Taking
from core.store.database import LOST, RETRYABLE, Database
from core.together import Together

BELIEVED_S = budget.CHUNK_S  # how old what we know of other workers may be
PATIENCE_S = 2.0  # a call waits so long for its turn; beyond that the work is put off
LOOKS = 64  # connections that are looked at in one transaction
NEVER = float("-inf")

log = get_log("meter")


class Meter:
    """The gates of one process, one per connection."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._gates: dict[tuple[int, int], ConnectionGate] = {}
        self._looks = Together(self._look, at_once=LOOKS, vain=LOST)

    def gate(
        self, merchant_id: int, connection_id: int, connector: Connector, settings: Settings
    ) -> ConnectionGate:
        """The gate that all calls of this process to one connection go through."""
        key = (merchant_id, connection_id)
        if key not in self._gates:
            tells = connector if isinstance(connector, TellsBudget) else None
            families = {
                name: Family(*key, name, limits, tells is not None)
                for name, limits in limits_for(connector.manifest, settings).items()
            }
            self._gates[key] = ConnectionGate(
                self._database, self._clock, *key, families, tells, self._looks.ask
            )
        return self._gates[key]

    async def _look(self, looks: Sequence[Look]) -> list[Seen | Exception]:
        """In one short transaction: how connections are, chunks of their budgets, the right to try where one failed."""
        now = self._clock()
        async with self._database.transaction({look.merchant_id for look in looks}) as tx:
            found = await circuits.find(tx, [look.connection for look in looks])
            seen = [_seen(found.get(look.connection), now) for look in looks]
            free = [
                (at, look.family, look)
                for at, look in enumerate(looks)
                if look.family is not None and not seen[at].wait
            ]
            takings = [Taking(family, look.cost, look.unused) for _, family, look in free]
            taken = await budgets.take_chunks(tx, takings, now) if takings else []
            for (at, family, _), (bucket, granted, wait) in zip(free, taken, strict=True):
                why = (
                    f"Calls of {family.name} wait: their budget is used up, or the channel asked for a pause."
                )
                chunk = _Chunk(granted, bucket, time.monotonic()) if granted else None
                seen[at] = Seen(seen[at].circuit, wait, why, chunk, took=True)
            for at, look in enumerate(looks):
                known = seen[at].circuit
                if known is not None and known.tripped and not seen[at].wait:
                    tried = await circuits.begin_probe(tx, *look.connection, known, now)
                    wait = 0.0 if tried else BELIEVED_S
                    seen[at] = replace(seen[at], circuit=tried or known, wait=wait, reason=_failing(known))
        return list(seen)


@dataclass(frozen=True, slots=True)
class Look:
    """What a gate asks for: the right to make a call of *cost*, and a chunk of *family*; it gives *unused* points back."""

    merchant_id: int
    connection_id: int
    family: Family | None
    cost: float
    unused: float

    @property
    def connection(self) -> tuple[int, int]:
        return self.merchant_id, self.connection_id


@dataclass(frozen=True, slots=True)
class Seen:
    """How a connection is: a call has to *wait* so many seconds for a *reason*, or may be made. *took* says that the budget
    was asked, and has what was unused.
    """

    circuit: Circuit | None
    wait: float
    reason: str
    chunk: _Chunk | None = None
    took: bool = False


@dataclass(slots=True)
class _Chunk:
    """What this process took from a budget and has not used. *bucket* is the budget as it was *taken_at*
    (`time.monotonic`).
    """

    points: float
    bucket: Bucket
    taken_at: float


@dataclass(slots=True)
class ConnectionGate:
    """What one connection bears; a `core.net.Gate`. Calls of none of *families* are not metered."""

    database: Database
    clock: Clock
    merchant_id: int
    connection_id: int
    families: Mapping[str, Family]
    tells: TellsBudget | None
    look: Callable[[Look], Awaitable[Seen]]
    _circuit: Circuit | None = None
    _looked_at: float = NEVER
    _told_at: float = NEVER
    _chunks: dict[str, _Chunk] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def allow(self, request: Request) -> None:
        """Wait for the turn of *request*, two seconds at most; raises `ChannelError` PAUSED when it takes longer."""
        give_up = time.monotonic() + PATIENCE_S
        while True:
            async with self._lock:
                wait, reason = await self._admit(request)
            if not wait:
                return
            if time.monotonic() + wait > give_up:
                raise ChannelError(ErrorCode.PAUSED, reason, retry_after_s=min(LONGEST_S, max(1.0, wait)))
            await asyncio.sleep(wait)

    async def heard(self, request: Request, response: Response | None, error: ChannelError | None) -> None:
        """Keep what *request* told about the connection; steady success writes nothing."""
        try:
            async with self._lock:
                await self._learn(request, response, error)
        except RETRYABLE as lost:
            # The call was made: its answer is worth more than these books, which the next calls mend.
            log.warning(
                "what a call told about its channel could not be kept",
                extra={"fields": {"connection": self.connection_id, "error": type(lost).__name__}},
            )

    async def _admit(self, request: Request) -> tuple[float, str]:
        """Let *request* pass, or say how many seconds it has to wait, and why."""
        family, now = self.families.get(request.family), self.clock()
        if time.monotonic() - self._looked_at < BELIEVED_S:
            if shut := circuit.seconds_shut(self._circuit, now):
                return shut, _failing(self._circuit)
            tripped = self._circuit is not None and self._circuit.tripped
            if not tripped and (family is None or self._spend(family, request.cost)):
                return 0.0, ""
        return await self._look(family, request.cost)

    def _spend(self, family: Family, cost: float) -> bool:
        """Take *cost* from the chunk in memory; false when it is not there, or the chunk too old to be believed."""
        chunk = self._chunks.get(family.name)
        if chunk is None or chunk.points < cost or time.monotonic() - chunk.taken_at >= BELIEVED_S:
            return False
        chunk.points -= cost
        return True

    async def _look(self, family: Family | None, cost: float) -> tuple[float, str]:
        """How the connection is by now: the seconds to wait, and why."""
        # What we had is gone from here on, whatever becomes of the transaction: points may be lost, never spent twice.
        held = self._chunks.pop(family.name, None) if family else None
        look = Look(self.merchant_id, self.connection_id, family, cost, held.points if held else 0.0)
        seen = await self.look(look)
        self._circuit, self._looked_at = seen.circuit, time.monotonic()
        if family and (chunk := seen.chunk if seen.took else held):
            if seen.took:
                # Where another worker was faster with its try, the chunk stays whole for what comes after.
                chunk.points = max(0.0, chunk.points - (0.0 if seen.wait else cost))
            self._chunks[family.name] = chunk
        return seen.wait, seen.reason

    async def _learn(self, request: Request, response: Response | None, error: ChannelError | None) -> None:
        now = self.clock()
        said = self.tells.budget(response) if self.tells and response is not None else None
        if error is not None and error.code is ErrorCode.RATE_LIMITED:
            await self._throttled(request, error, said, now)
        elif said is not None:
            await self._told(said, now)
        if error is not None and error.code in circuit.FAILURES:
            async with self.database.transaction([self.merchant_id]) as tx:
                self._circuit = await circuits.count_failure(
                    tx, self.merchant_id, self.connection_id, now, str(error)
                )
            self._looked_at = time.monotonic()
        elif self._circuit is not None:
            async with self.database.transaction([self.merchant_id]) as tx:
                await circuits.close(tx, self.merchant_id, self.connection_id)
            self._circuit = None

    async def _throttled(
        self, request: Request, error: ChannelError, said: BudgetTold | None, now: datetime
    ) -> None:
        """The channel refused a call for its rate: every worker leaves this family alone as long as it asked for."""
        family = self.families.get(request.family)
        if family is None:
            return
        self._chunks.pop(family.name, None)
        async with self.database.transaction([self.merchant_id]) as tx:
            if said is not None and said.family == family.name:
                await budgets.tell(tx, family, said, now)
            await budgets.block(tx, family, now + pause_after(error, 0), now)

    async def _told(self, said: BudgetTold, now: datetime) -> None:
        """Keep what the channel says where it is news, once a second at most."""
        family, chunk = self.families.get(said.family), self._chunks.get(said.family)
        if family is None or chunk is None or not budget.is_news(chunk.bucket, said, now):
            return
        if time.monotonic() - self._told_at < BELIEVED_S:
            return
        self._told_at = time.monotonic()
        self._chunks.pop(family.name)  # it is part of what the channel says is gone
        async with self.database.transaction([self.merchant_id]) as tx:
            await budgets.tell(tx, family, said, now)


def _seen(found: Circuit | None, now: datetime) -> Seen:
    return Seen(found, circuit.seconds_shut(found, now), _failing(found))


def _failing(known: Circuit | None) -> str:
    if known is None:
        return ""
    return f"{known.failures} calls in a row failed, the last with: {known.last_error}"
