"""What each channel may be told, and how much to write when its count is not the one we expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

# A sale and a write so close may have missed each other: where a channel does not compare, the write wiped the sale out.
CROSSING = timedelta(seconds=10)  # two clocks' times are compared, one of them in whole seconds
LONGEST_CALL = timedelta(seconds=30)  # a write without an answer had its effect within that time, if ever


def quantity_to_write(
    desired: int, predicted: int | None, live: int, maybe: int | None = None
) -> tuple[int, int]:
    """(quantity, unseen): what to write so that units the channel sold without our knowing stay sold.

    *predicted* is what the channel should show by itself. Where it shows fewer, the difference was sold by orders
    still on their way: writing *desired* would put those units back on sale. Where it shows more, *desired* stands.
    *maybe* is what an earlier try whose answer was lost may have written: showing exactly that is no sale. It says
    nothing more, since it does not go down with sales whose orders have come, as *predicted* does.

    >>> quantity_to_write(desired=8, predicted=10, live=9)
    (7, 1)
    >>> quantity_to_write(desired=8, predicted=10, live=8, maybe=8)
    (8, 0)
    >>> quantity_to_write(desired=45, predicted=44, live=44, maybe=47)
    (45, 0)
    """
    unseen = 0 if predicted is None or live == maybe else max(0, predicted - live)
    return max(0, desired - unseen), unseen


def most_shown(predicted: int, maybe: int | None = None, late: int | None = None) -> int:
    """The most a channel may show by itself: what it should, what a try without an answer may have written, or what
    an earlier one may still write (*late*).

    A strict listing takes this for *predicted*: what is missing of it may have been sold, whichever of them was true.

    >>> quantity_to_write(desired=64, predicted=most_shown(52, maybe=60), live=59)
    (63, 1)
    """
    return max([predicted, *(one for one in (maybe, late) if one is not None)])


def desired_level(free: int, buffer: int = 0) -> int:
    """What a pooled listing may sell: everything free but the buffer, never below zero."""
    return max(0, free - buffer)


@dataclass(frozen=True, slots=True)
class Level:
    """What we know a listing shows at one channel location, in the channel's own numbers.

    *predicted* is what it should show now by itself (None before the first look); *unseen* are units that it had
    taken off before our last write without our having heard of why; *unshipped* are units of its own orders that its
    number includes though it does not sell them (0 at most channels).
    """

    predicted: int | None = None
    unseen: int = 0
    unshipped: int = 0

    @property
    def sells(self) -> int | None:
        """How many the channel should sell by itself."""
        return None if self.predicted is None else max(0, self.predicted - self.unshipped)

    def number(self, desired: int) -> int:
        """What to write so that the channel sells *desired* once we have heard of everything."""
        return max(0, desired + self.unshipped - self.unseen)

    def settled(self, desired: int) -> bool:
        """Whether the channel will sell *desired* once the orders on their way have come: nothing to send."""
        return self.predicted is not None and self.predicted == self.number(desired)


def after_own_count(level: Level, lowered: int, unshipped: int = 0) -> Level:
    """The channel *lowered* its own count by units, first those that we had already missed, or gave units back (below
    zero); its number includes *unshipped* more units of its own orders than before.

    The store does this arithmetic in SQL; this is its specification, and a test holds the two together.
    """
    held = max(0, level.unshipped + unshipped)
    if level.predicted is None:
        return Level(unseen=level.unseen, unshipped=held)
    known = max(0, min(level.unseen, lowered))
    return Level(level.predicted - (lowered - known), level.unseen - known, held)


class Shelf(NamedTuple):
    """Stock of one variant at one location."""

    location_id: int
    on_hand: int
    reserved: int

    @property
    def free(self) -> int:
        return self.on_hand - self.reserved


class Pick(NamedTuple):
    """So many units held at a location."""

    location_id: int
    quantity: int


def allocate(quantity: int, shelves: Iterable[Shelf]) -> tuple[tuple[Pick, ...], int]:
    """(picks, short): take *quantity* from the shelves in their order, never more than is free.

    >>> allocate(5, [Shelf(1, on_hand=3, reserved=0), Shelf(2, on_hand=1, reserved=0)])
    ((Pick(location_id=1, quantity=3), Pick(location_id=2, quantity=1)), 1)
    """
    picks = []
    missing = quantity
    for shelf in shelves:
        taken = min(missing, max(0, shelf.free))
        if taken:
            picks.append(Pick(shelf.location_id, taken))
            missing -= taken
    return tuple(picks), missing


def give_back(quantity: int, held: Sequence[Pick]) -> tuple[Pick, ...]:
    """Which holds to release: the last taken first, at most what is held."""
    released = []
    missing = quantity
    for pick in reversed(held):
        taken = min(missing, pick.quantity)
        if taken:
            released.append(Pick(pick.location_id, taken))
            missing -= taken
    return tuple(released)
