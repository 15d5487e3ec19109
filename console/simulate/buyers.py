"""The world a policy is tried in: what there is to sell, when more comes, and who wants it where. Knows no policy.

Each SKU has a stream of chance of its own, so every policy meets the same buyers in the same seconds.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import exp, sqrt

from console.simulate.channels import DAY, HOUR, HOURS, Channel

# Assumptions about a merchant who sells well.
ZIPF = 0.8  # the n-th SKU of the list sells 1 / n^0.8 of the first
PLANNED_WRONG = 0.45  # what was bought differs from what is wanted: sigma of its logarithm
FLASHES = 0.1  # part of the SKUs that have a flash sale; bestsellers need none
FLASH_BELOW = 500.0  # units a run
FLASH_BUYERS = (0.3, 1.5)  # for each buyer the SKU has anyway, so many more come to the flash sale
FLASH_S = (900.0, 3600.0)  # and it lasts so long
RESTOCKED = 0.4  # part of the SKUs whose goods come in two deliveries
QUANTITIES = (1,) * 17 + (2, 2, 3)  # units an order takes
_DAY_SO_FAR = tuple(accumulate(HOURS))

# (at, SKU, place of the channel, units wanted, luck)
Buyer = tuple[float, int, int, int, float]


@dataclass(frozen=True, slots=True)
class World:
    """*supply*: the first units of each SKU; *restocks*: (at, SKU, units); *buyers* in order of time; *scarce*: SKUs
    that sell out when one perfect count is shared without any delay, so that what stays unsold is the policy's doing.
    """

    seconds: float
    supply: tuple[int, ...]
    restocks: tuple[tuple[float, int, int], ...]
    buyers: tuple[Buyer, ...]
    scarce: frozenset[int]

    @property
    def supplied(self) -> list[int]:
        """Units of each SKU that ever come."""
        total = list(self.supply)
        for _, sku, units in self.restocks:
            total[sku] += units
        return total


def make_world(seed: str, channels: Sequence[Channel], *, skus: int, buyers: int, days: float) -> World:
    """A world of about so many *buyers*; the same for the same arguments."""
    seconds = days * DAY
    weights = [1.0 / (rank + 1) ** ZIPF for rank in range(skus)]
    each = buyers / sum(weights)
    supply: list[int] = []
    restocks: list[tuple[float, int, int]] = []
    wanted: list[Buyer] = []
    for sku, weight in enumerate(weights):
        stream = random.Random(f"{seed}/sku/{sku}")  # noqa: S311 - a world that can be told again
        times, planned = _visits(stream, weight * each, seconds)
        bought = max(2, round(planned * stream.lognormvariate(0.0, PLANNED_WRONG)))
        first = bought
        if stream.random() < RESTOCKED and bought > 3:
            first = bought - bought // 3
            restocks.append((stream.uniform(0.2, 0.7) * seconds, sku, bought - first))
        supply.append(first)
        chance = stream.random
        shares = list(accumulate(channel.share * stream.uniform(0.5, 1.5) for channel in channels))
        for at in times:
            place = bisect(shares, chance() * shares[-1])
            quantity = QUANTITIES[int(chance() * len(QUANTITIES))]
            wanted.append((at, sku, place, quantity, chance()))
    wanted.sort()
    restocks.sort()
    scarce = _sold_out(supply, restocks, wanted)
    return World(seconds, tuple(supply), tuple(restocks), tuple(wanted), scarce)


def _visits(stream: random.Random, expected: float, seconds: float) -> tuple[list[float], float]:
    """(when buyers come, how many units of them a good planner expects)."""
    chance = stream.random
    days = max(1.0, seconds // DAY)
    times = []
    for _ in range(poisson(stream, expected)):
        hour = bisect(_DAY_SO_FAR, chance() * _DAY_SO_FAR[-1])
        times.append(min(seconds, int(chance() * days) * DAY + (hour + chance()) * HOUR))
    flash = 0.0
    if stream.random() < FLASHES and expected < FLASH_BELOW:
        lasts = stream.uniform(*FLASH_S)
        begins = stream.uniform(0.1, 0.9) * (seconds - lasts)
        flash = expected * stream.uniform(*FLASH_BUYERS)
        # Most come at once, when the mail is out.
        times += [begins + lasts * (1 - sqrt(1 - stream.random())) for _ in range(poisson(stream, flash))]
    return times, (expected + flash) * sum(QUANTITIES) / len(QUANTITIES)


def poisson(stream: random.Random, mean: float) -> int:
    """A Poisson number; from 200 on the normal one that is as good."""
    if mean > 200:
        return max(0, round(stream.gauss(mean, sqrt(mean))))
    limit, count, product = exp(-mean), 0, stream.random()
    while product > limit:
        count += 1
        product *= stream.random()
    return count


def _sold_out(
    supply: Sequence[int], restocks: Sequence[tuple[float, int, int]], buyers: Sequence[Buyer]
) -> frozenset[int]:
    left = list(supply)
    coming = [*restocks, (float("inf"), 0, 0)]
    due = 0
    for at, sku, _, quantity, _ in buyers:
        while coming[due][0] <= at:
            left[coming[due][1]] += coming[due][2]
            due += 1
        if left[sku] >= quantity:
            left[sku] -= quantity
    return frozenset(sku for sku, units in enumerate(left) if units == 0)
