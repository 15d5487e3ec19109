"""The buffers that keep what is oversold under a limit, and what they cost: high only where lag x velocity is high.

One outlet keeps no buffer: it sells the last units, so that they do sell, while the others stop early enough for their
last sales to be heard of there. A fixed buffer holds units back everywhere, and those are never sold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from core.rules.demand import Velocity
from core.rules.lags import LagModel
from core.rules.oversell import Hours, oversold

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
    if len(outlets) < 2:
        return 0.0
    return _expected(outlets, tuple(_weathers(outlets)), buffers)


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


def judged(outlets: Sequence[Outlet], buffers: Sequence[int]) -> Buffers:
    """What given buffers would do; the same number everywhere is a fixed buffer."""
    return Buffers(
        tuple(buffers),
        expected_oversold(outlets, buffers),
        lost_listing_hours(outlets, buffers),
        min(buffers, default=0),
    )


def smallest_buffers(outlets: Sequence[Outlet], limit: float) -> Buffers:
    """The buffers with the least lost listing time whose expected oversell, units per sell-out, is at most *limit*.

    Where not even `MOST` units suffice, those are returned, with what is expected of them.
    """
    nothing = judged(outlets, [0] * len(outlets))
    if nothing.expected_oversold <= limit:
        return nothing
    plans = [judged(outlets, _beside(outlets, keeper, limit)) for keeper in range(len(outlets))]
    return min(
        plans,
        key=lambda plan: (
            plan.expected_oversold > limit,
            plan.lost_listing_hours if plan.expected_oversold <= limit else plan.expected_oversold,
        ),
    )


def limit_per_sell_out(oversold_per_10_000: float, orders: float) -> float:
    """The limit of one sell-out, in units, when a pool is sold in so many orders."""
    return oversold_per_10_000 * orders / 10_000


def _beside(outlets: Sequence[Outlet], keeper: int, limit: float) -> list[int]:
    """The smallest buffers of the others when *keeper* sells the last units: first the same for all, then each as far
    down as the limit allows, the slowest sellers first.
    """
    weathers = tuple(_weathers(outlets))

    def fits(buffers: Sequence[int]) -> bool:
        return _expected(outlets, weathers, buffers) <= limit

    buffers = [0 if j == keeper else MOST for j in range(len(outlets))]
    if not fits(buffers):
        return buffers
    common = _lowest(MOST, lambda units: fits([0 if j == keeper else units for j in range(len(outlets))]))
    buffers = [0 if j == keeper else common for j in range(len(outlets))]
    slowest_first = sorted(range(len(outlets)), key=lambda j: outlets[j].velocity.units_per_hour)
    for j in slowest_first:
        if j != keeper:
            buffers[j] = _lowest(common, lambda units: fits([*buffers[:j], units, *buffers[j + 1 :]]))  # noqa: B023
    return buffers


def _expected(
    outlets: Sequence[Outlet], weathers: Sequence[tuple[Hours, float]], buffers: Sequence[int]
) -> float:
    velocities = [outlet.velocity for outlet in outlets]
    return sum(share * oversold(velocities, hours, buffers) for hours, share in weathers)


def _weathers(outlets: Sequence[Outlet]) -> Iterator[tuple[Hours, float]]:
    """(hours from a sale at one outlet to another showing it, how often). What is slow is taken to be slow everywhere at
    the same time: a busy hour slows all, and too much held back costs less than too little.
    """
    news = [outlet.news.bands() for outlet in outlets]
    publish = [outlet.publish.bands() for outlet in outlets]
    for band, (_, share) in enumerate(news[0]):
        yield [[(came[band][0] + shown[band][0]) / 3600 for shown in publish] for came in news], share


def _lowest(most: int, fits: Callable[[int], bool]) -> int:
    """The lowest number up to *most* that fits, where *most* does and each above one that fits does too."""
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return high
