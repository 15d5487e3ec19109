"""When a connection that keeps failing is left alone, and who may try whether it works again.

Only calls without a usable answer count: a refusal proves that somebody is there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.errors import ErrorCode
from core.rules.backoff import LONGEST_S, seconds_until

TRIPS_AT = 5  # failures in a row
BURST_S = 2.0  # over so long at least: calls side by side that fail at one moment are one mishap, no outage
FIRST_S = 30.0  # how long it stays open at first; doubles with every try that fails
PROBE_S = (
    30.0  # how long a try may take before it counts as lost with its worker; longer than any call's deadline
)

FAILURES = (ErrorCode.UNAVAILABLE, ErrorCode.TIMEOUT, ErrorCode.NOT_SENT, ErrorCode.UNEXPECTED)


@dataclass(frozen=True, slots=True)
class Circuit:
    """A connection whose last call failed, the *failures*-th in a row since *failing_since*. Nobody calls before
    *open_until*; then one may try, alone until *probing_until*.
    """

    failures: int
    failing_since: datetime
    open_until: datetime
    probing_until: datetime
    last_error: str = ""

    @property
    def tripped(self) -> bool:
        return self.failures >= TRIPS_AT


def seconds_shut(circuit: Circuit | None, now: datetime) -> float:
    """Seconds until a call may be made; 0.0 when it may. Where the circuit is *tripped*, by one caller: see `probing`."""
    if circuit is None or not circuit.tripped:
        return 0.0
    return max(seconds_until(circuit.open_until, now), seconds_until(circuit.probing_until, now))


def probing(circuit: Circuit, now: datetime) -> Circuit:
    """*circuit* while one caller tries whether the connection works again."""
    return replace(circuit, probing_until=now + timedelta(seconds=PROBE_S))


def failed(circuit: Circuit, now: datetime, error: str) -> Circuit:
    """*circuit* after one more call without a usable answer; one that had left before it opened says nothing new."""
    if circuit.tripped and seconds_until(circuit.open_until, now):
        return circuit
    failures = circuit.failures + 1
    if not circuit.tripped and now - circuit.failing_since < timedelta(seconds=BURST_S):
        failures = min(failures, TRIPS_AT - 1)
    return Circuit(failures, circuit.failing_since, now + timedelta(seconds=_open_s(failures)), now, error)


def _open_s(failures: int) -> float:
    if failures < TRIPS_AT:
        return 0.0
    return min(LONGEST_S, FIRST_S * 2.0 ** min(failures - TRIPS_AT, 10))
