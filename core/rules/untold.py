"""A channel that cannot be told goes on selling what it shows: those units are set aside, so that no other sells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil, sqrt

from core.rules.chances import chances
from core.rules.demand import Tally, Velocity, fastest, together

OUTAGE = timedelta(hours=2)  # about how long an account waits for a person who links it again
SILENCE = timedelta(hours=6)  # as if for so long at least it had been watched whether something sells
# That it sells more than is set aside by then. Less of it keeps units from the others for hours, and then it is late:
# in a day that sells out more stay unsold than ever were oversold.
RISK = 1e-2
_LASTING = timedelta(hours=1)  # half-lives that look back so far at least
_MANY = 200.0  # units: from there on the normal distribution says enough
_FAR = 2.33  # standard deviations that are exceeded with that risk


def set_aside(shown: int, tallies: Sequence[Tally], share: float, now: datetime) -> int:
    """Units of a variant of which a channel, which may be showing *shown*, will hardly sell more before it can be told
    again.

    *tallies* are the variant's sales at all channels, one at least for each half-life. *share* is the part of everything
    that is sold at this channel: much more is known of that than of what it sold of one variant. One more order is
    assumed than was seen within `SILENCE`, so that what never sold is not taken for what never will.
    """
    # A burst of minutes says little of hours.
    sold = [tally.aged(now) for tally in together(tallies) if tally.half_life >= _LASTING]
    longest = sold[-1]  # it looks back farthest
    sold[-1] = replace(longest, since=min(longest.since, now - SILENCE)).after(1, now)
    everywhere = fastest(tally.velocity(now) for tally in sold)
    here = Velocity(everywhere.units_per_hour * share, everywhere.dispersion, everywhere.seen)
    return min(shown, _exceeded_rarely(*here.moments(OUTAGE / timedelta(hours=1))))


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
