"""How many units are sold too many when several channels sell the last units of one pool and news takes time.

A channel shows `free - buffer` as far as it has heard: it sells on while sales elsewhere have not reached it. So with
R units left, a channel with buffer b still sells while more than b - R units sold elsewhere are news on their way.
The channels with the highest buffer stop first; those with a lower one sell the rest, and what the first sold in their
last moments has to reach them before the rest is gone. Whatever has not is oversold.

Each sale's news takes its own time; a channel that is told slowly is so for a while, whatever it is told. Counted in
chances, nothing is drawn. Exact to a few hundredths of a unit where all hear equally fast, and rather too high than too
low where they do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import ceil

from core.rules.chances import CERTAIN, NEGLIGIBLE, Chances, chances, drawn, mixed, spread, together
from core.rules.demand import Velocity

Lags = Sequence[tuple[float, float]]  # (hours, how often)

_FINEST = 12.0  # more units than this are counted in packs: a dead channel costs no more to calculate than a slow one


class Race:
    """One pool: how fast each outlet sells, how long the hub takes to hear of a sale there (*news*), and how long a number
    takes to be shown there (*publish*).
    """

    def __init__(self, velocities: Sequence[Velocity], news: Sequence[Lags], publish: Sequence[Lags]) -> None:
        self.velocities, self.news, self.publish = velocities, news, publish
        self._stops: dict[object, list[_Stop]] = {}
        self._ends: dict[object, _End] = {}

    def oversold(self, buffers: Sequence[int]) -> float:
        """Units expected to be sold beyond the pool when it sells out, with so many units held back per outlet."""
        levels = sorted(set(buffers))
        last = [j for j, buffer in enumerate(buffers) if buffer == levels[0]]
        total = self._beyond(last, levels[0])
        for level in levels[1:]:
            first = tuple(j for j, buffer in enumerate(buffers) if buffer == level)
            rest = tuple(j for j, buffer in enumerate(buffers) if buffer < level)
            for j in first:
                if (j, first, rest) not in self._ends:
                    self._ends[j, first, rest] = self._end(j, first, rest)
                total += self._ends[j, first, rest].unheard(level)
        # Calculated rather too high where one hears late; but to hold back oversells no more than not to.
        return total if len(levels) == 1 else min(total, self._beyond(range(len(buffers)), levels[0]))

    def _beyond(self, selling: Sequence[int], level: int) -> float:
        """Units sold too many where all that are *selling* stop at the same *level*."""
        ends = [
            mixed((stop.share, stop.units) for stop in self._stop(j, selling, patient=False)) for j in selling
        ]
        return sum(odds * max(0, units - level) for units, odds in enumerate(together(ends)))

    def _stop(self, j: int, selling: Sequence[int], *, patient: bool) -> list[_Stop]:
        """How *j* stops, in each state its channel may be in, when all that are *selling* reach its buffer.

        *patient* counts for how long it goes on by the news that comes latest, which matters where much depends on it.
        """
        key = j, tuple(selling), patient
        if key not in self._stops:
            self._stops[key] = [
                self._stop_when(j, selling, late, share, patient=patient) for late, share in self.publish[j]
            ]
        return self._stops[key]

    def _stop_when(
        self, j: int, selling: Sequence[int], late: float, share: float, *, patient: bool
    ) -> _Stop:
        others = [i for i in selling if i != j]
        everyone = self._rate(selling)
        if not others or not everyone or not self._rate(others):
            return _Stop(share, CERTAIN, 0.0)
        newest = (
            self._rate(others) / everyone
        )  # the sale that ended it was elsewhere: the youngest news of all
        mean, variance, hours, weight = 0.0, 0.0, 0.0, 0.0
        for i in others:
            heard = sum((came + late) * part for came, part in self.news[i])
            more = self.velocities[i].moments(heard)
            mean, variance = mean + more[0], variance + more[1]
            for came, part in self.news[i]:
                matters = self._rate([i]) * part * (came + late + 1 / everyone if patient else 1)
                hours, weight = hours + matters * (came + late), weight + matters
        hours /= weight
        wanted = self.velocities[j].moments(hours)
        pack = max(1, ceil(max(wanted[0], mean) / _FINEST))
        units = spread(
            _sold_on(
                chances(wanted[0] / pack, wanted[1] / pack**2),
                chances(mean / pack, variance / pack**2),
                newest,
                max(1, round(self._burst(others) / pack)),
            ),
            pack,
        )
        # It ends sooner where there are few units it has not heard of.
        return _Stop(share, units, hours * (1 + (mean + newest) / (mean + newest + wanted[0])) / 2)

    def _end(self, j: int, first: tuple[int, ...], rest: tuple[int, ...]) -> _End:
        """What is left to be heard of *j* when it stops together with the *first*, while the *rest* sell on."""
        selling = sorted((*first, *rest))
        besides = together(
            mixed((stop.share, stop.units) for stop in self._stop(i, selling, patient=True))
            for i in first
            if i != j
        )
        using: list[float] = []
        expected = 0.0
        for stop in self._stop(j, selling, patient=True):
            late = together([self._sold(rest, stop.hours), besides])
            for units, odds in enumerate(stop.units):
                expected += stop.share * odds * units
                using += [0.0] * (units + len(late) - len(using))
                for sold, chance in enumerate(late):
                    using[units + sold] += stop.share * odds * chance * units
        newest = self._rate([j]) / (self._rate(selling) or 1.0)
        back = [(share, hours) for hours, share in self._back(j, rest)]
        ways = [(share, self._sold([j], hours), self._sold(rest, hours)) for share, hours in back]
        return _End(using, expected, newest, round(self._burst([j])), ways)

    def _back(self, j: int, rest: Sequence[int]) -> Lags:
        """From a sale at *j* to one of the *rest* showing it, the faster sellers weighing more; the rarest put together."""
        everyone = self._rate(rest)
        found = sorted(
            (came + shown, part * share * (self._rate([k]) / everyone if everyone else 1 / len(rest)))
            for k in rest
            for came, part in self.news[j]
            for shown, share in self.publish[k]
        )
        bands: list[tuple[float, float]] = []
        hours, weight, passed = 0.0, 0.0, 0.0
        for lag, share in found:
            hours, weight, passed = hours + lag * share, weight + share, passed + share
            if weight >= min(0.25, (1 - passed) / 2) or passed > 1 - 1e-9:
                bands.append((hours / weight, weight))
                hours, weight = 0.0, 0.0
        return bands

    def _rate(self, channels: Sequence[int]) -> float:
        return sum(self.velocities[j].units_per_hour for j in channels)

    def _burst(self, channels: Sequence[int]) -> float:
        """Units that are sold together, on average over the units."""
        rate = self._rate(channels)
        whole = sum(self.velocities[j].dispersion * self._rate([j]) for j in channels)
        return whole / rate if rate else 1.0

    def _sold(self, channels: Sequence[int], hours: float) -> Chances:
        moments = [self.velocities[j].moments(hours) for j in channels]
        mean, variance = sum(mean for mean, _ in moments), sum(variance for _, variance in moments)
        pack = max(1, ceil(mean / (4 * _FINEST)))
        return spread(chances(mean / pack, variance / pack**2), pack)


class _Stop:
    """In a state that holds a *share* of the time: the chances of *units* sold after it should have stopped, and the hours
    until the last of them.
    """

    def __init__(self, share: float, units: Chances, hours: float) -> None:
        self.share, self.units, self.hours = share, units, hours


class _End:
    def __init__(
        self,
        using: Sequence[float],
        expected: float,
        newest: float,
        burst: int,
        ways: Sequence[tuple[float, Chances, Chances]],
    ) -> None:
        """*using*: by how many units have been sold after the stop, the units of the stopped one among them, weighed with
        their chance; *ways*: (how often, news on its way at the stop, units the rest sell until it is there).
        """
        self.using, self.expected, self.newest, self.burst, self.ways = using, expected, newest, burst, ways

    def unheard(self, level: int) -> float:
        """Units the rest have not heard of when they sell the last of *level* units."""
        total = 0.0
        for share, early, old in self._ways:
            for sold, odds in enumerate(early):
                if sold <= level:
                    unheard = self._late(level - sold)
                else:  # used up before news of the stop could come
                    beyond = sold - level
                    last = min(self.burst, beyond)
                    with_newest = last + old[sold] * (beyond - last)
                    unheard = (
                        self.expected + self.newest * with_newest + (1 - self.newest) * old[sold] * beyond
                    )
                total += share * odds * unheard
        return total

    def _late(self, left: int) -> float:
        """Of the units sold after the stop, those not heard of when *left* units had been used up."""
        units, shares = self._tails
        return units[left] - left * shares[left] if left < len(units) else 0.0

    @cached_property
    def _ways(self) -> Sequence[tuple[float, Chances, Sequence[float]]]:
        """(how often, units the rest sell, by these: which part of what is used up is news on its way at the stop)."""
        return [
            (
                share,
                early,
                [
                    sum(odds * old / (sold + old) for old, odds in enumerate(before) if old)
                    for sold in range(len(early))
                ],
            )
            for share, before, early in self.ways
        ]

    @cached_property
    def _tails(self) -> tuple[Sequence[float], Sequence[float]]:
        """Sums over all n above a number: of what is used, and of what is used / n."""
        units, shares = [0.0], [0.0]
        for n in range(len(self.using) - 1, 0, -1):
            units.append(units[-1] + self.using[n])
            shares.append(shares[-1] + self.using[n] / n)
        return units[::-1], shares[::-1]


def _sold_on(wanted: Chances, phantoms: Chances, newest: float, burst: int) -> Chances:
    """Units sold by one channel that should have stopped: it sells what is *wanted* while *phantoms*, units sold elsewhere
    that it has not heard of, run out by being sold or by being heard of, in any order. With the chance *newest* there are
    *burst* more, heard of last.
    """
    found = [0.0] * len(wanted)
    found[0] = wanted[0]
    for demand, demand_odds in enumerate(wanted[1:], 1):
        for old, old_odds in enumerate(phantoms):
            odds = demand_odds * old_odds
            if odds < NEGLIGIBLE:
                found[0] += odds
                continue
            for extra, chance in ((burst, newest), (0, 1 - newest)):
                for sold, share in drawn(demand, old, min(old + extra, demand + old)):
                    found[sold] += odds * chance * share
    return found
