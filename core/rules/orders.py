"""What a new state of an order means: is it news, and how many units of each line must be held or have left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from core.model.order import Order, OrderLine
from core.rules.intake import Intake

UNDATED = datetime(1970, 1, 1, tzinfo=UTC)  # older than anything a channel says
MAX_CLOCK_AHEAD = timedelta(minutes=5)  # how far past our own clock a channel's change time is believed


class Verdict(StrEnum):
    """What to do with a state that came in."""

    APPLY = "apply"
    STALE = "stale"  # older than what we have
    SAME = "same"  # nothing new
    LOOK = "look"  # cannot be ordered in time: look at the channel


@dataclass(frozen=True, slots=True)
class Version:
    """When a state is from and where it was seen. *fetched_at* is set when we looked ourselves."""

    changed_at: datetime | None
    fetched_at: datetime | None
    document_hash: bytes


def judge(stored: Version | None, incoming: Version) -> Verdict:
    """Whether *incoming* replaces *stored*: the newest change time decides, whatever order they arrive in.

    Two different bodies of one change time cannot be ordered by themselves, so we look; what we saw by looking
    wins over what was sent, and a later look over an earlier one.
    """
    if incoming.changed_at is None and incoming.fetched_at is None:
        return Verdict.LOOK
    if stored is None:
        return Verdict.APPLY
    if incoming.document_hash == stored.document_hash:
        return Verdict.SAME
    if incoming.changed_at is not None and stored.changed_at is not None:
        if incoming.changed_at > stored.changed_at:
            return Verdict.APPLY
        if incoming.changed_at < stored.changed_at:
            return Verdict.STALE
    if incoming.fetched_at is None:
        return Verdict.LOOK
    newer = stored.fetched_at is None or incoming.fetched_at >= stored.fetched_at
    return Verdict.APPLY if newer else Verdict.STALE


def believed_change(
    changed_at: datetime | None, received_at: datetime, placed_at: datetime | None
) -> tuple[datetime, bool]:
    """(change time to order by, whether it was ahead of time): a future time is capped a little past receipt.

    A state that does not say when it is from counts as the order's first one, so that every dated one replaces it.
    """
    limit = received_at + MAX_CLOCK_AHEAD
    if changed_at is None:
        return min(placed_at or UNDATED, received_at), False
    return (limit, True) if changed_at > limit else (changed_at, False)


def contradictions(order: Order) -> tuple[str, ...]:
    """Flags for what cannot both be: the goods left, and the order was cancelled. What left stays left."""
    shipped = any(line.quantity_fulfilled for line in order.lines)
    return ("shipped_and_cancelled",) if order.cancelled and shipped else ()


class Claim(NamedTuple):
    """What one line asks of the shelves: units to hold now, and units that have left so far."""

    held: int
    shipped: int


def claim_of(line: OrderLine, order: Order, intake: Intake, *, moves: bool, shipped_before: int) -> Claim:
    """The units of *line* that must be held and those that have left.

    Units that were seen to leave never come back by a change of words (*shipped_before*): only a return brings
    them. A cancelled order holds nothing.
    """
    if not moves or not intake.reserves:
        return Claim(held=0, shipped=shipped_before)
    shipped = max(shipped_before, min(line.units, line.quantity_fulfilled))
    if order.cancelled:
        return Claim(held=0, shipped=shipped)
    return Claim(held=max(0, line.units - line.quantity_cancelled - shipped), shipped=shipped)
