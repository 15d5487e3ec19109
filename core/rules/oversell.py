"""How many units are sold too many when several channels sell the last units of one pool and news takes time.

A channel shows `free - buffer` as far as it has heard: it sells on while sales elsewhere have not reached it. So with
R units left, a channel with buffer b still sells while more than b - R units sold elsewhere are news on their way.
The channels with the highest buffer stop first; those with a lower one sell the rest, and what the first sold in their
last moments has to reach them before the rest is gone. Whatever has not is oversold.

All of it in one state of the lags; `core.rules.buffers` weighs the states. Counted in chances, nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, comb

from core.rules.demand import Velocity, chances

Chances = Sequence[float]  # of 0, 1, 2, ... units
Hours = Sequence[Sequence[float]]  # from a sale at the first to the second showing it

_FINEST = 8.0  # more units than this are counted in packs, so that a slow channel costs no more to calculate


def oversold(velocities: Sequence[Velocity], hours: Hours, buffers: Sequence[int]) -> float:
    """Units expected to be sold beyond the pool when it sells out."""
    most = max(
        velocity.units_per_hour * max(hours[j][i] + hours[i][j] for i in range(len(velocities)) if i != j)
        for j, velocity in enumerate(velocities)
    )
    pack = max(1, ceil(most / _FINEST))
    race = _Race(velocities, hours, pack)
    packs = [buffer // pack for buffer in buffers]
    lowest = min(packs)
    last = [j for j, buffer in enumerate(packs) if buffer == lowest]
    total = sum(
        odds * max(0, units - lowest) for units, odds in enumerate(_all_of(race.overshoot(last, last)))
    )
    for level in sorted(set(packs) - {lowest}):
        first = [j for j, buffer in enumerate(packs) if buffer == level]
        rest = [j for j, buffer in enumerate(packs) if buffer < level]
        total += race.unheard(first, rest, level)
    return total * pack


class _Race:
    def __init__(self, velocities: Sequence[Velocity], hours: Hours, pack: int) -> None:
        self.velocities, self.hours, self.pack = velocities, hours, pack

    def overshoot(self, stopping: Sequence[int], selling: Sequence[int]) -> list[Chances]:
        """Units that each of the *stopping* sells after it should have stopped, since it has not heard of the others
        *selling*.
        """
        found: list[Chances] = []
        everyone = self._rate(selling)
        for j in stopping:
            others = [i for i in selling if i != j]
            if not others or not everyone:
                found.append((1.0,))
                continue
            newest = (
                self._rate(others) / everyone
            )  # the sale that ended it was elsewhere: the youngest news of all
            wanted = self._sold([(j, self._deaf_hours(j, others, everyone))])
            found.append(_sold_on(wanted, self._sold([(i, self.hours[i][j]) for i in others]), newest))
        return found

    def unheard(self, first: Sequence[int], rest: Sequence[int], level: int) -> float:
        """Units that the *first* sold and the *rest* had not heard of when they sold the last of *level* units."""
        selling = [*first, *rest]
        overshoot = self.overshoot(first, selling)
        everyone = self._rate(selling) or 1.0
        total = 0.0
        for place, j in enumerate(first):
            back = self._mean_hours([j], rest)
            last = self._last_sale(j, [i for i in selling if i != j], everyone)
            early = self._sold([(k, back) for k in rest])
            late = _all_of(
                [self._sold([(k, last) for k in rest]), *overshoot[:place], *overshoot[place + 1 :]]
            )
            mine = overshoot[place]
            expected = sum(units * odds for units, odds in enumerate(mine))
            before = self._sold([(j, back)])
            newest = self._rate([j]) / everyone
            for sold, odds in enumerate(early):
                if sold <= level:
                    total += odds * _missed(mine, late, level - sold)
                else:
                    total += odds * (expected + _missed_before(before, newest, sold, level))
        return total

    def _deaf_hours(self, j: int, others: Sequence[int], everyone: float) -> float:
        """Hours for which *j* goes on selling what the *others* sold: those it hears of late count for most of it."""
        weights = [self.velocities[i].units_per_hour * (self.hours[i][j] + 1 / everyone) for i in others]
        whole = sum(weights)
        return (
            sum(weight * self.hours[i][j] for i, weight in zip(others, weights, strict=True)) / whole
            if whole
            else 0.0
        )

    def _last_sale(self, j: int, others: Sequence[int], everyone: float) -> float:
        """Hours until *j*, which should stop, has sold the last of what it shows: sooner where there are few units it
        has not heard of.
        """
        hours = self._deaf_hours(j, others, everyone)
        phantoms = sum(self.velocities[i].units_per_hour * self.hours[i][j] for i in others)
        phantoms += self._rate(others) / everyone
        wanted = self.velocities[j].units_per_hour * hours
        return hours * (1 + phantoms / (phantoms + wanted)) / 2 if phantoms else 0.0

    def _rate(self, channels: Sequence[int]) -> float:
        return sum(self.velocities[j].units_per_hour for j in channels)

    def _mean_hours(self, sellers: Sequence[int], readers: Sequence[int]) -> float:
        """From a sale at one of the *sellers* to one of the *readers*, the faster sellers weighing more."""
        weighed = [
            (
                (self.velocities[i].units_per_hour + 1e-12) * (self.velocities[j].units_per_hour + 1e-12),
                self.hours[i][j],
            )
            for i in sellers
            for j in readers
        ]
        return sum(weight * hours for weight, hours in weighed) / sum(weight for weight, _ in weighed)

    def _sold(self, spans: Sequence[tuple[int, float]]) -> Chances:
        """Packs sold by several channels, each within its own hours."""
        means, variances = 0.0, 0.0
        for j, hours in spans:
            mean, variance = self.velocities[j].moments(hours)
            means, variances = means + mean, variances + variance
        return chances(means / self.pack, variances / self.pack**2)


def _sold_on(wanted: Chances, phantoms: Chances, newest: float) -> Chances:
    """Units sold by one channel that should have stopped: it sells *wanted* while *phantoms*, units sold elsewhere that
    it has not heard of, run out by being sold or by being heard of, in any order. With the chance *newest* there is one
    more, heard of last.
    """
    found = [0.0] * len(wanted)
    for demand, demand_odds in enumerate(wanted):
        for old, odds in enumerate(phantoms):
            for extra, chance in ((1, newest), (0, 1 - newest)):
                steps = min(old + extra, demand + old)
                for sold, share in _drawn(demand, old, steps):
                    found[sold] += demand_odds * odds * chance * share
    return found


def _drawn(good: int, bad: int, steps: int) -> Sequence[tuple[int, float]]:
    """(good ones, chance) among the first *steps* of *good* + *bad* in any order."""
    if good + bad > 16:  # the mean says enough, split between its neighbours
        mean = steps * good / (good + bad)
        floor = min(int(mean), good)
        return ((floor, 1 - (mean - floor)), (min(floor + 1, good), mean - floor))
    ways = comb(good + bad, steps)
    return [
        (sold, comb(good, sold) * comb(bad, steps - sold) / ways)
        for sold in range(max(0, steps - bad), min(good, steps) + 1)
    ]


def _missed(overshoot: Chances, late: Chances, left: int) -> float:
    """Of the *overshoot*, what had not been heard of when the *late* sales and it together had used up *left*."""
    return sum(
        odds * chance * units * (units + sold - left) / (units + sold)
        for units, odds in enumerate(overshoot)
        if units
        for sold, chance in enumerate(late)
        if units + sold > left
    )


def _missed_before(before: Chances, newest: float, sold: int, level: int) -> float:
    """Of the news on its way when *level* was reached, what had not been heard of when *sold* had used it up."""
    return sum(
        odds
        * (
            newest * (1 + old * (sold - level - 1) / (sold + old))
            + (1 - newest) * old * (sold - level) / (sold + old)
        )
        for old, odds in enumerate(before)
    )


def _all_of(parts: Sequence[Chances]) -> Chances:
    """The chances of the sum."""
    total: Chances = (1.0,)
    for part in parts:
        both = [0.0] * (len(total) + len(part) - 1)
        for a, odds in enumerate(total):
            for b, chance in enumerate(part):
                both[a + b] += odds * chance
        total = both
    return total
