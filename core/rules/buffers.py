"""The buffers that keep what is oversold under a limit, and what they cost: high only where lag x velocity is high.

One outlet keeps no buffer: it sells the last units, so that they do sell, while the others stop early enough for their
last sales to be heard of there. A fixed buffer holds units back everywhere, and those are never sold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, floor, inf, log

from core.rules.demand import Velocity
from core.rules.lags import LagModel
from core.rules.oversell import Lags, Race

_STEP = 1.25
_LEAST = 1e-6  # slower than a unit in a century, stricter than anything measured
MOST = 200  # units; a buffer above would be no buffer any more


@dataclass(frozen=True, slots=True)
class Outlet:
    """One listing of a shared pool. *news*: from a sale here until the hub has taken it off the free stock; *publish*:
    from then, for a sale elsewhere, until the lower number is shown here.
    """

    velocity: Velocity
    news: LagModel
    publish: LagModel


@dataclass(frozen=True, slots=True)
class Buffers:
    """*units* held back per outlet, in the order of the outlets, and what is expected of them each time the pool sells out:
    units oversold, hours in which an outlet offers nothing though units are left (all outlets together), units that
    nobody may sell.
    """

    units: tuple[int, ...]
    expected_oversold: float
    lost_listing_hours: float
    unsold: int


def expected_oversold(outlets: Sequence[Outlet], buffers: Sequence[int]) -> float:
    """Units expected to be oversold each time the pool sells out, with so many units held back per outlet."""
    return race_of(outlets).oversold(buffers) if len(outlets) > 1 else 0.0


def race_of(outlets: Sequence[Outlet]) -> Race:
    """The race for the last units among *outlets*; it remembers what it has calculated."""
    return Race(
        [outlet.velocity for outlet in outlets],
        [_hours(outlet.news) for outlet in outlets],
        [_hours(outlet.publish) for outlet in outlets],
    )


def lost_listing_hours(outlets: Sequence[Outlet], buffers: Sequence[int]) -> float:
    """Hours without an offer while units are left, of all outlets together, each time the pool sells out.

    Units that no outlet may sell count for the hours in which all of them together would have sold them.
    """
    total = 0.0
    everyone = sum(outlet.velocity.units_per_hour for outlet in outlets)
    for left in range(1, max(buffers, default=0) + 1):
        selling = [o.velocity.units_per_hour for o, b in zip(outlets, buffers, strict=True) if b < left]
        rate = sum(selling) or everyone
        if rate:
            total += (len(outlets) - len(selling)) / rate
    return total


def judged(outlets: Sequence[Outlet], buffers: Sequence[int], race: Race | None = None) -> Buffers:
    """What given buffers would do; the same number everywhere is a fixed buffer. *race* saves calculating anew."""
    return Buffers(
        tuple(buffers),
        (race or race_of(outlets)).oversold(buffers) if len(outlets) > 1 else 0.0,
        lost_listing_hours(outlets, buffers),
        min(buffers, default=0),
    )


def smallest_buffers(outlets: Sequence[Outlet], limit: float) -> Buffers:
    """The buffers with the least lost listing time whose expected oversell, units per sell-out, is at most *limit*.

    Where not even `MOST` units suffice, those are returned, with what is expected of them.
    """
    race = race_of(outlets)
    nothing = judged(outlets, [0] * len(outlets), race)
    if nothing.expected_oversold <= limit:
        return nothing
    plans = [
        (keeper, judged(outlets, _common(len(outlets), race, keeper, limit), race))
        for keeper in range(len(outlets))
    ]
    fit = [(keeper, plan) for keeper, plan in plans if plan.expected_oversold <= limit]
    if not fit:
        return min((plan for _, plan in plans), key=lambda plan: plan.expected_oversold)
    keeper, plan = min(fit, key=lambda one: one[1].lost_listing_hours)
    return judged(outlets, _lowered(outlets, race, keeper, plan.units, limit), race)


def alike(outlets: Sequence[Outlet], limit: float) -> tuple[tuple[Outlet, ...], float]:
    """*outlets* and *limit* in steps of a quarter, towards more being held back: most pools become one of a few, so that
    what was worked out for one serves many.
    """
    rounded = tuple(
        Outlet(
            Velocity(
                _step_up(outlet.velocity.units_per_hour),
                ceil(2 * outlet.velocity.dispersion) / 2,
                _step_down(outlet.velocity.seen),
            ),
            outlet.news,
            outlet.publish,
        )
        for outlet in outlets
    )
    return rounded, _step_down(limit)


def limit_per_sell_out(oversold_per_10_000: float, orders: float) -> float:
    """The limit of one sell-out, in units, when a pool is sold in so many orders."""
    return oversold_per_10_000 * orders / 10_000


def _common(outlets: int, race: Race, keeper: int, limit: float) -> list[int]:
    """The smallest buffer, the same for all others, when *keeper* sells the last units."""

    def hold(units: int) -> list[int]:
        return [0 if j == keeper else units for j in range(outlets)]

    return hold(_lowest(MOST, lambda units: race.oversold(hold(units)) <= limit))


def _lowered(
    outlets: Sequence[Outlet], race: Race, keeper: int, units: Sequence[int], limit: float
) -> list[int]:
    """Each buffer as far down as the limit allows, those of the slowest sellers first."""
    buffers = list(units)

    def fits(place: int, held: int) -> bool:
        return race.oversold([*buffers[:place], held, *buffers[place + 1 :]]) <= limit

    for place in sorted(range(len(outlets)), key=lambda j: outlets[j].velocity.units_per_hour):
        if place != keeper:
            buffers[place] = _lowest(buffers[place], partial(fits, place))
    return buffers


def _step_up(value: float) -> float:
    return _STEP ** ceil(log(value, _STEP) - 1e-9) if value > _LEAST else 0.0


def _step_down(value: float) -> float:
    return _STEP ** floor(log(value, _STEP) + 1e-9) if _LEAST < value < inf else value


def _hours(lags: LagModel) -> Lags:
    return [(seconds / 3600, share) for seconds, share in lags.states()]


def _lowest(most: int, fits: Callable[[int], bool]) -> int:
    """The lowest number that fits, if those above it do too; *most* where none below does."""
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return high
