"""Chances of 0, 1, 2, ... units: where they come from and how they are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import comb, exp, log

Chances = Sequence[float]  # the place is the number; sums to 1

CERTAIN: Chances = (1.0,)  # nothing, for sure
NEGLIGIBLE = 1e-7  # what is rarer is left out


def chances(mean: float, variance: float) -> Chances:
    """The chance of each number: Poisson, or negative binomial where the variance is above the mean.

    The mean is at most a few hundred.
    """
    if mean <= 0:
        return CERTAIN
    extra = variance - mean
    bursts = extra > 1e-6 * mean
    successes = mean * mean / extra if bursts else 0.0
    odds = exp(successes * log(mean / variance)) if bursts else exp(-mean)
    found, left, count = [], 1.0, 0
    while left > NEGLIGIBLE and (odds > 1e-2 * NEGLIGIBLE or count <= mean):
        found.append(odds)
        left -= odds
        odds *= (count + successes) / (count + 1) * (extra / variance) if bursts else mean / (count + 1)
        count += 1
    whole = sum(found)
    return tuple(each / whole for each in found)


def mixed(parts: Iterable[tuple[float, Chances]]) -> Chances:
    """The chances in states that hold (share of the time, chances then)."""
    total: list[float] = []
    for share, part in parts:
        total += [0.0] * (len(part) - len(total))
        for number, odds in enumerate(part):
            total[number] += share * odds
    return total


def together(parts: Iterable[Chances]) -> Chances:
    """The chances of the sum of numbers that know nothing of each other."""
    total: Chances = CERTAIN
    for part in parts:
        both = [0.0] * (len(total) + len(part) - 1)
        for a, odds in enumerate(total):
            if odds > 1e-2 * NEGLIGIBLE:
                for b, chance in enumerate(part):
                    both[a + b] += odds * chance
        total = both
    return total


def spread(packs: Chances, size: int) -> Chances:
    """The chances of units where those of packs of *size* units are known."""
    if size == 1:
        return packs
    total = [0.0] * ((len(packs) - 1) * size + 1)
    total[::size] = packs
    return total


@lru_cache(maxsize=20_000)
def drawn(good: int, bad: int, steps: int) -> Sequence[tuple[int, float]]:
    """(good ones, chance) among the first *steps* of *good* + *bad* in any order."""
    if good + bad > 24:  # the mean says enough, split between its neighbours
        mean = steps * good / (good + bad)
        floor = min(int(mean), good)
        return ((floor, 1 - (mean - floor)), (min(floor + 1, good), mean - floor))
    ways = comb(good + bad, steps)
    return tuple(
        (sold, comb(good, sold) * comb(bad, steps - sold) / ways)
        for sold in range(max(0, steps - bad), min(good, steps) + 1)
    )
