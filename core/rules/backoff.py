"""When to try again."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.errors import ChannelError, Recovery

BASE_S = 2.0
LONGEST_S = 900.0
FAR_S = 2 * LONGEST_S  # no wait of ours ends later than this, even by a clock that differs from ours


def pause_after(error: ChannelError, failures: int) -> timedelta:
    """How long to leave a channel alone after *error*, the *failures*-th in a row.

    What the channel asks for wins; a wait it asked for does not grow with the number of failures.
    """
    if error.recovery is Recovery.WAIT:
        return timedelta(seconds=min(LONGEST_S, error.retry_after_s or BASE_S))
    grown = min(LONGEST_S, BASE_S * 2 ** min(failures, 10))
    return timedelta(seconds=max(grown, min(LONGEST_S, error.retry_after_s or 0)))


def seconds_until(at: datetime, now: datetime) -> float:
    """Seconds from *now* to *at*; 0.0 when it has passed, and when only a clock that was wrong can have written it."""
    ahead = (at - now).total_seconds()
    return ahead if 0 < ahead <= FAR_S else 0.0
