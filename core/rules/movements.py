"""What is done to a shelf: which of its four buckets change, and what cannot be. Decides nothing about orders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

LARGEST = 100_000_000  # units in one bucket; far below what the database's integers hold
CLOCK_AHEAD = timedelta(minutes=5)  # how far another clock may be ahead of ours before it is not believed


class Reason(StrEnum):
    """Why a balance changed: the closed list, which the database knows too."""

    RESERVE = "reserve"
    RELEASE = "release"
    SHIP = "ship"
    COUNT = "count"
    ADJUST = "adjust"
    RECEIVE = "receive"
    TRANSFER = "transfer"
    QUARANTINE = "quarantine"
    UNQUARANTINE = "unquarantine"
    EXPECT = "expect"


class Impossible(ValueError):
    """A movement that cannot be; the message is a clause that says why."""


@dataclass(frozen=True, slots=True)
class Delta:
    """Units that a bucket gains (or, below zero, loses)."""

    on_hand: int = 0
    quarantined: int = 0
    incoming: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """Units of one variant at one location; *counted_at* is the instant of the newest count."""

    on_hand: int = 0
    reserved: int = 0
    quarantined: int = 0
    incoming: int = 0
    counted_at: datetime | None = None

    @property
    def free(self) -> int:
        return self.on_hand - self.reserved

    @property
    def short(self) -> int:
        """Units promised that are not there."""
        return max(0, -self.free)

    def plus(self, delta: Delta) -> Balance:
        """Raises `Impossible` where a bucket would hold more than it can."""
        after = replace(
            self,
            on_hand=self.on_hand + delta.on_hand,
            quarantined=self.quarantined + delta.quarantined,
            incoming=self.incoming + delta.incoming,
        )
        if max(abs(after.on_hand), after.quarantined, after.incoming) > LARGEST:
            raise Impossible(f"no shelf holds more than {LARGEST} units")
        return after


def believed_instant(taken_at: datetime, now: datetime) -> datetime:
    """The instant a count holds from: a clock that is a little ahead means now. Raises `Impossible` beyond that."""
    if taken_at > now + CLOCK_AHEAD:
        raise Impossible(f"{taken_at:%Y-%m-%d %H:%M:%S} UTC is in the future")
    return min(taken_at, now)


def counted(balance: Balance, found: int, taken_at: datetime, moved_since: int) -> Delta | None:
    """*found* units were there at *taken_at*, and *moved_since* have come (or gone) after it; None: a newer count holds.

    A movement at that very instant is in the count. Of two counts of one instant the one told last holds.

    >>> counted(Balance(on_hand=7), 9, datetime(2026, 11, 24), moved_since=-1)
    Delta(on_hand=1, quarantined=0, incoming=0)
    """
    if not 0 <= found <= LARGEST:
        raise Impossible(f"{found} cannot be a count")
    if balance.counted_at is not None and balance.counted_at > taken_at:
        return None
    return Delta(on_hand=found + moved_since - balance.on_hand)


def adjusted(
    balance: Balance, units: int, *, quarantined: bool = False, even_reserved: bool = False
) -> Delta:
    """*units* more (or, below zero, fewer) than was thought, on the shelf or among the *quarantined*.

    Raises `Impossible` for units that are not there, or, unless *even_reserved*, that are promised to orders.
    """
    _some(units)
    if quarantined:
        if -units > balance.quarantined:
            raise Impossible(f"{-units} are to go and {balance.quarantined} are in quarantine")
        return Delta(quarantined=units)
    if units < 0:
        _takes(balance, -units, even_reserved=even_reserved)
    return Delta(on_hand=units)


def received(balance: Balance, units: int, *, expected: bool = False) -> Delta:
    """*units* came in; where they were *expected*, that many fewer are."""
    _positive(units)
    return Delta(on_hand=units, incoming=-min(units, balance.incoming) if expected else 0)


def transferred(source: Balance, units: int, *, even_reserved: bool = False) -> tuple[Delta, Delta]:
    """(what leaves the *source*, what its target gains): the same units. Raises `Impossible` as `adjusted` does."""
    _positive(units)
    _takes(source, units, even_reserved=even_reserved)
    return Delta(on_hand=-units), Delta(on_hand=units)


def set_apart(balance: Balance, units: int, *, even_reserved: bool = False) -> Delta:
    """*units* on the shelf are not to be sold for now. Raises `Impossible` as `adjusted` does."""
    _positive(units)
    _takes(balance, units, even_reserved=even_reserved)
    return Delta(on_hand=-units, quarantined=units)


def put_back(balance: Balance, units: int) -> Delta:
    """*units* in quarantine may be sold after all."""
    _positive(units)
    if units > balance.quarantined:
        raise Impossible(f"{units} are to go back and {balance.quarantined} are in quarantine")
    return Delta(on_hand=units, quarantined=-units)


def expected(balance: Balance, units: int) -> Delta:
    """*units* are to come in, or, below zero, will not come after all."""
    _some(units)
    if -units > balance.incoming:
        raise Impossible(f"{-units} are not to come after all and {balance.incoming} are expected")
    return Delta(incoming=units)


def _takes(balance: Balance, units: int, *, even_reserved: bool) -> None:
    if units > max(0, balance.on_hand):
        raise Impossible(f"{units} are to go and {balance.on_hand} are there")
    if units > balance.free and not even_reserved:
        raise Impossible(
            f"{units} are to go, {balance.on_hand} are there and {balance.reserved} of them are promised to orders"
        )


def _positive(units: int) -> None:
    if not 0 < units <= LARGEST:
        raise Impossible(f"{units} is not a number of units that can move")


def _some(units: int) -> None:
    if units == 0 or abs(units) > LARGEST:
        raise Impossible(f"{units} is not a number of units that can move")
