"""How long news takes, as a distribution that can be measured piece by piece and added up. Reads no clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log2

STEPS = 4  # buckets per doubling: what is read back is within a tenth of what was measured
BUCKETS = 17 * STEPS + 1  # the last one holds everything above 2^17 s, a day and a half
ENOUGH = 100.0  # so many measurements need no assumption beside them
# What is assumed of a connection nobody has measured: seconds → how many measurements it stands for.
_ASSUMED = ((60.0, 6.0), (300.0, 3.0), (900.0, 1.0))
_ALIKE = 1.5  # lags that differ by no more are one
# Where the distribution is cut into bands that are calculated with one by one: fine where it is rare and long.
_CUTS = (0.0, 0.5, 0.8, 0.95, 0.99, 0.999, 1.0)


def bucket_of(seconds: float) -> int:
    """Which bucket a lag falls in: 0 up to a second, then four per doubling."""
    return min(BUCKETS - 1, max(0, ceil(STEPS * log2(seconds)))) if seconds > 1 else 0


def middle_of(bucket: int) -> float:
    """Seconds a bucket stands for."""
    return 2.0 ** ((bucket - 0.5) / STEPS) if bucket else 0.5


@dataclass(frozen=True, slots=True)
class LagModel:
    """How often a piece of news took how long: one weight per bucket, in measurements (old ones may count less)."""

    weights: tuple[float, ...] = (0.0,) * BUCKETS

    @classmethod
    def of(cls, seconds: Iterable[float]) -> LagModel:
        """The model of measured lags, each in seconds; what is below zero (two clocks differ) took no time."""
        weights = [0.0] * BUCKETS
        for each in seconds:
            weights[bucket_of(each)] += 1
        return cls(tuple(weights))

    @property
    def total(self) -> float:
        """How many measurements it rests on."""
        return sum(self.weights)

    def merged(self, other: LagModel, weight: float = 1.0) -> LagModel:
        """Both together, the other's measurements counting *weight* each."""
        return LagModel(
            tuple(mine + weight * its for mine, its in zip(self.weights, other.weights, strict=True))
        )

    def assured(self) -> LagModel:
        """With what is assumed where little was measured: the assumption is slow, and fades as measurements come."""
        missing = 1 - self.total / ENOUGH
        return self if missing <= 0 else self.merged(_assumption(), missing)

    def quantile(self, share: float) -> float:
        """Seconds within which *share* of the news has come; 0 where nothing was measured."""
        return self.bands((share, share))[0][0]

    @property
    def mean(self) -> float:
        """Seconds on average; 0 where nothing was measured."""
        return self.bands((0.0, 1.0))[0][0]

    def bands(self, cuts: Sequence[float] = _CUTS) -> tuple[tuple[float, float], ...]:
        """(mean seconds, share) of each band between two neighbouring *cuts*, which are shares of all, ascending."""
        total = self.total
        if not total:
            return tuple((0.0, upper - lower) for lower, upper in pairwise(cuts))
        bands = []
        for lower, upper in pairwise(cuts):
            below, inside, seconds, last = 0.0, 0.0, 0.0, 0.0
            for bucket, weight in enumerate(self.weights):
                if not weight:
                    continue
                start, below = below, below + weight / total
                part = max(0.0, min(below, upper) - max(start, lower))
                inside, seconds = inside + part, seconds + part * middle_of(bucket)
                if start < max(upper, 1e-12):
                    last = middle_of(bucket)
            bands.append((seconds / inside if inside else last, upper - lower))
        return tuple(bands)

    def states(self) -> tuple[tuple[float, float], ...]:
        """(mean seconds, share) of the bands, those that hardly differ put together: few where lags are all alike."""
        states: list[tuple[float, float]] = []
        start = 0.0
        for seconds, share in self.bands():
            if states and seconds <= max(start, 1.0) * _ALIKE:
                before, weight = states.pop()
                states.append(((before * weight + seconds * share) / (weight + share), weight + share))
            else:
                start = seconds
                states.append((seconds, share))
        return tuple(states)


def _assumption() -> LagModel:
    weights = [0.0] * BUCKETS
    for seconds, weight in _ASSUMED:
        weights[bucket_of(seconds)] += weight
    return LagModel(tuple(weights))
