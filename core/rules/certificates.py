"""Windows of time, and whether what is here of one is what its channel lists of it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

WINDOW = timedelta(hours=1)
SETTLING = timedelta(
    minutes=15
)  # after its end: rows that become visible late, clocks that differ, pulls on their way
FURTHEST = timedelta(days=30)  # before now, where a connection is older than its first window
AGAIN = timedelta(seconds=30)  # until what was asked for is looked for again
AGAIN_AT_MOST = timedelta(hours=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Standing(StrEnum):
    """How a window stands. A *gap* is what stays open after every order of it was looked at: it needs a person."""

    CERTIFIED = "certified"
    HEALING = "healing"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Held:
    """An order as it is here: its version, and whether a look found it gone."""

    changed_at: datetime
    gone: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """Channel order ids: *missing* here, here in an older version (*behind*), here in a version of the window and not
    listed (*unlisted*), the same and found gone by looking (*gone*).
    """

    missing: frozenset[str]
    behind: frozenset[str]
    unlisted: frozenset[str]
    gone: frozenset[str]

    def reasons(self) -> dict[str, str]:
        """Why each order has to be looked at."""
        return (
            dict.fromkeys(self.unlisted, "unlisted")
            | dict.fromkeys(self.behind, "behind")
            | dict.fromkeys(self.missing, "missing")
        )


def next_window(
    last_until: datetime | None, linked_at: datetime, now: datetime
) -> tuple[datetime, datetime] | None:
    """The window after the one that ended at *last_until*, or the first of a connection; None while it is not closed.

    Windows begin and end with full hours, and each where the one before ended.
    """
    since = last_until or _floor(max(linked_at, now - FURTHEST))
    return (since, since + WINDOW) if since + WINDOW + SETTLING <= now else None


def _floor(at: datetime) -> datetime:
    return at - (at - _EPOCH) % WINDOW


def compare(
    listed: Mapping[str, datetime | None], here: Mapping[str, Held], window: tuple[datetime, datetime]
) -> Compared:
    """What differs between an order list and what is here of the same orders and of the same *window*.

    An order that is newer here has changed since: it belongs to a later window. A version that the channel does
    not date is as good as any.
    """
    since, until = window
    missing, behind = set(), set()
    for order, changed_at in listed.items():
        held = here.get(order)
        if held is None:
            missing.add(order)
        elif held.gone or (changed_at is not None and held.changed_at < changed_at):
            behind.add(order)
    left = {order: held for order, held in here.items() if order not in listed}
    ours = {order: held.gone for order, held in left.items() if since <= held.changed_at < until}
    return Compared(
        frozenset(missing),
        frozenset(behind),
        frozenset(order for order, gone in ours.items() if not gone),
        frozenset(order for order, gone in ours.items() if gone),
    )


def judge(compared: Compared, asked: Collection[str], *, waiting: bool) -> Standing:
    """How the window stands. *asked*: orders that were asked for before it was read; *waiting*: some of those answers
    are not applied yet.

    What is here and not listed is looked at once: where the channel still has it in that version, its list leaves it out
    (a bin), and nothing is missing.
    """
    if not (compared.missing or compared.behind) and compared.unlisted <= set(asked):
        return Standing.HEALING if compared.unlisted and waiting else Standing.CERTIFIED
    if waiting or compared.reasons().keys() - set(asked):
        return Standing.HEALING
    return Standing.GAP


def look_again(standing: Standing, looks: int, now: datetime) -> datetime:
    """When a window that is not certified is read again after *looks* of them."""
    if standing is Standing.HEALING and looks < 3:
        return now + AGAIN
    pause: timedelta = min(AGAIN_AT_MOST, AGAIN * 2 ** min(looks, 10))
    return now + pause


def digest(listed: Mapping[str, datetime | None]) -> bytes:
    """The same for the same ids and versions, in whatever order they are listed."""
    lines = (f"{order} {at.isoformat() if at else '-'}\n" for order, at in sorted(listed.items()))
    return hashlib.sha256("".join(lines).encode()).digest()
