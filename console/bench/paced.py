"""Time that passes only when it is said to, and a gate that paces calls in it by the rules of `core.rules.budget`.

`core.meter` does the same with a clock and a database: whoever changes one changes the other. There is one caller here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.connector import Limits, TellsBudget
from core.errors import ChannelError, ErrorCode
from core.flow import Request, Response
from core.meter import BELIEVED_S, PATIENCE_S
from core.rules import budget
from core.rules.backoff import LONGEST_S, pause_after
from core.rules.budget import Bucket


@dataclass(slots=True)
class Time:
    """Simulated time; called, it is a clock."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class _Chunk:
    points: float
    bucket: Bucket
    taken_at: datetime


@dataclass(slots=True)
class PacedGate:
    """What one connection bears, a `core.net.Gate`: *calls* and *points* are what went out, *refused* what the channel
    turned away.
    """

    limits: Mapping[str, Limits]
    tells: TellsBudget | None
    time: Time
    calls: int = 0
    points: float = 0.0
    refused: int = 0
    _buckets: dict[str, Bucket] = field(default_factory=dict)
    _chunks: dict[str, _Chunk] = field(default_factory=dict)

    async def allow(self, request: Request) -> None:
        """Let its turn come, in simulated time; raises `ChannelError` PAUSED when that is more than two seconds away."""
        waited = 0.0
        while wait := self._admit(request):
            if waited + wait > PATIENCE_S:
                raise ChannelError(
                    ErrorCode.PAUSED, "The budget is used up.", retry_after_s=min(LONGEST_S, max(1.0, wait))
                )
            self.time.sleep(wait)
            waited += wait
        self.calls += 1
        self.points += request.cost

    async def heard(self, request: Request, response: Response | None, error: ChannelError | None) -> None:
        """Keep what the channel told of its bucket."""
        bucket = self._buckets.get(request.family)
        if bucket is None:
            return
        said = self.tells.budget(response) if self.tells and response is not None else None
        if error is not None and error.code is ErrorCode.RATE_LIMITED:
            self.refused += 1
            self._chunks.pop(request.family, None)
            if said is not None:
                bucket = budget.told(bucket, said, self.time.now)
            until = self.time.now + pause_after(error, 0)
            self._buckets[request.family] = budget.blocked(bucket, until, self.time.now)
            return
        chunk = self._chunks.get(request.family)
        if said is not None and chunk is not None and budget.is_news(chunk.bucket, said, self.time.now):
            self._chunks.pop(request.family)
            self._buckets[request.family] = budget.told(bucket, said, self.time.now)

    def _admit(self, request: Request) -> float:
        """Take what *request* costs, or say how many seconds it has to wait."""
        if request.family not in self.limits:
            return 0.0
        now, held = self.time.now, self._chunks.get(request.family)
        if held and held.points >= request.cost and (now - held.taken_at).total_seconds() < BELIEVED_S:
            held.points -= request.cost
            return 0.0
        bucket = self._buckets.get(request.family) or budget.full(self.limits[request.family], now)
        self._chunks.pop(request.family, None)
        bucket = budget.given_back(bucket, held.points if held else 0.0, now)
        chunk = budget.portion(bucket, request.cost)
        self._buckets[request.family], wait = budget.take(bucket, chunk, now)
        if not wait:
            left = max(0.0, chunk - request.cost)
            self._chunks[request.family] = _Chunk(left, self._buckets[request.family], now)
        return wait
