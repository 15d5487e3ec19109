"""A channel that cannot be told goes on selling what it shows: those units are set aside, so that no other sells them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil, sqrt

from core.rules.chances import chances
from core.rules.demand import Tally, fastest

OUTAGE = timedelta(hours=2)  # about how long an account waits for a person who links it again
RISK = 1e-4  # that it sells more than is set aside by then
_MANY = 200.0  # units: from there on the normal distribution says enough
_FAR = 3.72  # standard deviations that are exceeded with that risk


def set_aside(shown: int, tallies: Iterable[Tally], now: datetime) -> int:
    """Units that a channel, which may be showing *shown*, will hardly sell more of before it can be told again.

    *tallies* are its sales, counted with several half-lives; none: nothing was measured, so it may sell all it shows.
    One more order is assumed than was seen, so that what never sold is not taken for what never will.

    >>> set_aside(7, [], datetime(2026, 11, 27))
    7
    """
    counted = list(tallies)
    if not counted:
        return shown
    longest = max(tally.half_life for tally in counted)
    velocity = fastest(
        (tally.after(1, now) if tally.half_life == longest else tally).velocity(now) for tally in counted
    )
    mean, variance = velocity.moments(OUTAGE / timedelta(hours=1))
    return min(shown, _exceeded_rarely(mean, variance))


def _exceeded_rarely(mean: float, variance: float) -> int:
    """The smallest number that is exceeded with a chance of at most `RISK`."""
    if mean > _MANY:
        return ceil(mean + _FAR * sqrt(variance))
    more = 1.0
    for number, chance in enumerate(chances(mean, variance)):
        more -= chance
        if more <= RISK:
            return number
    raise ArithmeticError(f"the chances around {mean:g} do not sum to one")
