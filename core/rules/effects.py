"""What follows from an attempt to have an effect at a channel or carrier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.errors import ChannelError, ErrorCode, Recovery
from core.rules.backoff import pause_after

MAX_VANISHED = 5  # attempts in a row whose worker ended before it could say anything
ASK_AGAIN = timedelta(hours=1)  # what only a person can mend is looked at again without hurry

Outcome = Literal["ok", "rejected", "throttled", "unknown"]


@dataclass(frozen=True, slots=True)
class Settled:
    """*outcome* is what the attempt was, *status* what has become of the effect. *next_at* is None when it is over;
    *counts* is false for attempts that were only told to wait.
    """

    outcome: Outcome
    status: Literal["pending", "done", "rejected"]
    next_at: datetime | None
    counts: bool = True
    message: str = ""


DONE = Settled("ok", "done", None)


def settle(error: ChannelError, attempts: int, now: datetime, lands: timedelta) -> Settled:
    """What becomes of an effect after *error*, the *attempts*-th try that counts. A call without an answer may still
    have its effect for as long as *lands*: nobody looks before.

    Nothing is given up but what the channel refused for a reason of its own: that waits for a person.
    """
    message = str(error)[:500]
    if error.recovery is Recovery.WAIT:
        return Settled("throttled", "pending", now + pause_after(error, 0), counts=False, message=message)
    if error.recovery is Recovery.REAUTHORIZE:
        return Settled("rejected", "pending", now, counts=False, message=message)
    if error.code is ErrorCode.FORBIDDEN:
        return Settled("rejected", "pending", now + ASK_AGAIN, message=message)
    if error.recovery in (Recovery.ASK, Recovery.ACCEPT):
        return Settled("rejected", "rejected", None, message=message)
    sure = error.code in (ErrorCode.NOT_SENT, ErrorCode.STALE)
    pause = pause_after(error, attempts - 1)
    if error.code is ErrorCode.TIMEOUT:
        pause = max(pause, lands)
    return Settled("rejected" if sure else "unknown", "pending", now + pause, message=message)
