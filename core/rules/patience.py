"""How long a level waits for further sales of its variant: what a listing may sell is a wish that the next one replaces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

BACKLOG = 50  # deliveries of a merchant that wait to be applied: with fewer, nothing waits to be levelled
LONGEST = timedelta(seconds=2)
EACH = timedelta(milliseconds=5)  # for each unit left: so long it takes to sell one at 200 a second


@dataclass(frozen=True, slots=True)
class Mark:
    """A variant to be levelled *since* an instant. *left* are the units free at the location that has fewest; *sold* says
    that only sales and what follows from them made it so, *strict* that a listing of it sells by quotas.
    """

    merchant_id: int
    variant_id: int
    since: datetime
    left: int
    sold: bool = True
    strict: bool = False


def patience(mark: Mark) -> timedelta:
    """How long *mark* may wait while its merchant has a backlog: never more than two seconds.

    The fewer units are left, the sooner channels are told: with none left at once. Quotas wait for nothing, nor does
    what was counted or ruled otherwise.
    """
    if mark.strict or not mark.sold:
        return timedelta(0)
    return min(LONGEST, max(0, mark.left) * EACH)


def waiting(marks: Iterable[Mark], now: datetime) -> set[tuple[int, int]]:
    """(merchant, variant) of those *marks* of merchants with a backlog that are left for a later round.

    Once one of a merchant's has waited long enough, those that have waited half as long as they may go with it: few
    rounds that fill the calls to a channel instead of many that do not.
    """
    by_merchant: dict[int, list[Mark]] = {}
    for mark in marks:
        by_merchant.setdefault(mark.merchant_id, []).append(mark)
    left: set[tuple[int, int]] = set()
    for own in by_merchant.values():
        due = any(now - mark.since >= patience(mark) for mark in own)
        left |= {
            (mark.merchant_id, mark.variant_id)
            for mark in own
            if now - mark.since < patience(mark) * (0.5 if due else 1)
        }
    return left
