"""Strict quotas of listings that share only part of their units: kits and their components, shelves that not every
channel sells from.

Each pool is safe whichever shelf an order takes its units from, so nothing depends on how orders are served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.rules.quotas import QuotaLevel


@dataclass(frozen=True, slots=True)
class Draw:
    """What the listings at *places* (of one variant) take from a pool: *each* units for each unit of that variant, the
    first *spared* of which come from elsewhere (ready-made kits).
    """

    places: tuple[int, ...]
    each: int = 1
    spared: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """*free* units that several listings draw on. It binds only while one of those at *asked_by* may sell: the others
    have further units elsewhere.
    """

    free: int
    draws: tuple[Draw, ...]
    asked_by: tuple[int, ...]

    def holds(self, shown: Sequence[int], levels: Sequence[QuotaLevel]) -> bool:
        """Whether every listing could sell all it has *shown* (in its own units)."""
        if not any(shown[place] for place in self.asked_by):
            return True
        drawn = 0
        for draw in self.draws:
            units = sum(shown[place] * levels[place].units for place in draw.places)
            drawn += max(0, units - draw.spared) * draw.each
        return drawn <= self.free


def share_pools(pools: Sequence[Pool], levels: Sequence[QuotaLevel]) -> list[int]:
    """What each of *levels* should show in the end, in their order: as `core.rules.quotas.share`, within all *pools*."""
    out = {place for place, level in enumerate(levels) if level.limit == 0}
    while True:
        given = _filled(pools, levels, out)
        # Few units of a shelf that one channel sells from would keep the others from all of theirs: it yields.
        for pool in pools:
            other = _filled(pools, levels, out | set(pool.asked_by))
            if sum(other) > sum(given):
                given = other
        meagre = [place for place, got in enumerate(given) if 0 < got < levels[place].minimum]
        if not meagre:
            return given
        out.add(min(meagre, key=lambda place: (levels[place].weight, -place)))


def grant_pools(pools: Sequence[Pool], levels: Sequence[QuotaLevel]) -> list[int]:
    """What each of *levels* may sell now, in their order: as `core.rules.quotas.grant`, within all *pools*."""
    targets = share_pools(pools, levels)
    possible = [level.possible for level in levels]
    crowded = not _fits(pools, levels, possible)
    granted = [level.surely if crowded else level.possible for level in levels]
    crowded |= any(target > 0 and level.possible == 0 for target, level in zip(targets, levels, strict=True))
    for place, level in enumerate(levels):
        excess = level.possible - targets[place]
        beyond = level.limit is not None and level.possible > level.limit
        if excess > 0 and (crowded or beyond or excess > max(1, level.possible // 4, level.risk)):
            granted[place] = max(0, min(targets[place], granted[place] - level.risk))
    # What may be shown whatever is lost: grants come on top.
    held = [level.possible + level.unsure for level in levels]
    for place in sorted(
        range(len(levels)), key=lambda place: (possible[place] > 0, -levels[place].weight, place)
    ):
        risk, wanted = levels[place].risk, targets[place] - possible[place]
        more = _most_more(pools, levels, held, place, wanted + risk) - risk if wanted > 0 else 0
        if more > 0:
            granted[place] = possible[place] + more
            held[place] += more + risk
    return granted


def _fits(pools: Sequence[Pool], levels: Sequence[QuotaLevel], shown: Sequence[int]) -> bool:
    return all(pool.holds(shown, levels) for pool in pools)


def _most_more(
    pools: Sequence[Pool], levels: Sequence[QuotaLevel], shown: list[int], place: int, wanted: int
) -> int:
    """How many more, at most *wanted*, the level at *place* can show beside the others."""

    def fits(more: int) -> bool:
        return _fits(pools, levels, [q + more if n == place else q for n, q in enumerate(shown)])

    low, high = 0, max(0, wanted)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _filled(pools: Sequence[Pool], levels: Sequence[QuotaLevel], out: set[int]) -> list[int]:
    given = [0] * len(levels)
    open_ = [place for place in range(len(levels)) if place not in out]
    most = sum(max(0, pool.free) for pool in pools) + sum(
        draw.spared for pool in pools for draw in pool.draws
    )

    def at(height: float) -> list[int]:
        raised = list(given)
        for place in open_:
            level = levels[place]
            raised[place] += int(height * max(level.weight, 1e-9) / level.units)
            if level.limit is not None:
                raised[place] = min(raised[place], level.limit)
        return raised

    while open_:
        low, high = 0.0, (most + 1) / min(max(levels[place].weight, 1e-9) for place in open_)
        high *= max(level.units for level in levels)
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if _fits(pools, levels, at(middle)) else (low, middle)
        raised = at(low)
        parts = {place: low * max(levels[place].weight, 1e-9) / levels[place].units % 1.0 for place in open_}
        given = raised
        order = sorted(
            open_,
            key=lambda place: (
                -parts[place],
                levels[place].possible <= given[place],
                -levels[place].weight,
                place,
            ),
        )
        full = []
        for place in order:
            limit = levels[place].limit
            if (limit is None or given[place] < limit) and _most_more(pools, levels, given, place, 1):
                given[place] += 1
            else:
                full.append(place)
        open_ = [place for place in open_ if place not in full]
    return given
