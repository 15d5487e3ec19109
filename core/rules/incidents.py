"""When fewer units are there than were sold: which orders go without, in which order, and why those."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from core.model.order import PaymentStatus


class Policy(StrEnum):
    """What becomes of an order whose units no shelf has.

    ASK: a person decides. BACKORDER: it waits for units, held. OTHER_LOCATION: it takes free units from where its
    channel does not sell from. CANCEL: it is proposed for cancellation; the channel is not told by that.
    """

    ASK = "ask"
    BACKORDER = "backorder"
    OTHER_LOCATION = "other_location"
    CANCEL = "cancel"


_PAID = {
    PaymentStatus.AUTHORIZED,
    PaymentStatus.PAID,
    PaymentStatus.PARTIALLY_REFUNDED,
    PaymentStatus.REFUNDED,
}


def is_paid(payment_status: str | None) -> bool:
    """Whether the buyer's money is there or safe."""
    return payment_status in _PAID


@dataclass(frozen=True, slots=True)
class Claimant:
    """An order line that wants *units* of what there is too little of, and holds them at *location_id* or, where that is
    0, misses them.

    *marketplace* says where it was sold, *ship_by* when its channel wants it gone (None: states none), *value* what the
    line brings in *currency*, *partly_shipped* that some of its order is on its way.
    """

    order_id: int
    line_id: str
    units: int
    marketplace: bool
    placed_at: datetime
    location_id: int = 0
    ship_by: datetime | None = None
    paid: bool = True
    partly_shipped: bool = False
    value: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Victim:
    """*claimant* goes without *units*. *why* compares it with the cheapest order that keeps its units."""

    claimant: Claimant
    units: int
    why: str


# What makes it costly to let an order go without, the weightiest first: a number that grows with the cost, and how to
# say that it is lower.
_COSTS: tuple[tuple[Callable[[Claimant], Any], str], ...] = (
    (
        lambda c: c.marketplace,
        "it was sold in a shop of your own; at a marketplace a cancellation counts against you",
    ),
    (lambda c: c.ship_by is not None, "no channel counts the days until it ships"),
    (lambda c: -(c.ship_by.astimezone(UTC).date().toordinal() if c.ship_by else 0), "it may ship later"),
    (lambda c: c.paid, "it is not paid for"),
    (lambda c: c.partly_shipped, "nothing of it has left yet"),
)
_WORTH = "it is worth less"
_LATER = "it came later"


def in_order_of_cost(claimants: Sequence[Claimant]) -> list[Claimant]:
    """The cheapest to let go without first; never one of a marketplace before one of an own shop."""
    worth = _worth(claimants)
    return sorted(claimants, key=lambda claimant: _cost(claimant, worth))


def choose_victims(claimants: Sequence[Claimant], missing: int) -> tuple[Victim, ...]:
    """Who goes without, the cheapest first, until *missing* units are covered; so few orders as that allows.

    >>> from datetime import datetime, UTC
    >>> at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> shop = Claimant(1, "1", 2, marketplace=False, placed_at=at)
    >>> amazon = Claimant(2, "1", 1, marketplace=True, placed_at=at)
    >>> [(victim.claimant.order_id, victim.units) for victim in choose_victims([amazon, shop], 1)]
    [(1, 1)]
    """
    ordered = in_order_of_cost([claimant for claimant in claimants if claimant.units > 0])
    chosen: list[tuple[Claimant, int]] = []
    for claimant in ordered:
        units = min(missing, claimant.units)
        if units > 0:
            chosen.append((claimant, units))
            missing -= units
    kept = ordered[len(chosen)] if len(chosen) < len(ordered) else None
    worth = _worth(ordered)
    return tuple(Victim(claimant, units, _why(claimant, kept, worth)) for claimant, units in chosen)


def _worth(claimants: Sequence[Claimant]) -> Callable[[Claimant], Decimal]:
    """What is at stake, where it can be compared: of several currencies nothing is said."""
    comparable = len({claimant.currency for claimant in claimants}) == 1
    return lambda claimant: (claimant.value or Decimal(0)) if comparable else Decimal(0)


def _cost(claimant: Claimant, worth: Callable[[Claimant], Decimal]) -> tuple[Any, ...]:
    first_come = -claimant.placed_at.timestamp()
    name = (-claimant.order_id, claimant.line_id, claimant.location_id)
    return (*(cost(claimant) for cost, _ in _COSTS), worth(claimant), first_come, *name)


def _why(claimant: Claimant, kept: Claimant | None, worth: Callable[[Claimant], Decimal]) -> str:
    if kept is None:
        return "there are units for none of these orders"
    for cost, words in _COSTS:
        if cost(claimant) != cost(kept):
            return words
    return _WORTH if worth(claimant) != worth(kept) else _LATER
