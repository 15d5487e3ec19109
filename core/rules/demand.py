"""How fast a listing sells, with bursts and with how little may be known of it. Reads no clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import exp, inf, log

# A burst is believed at once, a quiet night is not.
HALF_LIVES = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=24))

USUAL = 60.0  # orders of a variant that say as much about where it sells as what all variants together say


@dataclass(frozen=True, slots=True)
class Velocity:
    """Units sold per hour; *dispersion* is variance / mean of the units in any span (1: Poisson, more: bursts and orders
    of several units); *seen* is how many orders the estimate rests on, where few are known the rate itself is in doubt.
    """

    units_per_hour: float
    dispersion: float = 1.0
    seen: float = inf

    def moments(self, hours: float) -> tuple[float, float]:
        """Mean and variance of the units sold within *hours*."""
        mean = self.units_per_hour * hours
        return mean, mean * self.dispersion + mean * mean / (self.seen + 1)


@dataclass(frozen=True, slots=True)
class Tally:
    """Sales of one listing counted with decay: units, orders and squared units, each half as much after *half_life*,
    as of *at*; *since* is when counting began.
    """

    half_life: timedelta
    since: datetime
    at: datetime
    units: float = 0.0
    orders: float = 0.0
    squares: float = 0.0

    def after(self, quantity: int, sold_at: datetime) -> Tally:
        """With one more order; one that comes late counts as little as its age says."""
        return self.after_all([(quantity, sold_at)])

    def after_all(self, sales: Iterable[tuple[int, datetime]]) -> Tally:
        """As `after` for each of *sales* (units, when sold), one after the other."""
        at, units, orders, squares = self.at, self.units, self.orders, self.squares
        for quantity, sold_at in sales:
            share = 1.0
            if sold_at > at:
                left = _left(sold_at - at, self.half_life)
                at, units, orders, squares = sold_at, units * left, orders * left, squares * left
            else:
                share = _left(at - sold_at, self.half_life)
            units += share * quantity
            orders += share
            squares += share * quantity * quantity
        return replace(self, at=at, units=units, orders=orders, squares=squares)

    def aged(self, now: datetime) -> Tally:
        """As of *now*; a clock that went back changes nothing."""
        if now <= self.at:
            return self
        share = _left(now - self.at, self.half_life)
        return replace(
            self, at=now, units=self.units * share, orders=self.orders * share, squares=self.squares * share
        )

    def velocity(self, now: datetime) -> Velocity:
        """The estimate as of *now*."""
        tally = self.aged(now)
        whole = self.half_life.total_seconds() / 3600 / log(2)  # hours all sales of an endless past weigh
        hours = whole * (1 - _left(max(timedelta(minutes=5), now - self.since), self.half_life))
        return Velocity(
            tally.units / hours, max(1.0, tally.squares / tally.units) if tally.units else 1.0, tally.orders
        )


def together(tallies: Iterable[Tally]) -> list[Tally]:
    """What several listings sold as if one had, one tally for each half-life, the shortest first."""
    found: dict[timedelta, Tally] = {}
    for tally in sorted(tallies, key=lambda tally: tally.half_life):
        other = found.get(tally.half_life)
        found[tally.half_life] = tally if other is None else _sum(tally, other)
    return list(found.values())


def parts(heard: Sequence[float], usual: Sequence[float]) -> list[float]:
    """Which part of a variant's sales each of its outlets makes: by the orders *heard* of there, and by the *usual* part
    that outlet has in everything, which says as much as `USUAL` orders. In a burst slow news tells nothing of it.
    """
    whole = sum(usual)
    counted = [mine + USUAL * part / whole for mine, part in zip(heard, usual, strict=True)]
    return [one / sum(counted) for one in counted]


def _sum(one: Tally, other: Tally) -> Tally:
    at = max(one.at, other.at)
    one, other = one.aged(at), other.aged(at)
    return replace(
        one,
        since=min(one.since, other.since),
        units=one.units + other.units,
        orders=one.orders + other.orders,
        squares=one.squares + other.squares,
    )


def fastest(velocities: Iterable[Velocity]) -> Velocity:
    """The highest of several estimates of one listing: what is held back for nothing costs less than what is oversold."""
    return max(velocities, key=lambda velocity: velocity.units_per_hour)


def _left(age: timedelta, half_life: timedelta) -> float:
    return exp(-log(2) * max(0.0, age / half_life))
