"""How fast a channel may be called: a token bucket whose books all workers share. Reads no clock.

Times come from the clocks of several machines. A clock behind the bucket's fills nothing, so that no moment fills it
twice; a bucket whose time lies further ahead than any wait may last was kept by a clock that was wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite

from core.connector import BudgetTold, Limits
from core.rules.backoff import LONGEST_S, seconds_until

CHUNK_S = 1.0  # a worker takes about so many seconds' worth at a time, and believes it no longer
TICK_S = 0.001  # added to waits: floats and clocks are not exact, and nobody shall wake in vain


@dataclass(frozen=True, slots=True)
class Bucket:
    """*points* are there at *measured_at*, filled by *points_per_s*; *burst* is the most the channel bears at once, and
    it wants to be left alone until *blocked_until*.
    """

    points: float
    points_per_s: float
    burst: float
    measured_at: datetime
    blocked_until: datetime

    @property
    def chunk(self) -> float:
        """What a worker takes at a time: a second's worth, at most a quarter of the burst."""
        return min(self.points_per_s * CHUNK_S, self.burst / 4)

    @property
    def brim(self) -> float:
        """The most there is. The channel's own bucket does not fill above its burst while calls are on their way or
        in a worker's hands, so ours ends a chunk below.
        """
        return self.burst - self.chunk


def full(limits: Limits, now: datetime) -> Bucket:
    """The bucket of a family that was never called."""
    return refilled(Bucket(limits.burst, limits.points_per_s, limits.burst, now, now), now)


def fitted(bucket: Bucket, limits: Limits, now: datetime) -> Bucket:
    """*bucket* with the rate and size of *limits*, which may have changed since it was made."""
    changed = replace(refilled(bucket, now), points_per_s=limits.points_per_s, burst=limits.burst)
    return refilled(changed, now)


def refilled(bucket: Bucket, now: datetime) -> Bucket:
    """*bucket* with what came in until *now*."""
    passed = (now - bucket.measured_at).total_seconds()
    if passed < -LONGEST_S:
        return replace(bucket, measured_at=now)
    points = min(bucket.brim, bucket.points + max(0.0, passed) * bucket.points_per_s)
    return replace(bucket, points=points, measured_at=max(now, bucket.measured_at))


def take(bucket: Bucket, cost: float, now: datetime) -> tuple[Bucket, float]:
    """Take *cost* points: the bucket after it and 0.0, or the bucket as it is and the seconds until they are there.

    A cost above the burst counts as the burst; one above the brim waits for the brim and leaves less than nothing.
    """
    there = refilled(bucket, now)
    missing = min(cost, there.brim) - there.points
    wait = seconds_until(there.blocked_until, now)
    if missing > 0:
        wait = max(wait, missing / there.points_per_s + seconds_until(there.measured_at, now))
    if wait > 0:
        return there, min(LONGEST_S, wait + TICK_S)
    return replace(there, points=there.points - min(cost, there.burst)), 0.0


def portion(bucket: Bucket, cost: float) -> float:
    """How much a worker that needs *cost* takes from *bucket*: a chunk where that is there, never less than it needs."""
    return max(min(cost, bucket.burst), min(bucket.chunk, bucket.points))


def given_back(bucket: Bucket, points: float, now: datetime) -> Bucket:
    """*bucket* with *points* that a worker had taken and did not use."""
    there = refilled(bucket, now)
    return refilled(replace(there, points=there.points + points), now)


def told(bucket: Bucket, said: BudgetTold, now: datetime) -> Bucket:
    """*bucket* as the channel describes it: its rate, its size, and no more points than it says.

    Fewer stay fewer: what workers have taken and not yet used is still there in the channel's own count.
    """
    there = refilled(bucket, now)
    changed = replace(
        there,
        points=min(there.points, said.available) if isfinite(said.available) else there.points,
        points_per_s=_stated(said.points_per_s, there.points_per_s),
        burst=_stated(said.burst, there.burst),
    )
    return refilled(changed, now)


def is_news(bucket: Bucket, said: BudgetTold, now: datetime) -> bool:
    """Whether the channel describes another bucket than *bucket*, or one with less in it by more than a chunk."""
    there, after = refilled(bucket, now), told(bucket, said, now)
    if (after.points_per_s, after.burst) != (there.points_per_s, there.burst):
        return True
    return there.points - after.points > there.chunk


def blocked(bucket: Bucket, until: datetime, now: datetime) -> Bucket:
    """*bucket* after the channel refused a call: what we believed to be there was not, and nobody calls *until*."""
    there = refilled(bucket, now)
    return replace(there, points=min(0.0, there.points), blocked_until=max(there.blocked_until, until))


def _stated(value: float | None, otherwise: float) -> float:
    return value if value is not None and isfinite(value) and value > 0 else otherwise
