"""What can go wrong at a channel, and the one table that says what happens next.

A connector *classifies*: it maps every refusal to an `ErrorCode`. The hub *decides*: `RECOVERY` maps the
code to what is done. No other place chooses a recovery.
"""

from __future__ import annotations

from enum import StrEnum


class FairwayError(Exception):
    """An error that speaks to a person: *message* says what happened and where, *fix* what to do."""

    exit_code = 1

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()


class UsageProblem(FairwayError):
    """The caller asked for something that cannot be: wrong word, wrong file, wrong order of steps."""

    exit_code = 2


class Missing(FairwayError):
    """What was named does not exist (or belongs to another merchant: the answer is the same)."""

    exit_code = 3


class Busy(FairwayError):
    """Another process holds what is needed; trying later helps."""

    exit_code = 7


class ErrorCode(StrEnum):
    """The closed list of refusals. Connectors may use no other word, and not PAUSED: that one is ours."""

    RATE_LIMITED = "rate_limited"  # asked to slow down; nothing happened at the channel
    UNAVAILABLE = "unavailable"  # 5xx, maintenance page; what happened is unknown
    TIMEOUT = "timeout"  # no answer in time, connection lost; what happened is unknown
    NOT_SENT = "not_sent"  # no byte left this machine (refused, DNS, TLS)
    UNAUTHORIZED = "unauthorized"  # credentials are not accepted any more
    FORBIDDEN = "forbidden"  # credentials are fine, the right is missing
    NOT_FOUND = "not_found"  # the thing asked for is not there
    STALE = "stale"  # compare-and-set lost: the value there is not the one we compared with
    REJECTED = "rejected"  # the channel understood and refused for a reason of its own
    UNEXPECTED = "unexpected"  # an answer that fits no documented shape; what happened is unknown
    TOO_LARGE = "too_large"  # the answer is over our cap
    PAUSED = "paused"  # we hold back ourselves; nothing was sent


class Recovery(StrEnum):
    """What the hub does after a refusal."""

    WAIT = "wait"  # later, and it does not count as a failed attempt
    RETRY = "retry"  # later, with growing pauses
    READ_BACK = "read_back"  # look at the channel before trying a write again
    RECOMPUTE = "recompute"  # read the live value, decide anew
    REAUTHORIZE = "reauthorize"  # pause the connection until a person gives new credentials
    ASK = "ask"  # park it for an operator
    ACCEPT = "accept"  # the refusal is an answer


RECOVERY: dict[ErrorCode, Recovery] = {
    ErrorCode.RATE_LIMITED: Recovery.WAIT,
    ErrorCode.UNAVAILABLE: Recovery.READ_BACK,
    ErrorCode.TIMEOUT: Recovery.READ_BACK,
    ErrorCode.NOT_SENT: Recovery.RETRY,
    ErrorCode.UNAUTHORIZED: Recovery.REAUTHORIZE,
    ErrorCode.FORBIDDEN: Recovery.ASK,
    ErrorCode.NOT_FOUND: Recovery.ACCEPT,
    ErrorCode.STALE: Recovery.RECOMPUTE,
    ErrorCode.REJECTED: Recovery.ASK,
    ErrorCode.UNEXPECTED: Recovery.READ_BACK,
    ErrorCode.TOO_LARGE: Recovery.ASK,
    ErrorCode.PAUSED: Recovery.WAIT,
}


class ChannelError(Exception):
    """A refusal by a channel. *message* is in the channel's words, cut to a line, without secrets.

    *retry_after_s* is what the channel asked for (PAUSED: how long we hold back), in seconds, already clamped to
    1 s ... 15 min.
    """

    def __init__(self, code: ErrorCode, message: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else str(code))
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s

    @property
    def recovery(self) -> Recovery:
        return RECOVERY[self.code]
