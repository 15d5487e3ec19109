"""Strict selling: every channel has units of its own, so that two of them cannot sell the same one.

What the channels may be showing never sums to more than is free, whatever answers were lost: a quota goes down at
once, and up only by what no other channel may still be showing.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

TOLERATED = (
    4  # a quota stays while it is beyond its share by at most a quarter of itself: every move is two writes
)
# Units that a channel may sell between our reading its count and our writing it, so that they are on sale again.
BLIND = 3


@dataclass(frozen=True, slots=True)
class QuotaLevel:
    """One listing (at one channel location) that shares units with others.

    *possible* is the most it may be showing, in its own units; *units* of the variant are in one of them. *weight*
    says how fast it sells beside the others. It gets at most *limit* (None: no limit), and nothing rather than fewer
    than *minimum*. *shows* is what it shows and has sold unseen, as far as we know (None: what is possible).

    Of a channel that does not compare before it sets, *blind* units may be put back on sale by a write, and *unsure*
    ones may have been by the last, until all orders from before it have come.
    """

    key: Hashable
    possible: int = 0
    weight: float = 1.0
    limit: int | None = None
    minimum: int = 0
    units: int = 1
    shows: int | None = None
    blind: int = 0
    unsure: int = 0

    @property
    def surely(self) -> int:
        """What it shows at the most, if it shows what we believe."""
        return self.possible if self.shows is None else min(self.possible, self.shows)

    @property
    def risk(self) -> int:
        """Units a write may put back on sale: none where it shows nothing."""
        return self.blind if self.possible else 0


def share(free: int, levels: Sequence[QuotaLevel]) -> list[int]:
    """What each of *levels* should show in the end, in their order: *free* units divided by weight, none left over
    that a level can take.

    Where there are fewer units than levels the fastest sellers get them. Whoever shows a unit already keeps it
    before another of the same weight.

    >>> share(10, [QuotaLevel("a", weight=3), QuotaLevel("b"), QuotaLevel("c")])
    [6, 2, 2]
    >>> share(1, [QuotaLevel("a"), QuotaLevel("b", possible=1)])
    [0, 1]
    """
    out: set[int] = {place for place, level in enumerate(levels) if level.limit == 0}
    while True:
        given = _divided(max(0, free), levels, out)
        meagre = [place for place, got in enumerate(given) if 0 < got < levels[place].minimum]
        if not meagre:
            return given
        # One at a time: what the slowest of them gives up may be enough for the next.
        out.add(min(meagre, key=lambda place: (levels[place].weight, -place)))


def _divided(free: int, levels: Sequence[QuotaLevel], out: set[int]) -> list[int]:
    given = [0] * len(levels)
    open_ = [place for place in range(len(levels)) if place not in out]
    left = free
    # Those whose limit is below their part of the rest are filled first: what they leave is for the others.
    while open_:
        total = sum(_weight(levels[place]) for place in open_)
        parts = {place: left * _weight(levels[place]) / total / levels[place].units for place in open_}
        full = [place for place in open_ if _most(levels[place], parts[place])]
        if not full:
            break
        for place in full:
            given[place] = levels[place].limit or 0
            left -= given[place] * levels[place].units
        open_ = [place for place in open_ if place not in full]
    else:
        parts = {}
    for place in open_:
        given[place] = int(parts[place])
    left -= sum(given[place] * levels[place].units for place in open_)
    # The rest unit by unit: to the largest fraction, then to whoever shows it already, then to the faster one.
    order = sorted(
        open_,
        key=lambda place: (
            int(parts[place]) - parts[place],
            levels[place].possible <= given[place],
            -levels[place].weight,
            place,
        ),
    )
    while True:
        before = left
        for place in order:
            level = levels[place]
            if level.units <= left and (level.limit is None or given[place] < level.limit):
                given[place] += 1
                left -= level.units
        if left == before:
            return given


def _weight(level: QuotaLevel) -> float:
    return max(level.weight, 1e-9)


def _most(level: QuotaLevel, part: float) -> bool:
    return level.limit is not None and part >= level.limit


def grant(free: int, levels: Sequence[QuotaLevel]) -> list[int]:
    """What each of *levels* may sell now, in their order, when *free* units are there for all of them together.

    Down at once, up only by units that no other level may still be showing: the sum over all levels of what is
    granted or possible, whichever is more, is never above *free* unless it was before. What a level has to give up
    for another is free for that one after its channel has confirmed it: then this is asked again.

    >>> grant(10, [QuotaLevel("a", possible=10), QuotaLevel("b", possible=0)])
    [5, 0]
    >>> grant(10, [QuotaLevel("a", possible=5), QuotaLevel("b", possible=0)])
    [5, 5]
    """
    targets = share(free, levels)
    room = free - sum(level.possible * level.units for level in levels)
    wanted = sum(
        (target - level.possible) * level.units
        for level, target in zip(levels, targets, strict=True)
        if level.possible == 0
    )
    granted = _lowered(levels, targets, room, wanted)
    room -= sum(level.unsure * level.units for level in levels)
    # Those that show nothing first, then the fastest.
    for place in sorted(
        range(len(levels)),
        key=lambda place: (levels[place].possible > 0, -levels[place].weight, place),
    ):
        level = levels[place]
        more = min(targets[place] - level.possible, max(0, room) // level.units - level.risk)
        if more > 0:
            granted[place] = level.possible + more
            room -= (more + level.risk) * level.units
    return granted


def _lowered(levels: Sequence[QuotaLevel], targets: Sequence[int], room: int, wanted: int) -> list[int]:
    """Every level at its target or where it is: lowered are those far beyond their part, and as many more as it
    takes to serve levels that show nothing (*wanted* units) or to come back to what is free.
    """
    # Where more is possible than is free, nobody is told to show more than it does.
    granted = [level.possible if room >= 0 else level.surely for level in levels]
    missing = wanted - room
    beyond = sorted(
        (place for place in range(len(levels)) if levels[place].possible > targets[place]),
        key=lambda place: (
            levels[place].risk,
            targets[place] - levels[place].possible,
            levels[place].weight,
            place,
        ),
    )
    for place in beyond:
        level = levels[place]
        excess = level.possible - targets[place]
        may_not = level.possible > _allowed(level)
        if missing > 0 or may_not or excess > max(1, level.possible // TOLERATED, level.risk):
            granted[place] = max(0, min(targets[place], granted[place] - level.risk))
            missing -= excess * level.units
    return granted


def _allowed(level: QuotaLevel) -> int:
    return level.possible if level.limit is None else level.limit
