"""Things kept in order of (value, id), so that a page can go on right after any of them. Knows no GraphQL."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

T = TypeVar("T")

Key = tuple[datetime, int]
LAST_ID = 2**63


@dataclass(slots=True)
class Keyset(Generic[T]):
    """A sorted collection. Moving one thing leaves the place of all others as it was."""

    keys: list[Key] = field(default_factory=list)
    things: dict[int, T] = field(default_factory=dict)

    def add(self, value: datetime, number: int, thing: T) -> None:
        insort(self.keys, (value, number))
        self.things[number] = thing

    def move(self, number: int, old: datetime, new: datetime) -> None:
        del self.keys[bisect_left(self.keys, (old, number))]
        insort(self.keys, (new, number))

    def page(
        self,
        first: int,
        after: Key | None,
        *,
        reverse: bool,
        bounds: tuple[Key | None, Key | None],
        keep: Callable[[T], bool],
    ) -> tuple[list[tuple[Key, T]], bool]:
        """Up to *first* things that *keep* wants, within *bounds* (both inside); and: are there more?"""
        low, high = bounds
        start = 0 if low is None else bisect_left(self.keys, low)
        stop = len(self.keys) if high is None else bisect_right(self.keys, high)
        if after is not None and reverse:
            stop = min(stop, bisect_left(self.keys, after))
        elif after is not None:
            start = max(start, bisect_right(self.keys, after))
        found: list[tuple[Key, T]] = []
        for index in range(stop - 1, start - 1, -1) if reverse else range(start, stop):
            key = self.keys[index]
            thing = self.things[key[1]]
            if not keep(thing):
                continue
            if len(found) == first:
                return found, True
            found.append((key, thing))
        return found, False
