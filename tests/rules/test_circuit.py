"""Circuits: five failures in a row, not of one moment, open one; one caller at a time tries, pauses double up to 15 min."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.errors import RECOVERY, ErrorCode, Recovery
from core.rules.backoff import LONGEST_S
from core.rules.circuit import (
    BURST_S,
    FAILURES,
    FIRST_S,
    PROBE_S,
    TRIPS_AT,
    Circuit,
    failed,
    probing,
    seconds_shut,
)

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CLOSED = Circuit(0, NOON - timedelta(seconds=BURST_S), NOON, NOON)


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def after_failures(count: int) -> tuple[Circuit, datetime]:
    """A circuit after *count* calls that failed, each made as soon as it might be; and the time of the last."""
    circuit, now = CLOSED, NOON
    for _ in range(count):
        now += timedelta(seconds=seconds_shut(circuit, now))
        circuit = failed(circuit, now, "timeout")
    return circuit, now


def test_four_failures_hold_nobody_back_and_the_fifth_does_for_half_a_minute() -> None:
    four, _ = after_failures(TRIPS_AT - 1)
    five, now = after_failures(TRIPS_AT)

    assert (four.tripped, seconds_shut(four, NOON)) == (False, 0)
    assert (five.tripped, seconds_shut(five, now)) == (True, FIRST_S)


@given(st.lists(st.floats(0, BURST_S - 0.001), min_size=TRIPS_AT, max_size=40).map(sorted))
def test_any_number_of_failures_within_two_seconds_is_one_mishap(moments: list[float]) -> None:
    circuit = Circuit(0, NOON, NOON, NOON)
    for moment in moments:
        circuit = failed(circuit, at(moment), "timeout")

    assert not circuit.tripped
    assert failed(circuit, at(BURST_S), "timeout").tripped


@given(st.integers(TRIPS_AT, 60))
def test_every_try_that_fails_doubles_the_pause_up_to_a_quarter_of_an_hour(count: int) -> None:
    before, then = after_failures(count)
    after, now = after_failures(count + 1)

    assert seconds_shut(after, now) == min(LONGEST_S, 2 * seconds_shut(before, then))


@given(st.integers(TRIPS_AT, 20), st.floats(0, 1, exclude_max=True))
def test_calls_that_left_before_it_opened_say_nothing_new(count: int, part: float) -> None:
    circuit, now = after_failures(count)
    during = now + timedelta(seconds=seconds_shut(circuit, now) * part)

    if seconds_shut(circuit, during):
        assert failed(circuit, during, "another timeout") == circuit


@given(st.integers(TRIPS_AT, 20), st.floats(0, PROBE_S - 0.01))
def test_while_one_tries_nobody_else_may(count: int, second: float) -> None:
    circuit, now = after_failures(count)
    opened = now + timedelta(seconds=seconds_shut(circuit, now))
    trying = probing(circuit, opened)

    assert seconds_shut(circuit, opened) == 0
    assert seconds_shut(trying, opened + timedelta(seconds=second)) > 0
    assert seconds_shut(trying, opened + timedelta(seconds=PROBE_S)) == 0


def test_a_circuit_that_a_wrong_clock_opened_holds_nobody_back() -> None:
    wrong = Circuit(TRIPS_AT, NOON, at(86400), at(86400))

    assert seconds_shut(wrong, NOON) == 0
    assert failed(wrong, NOON, "timeout").open_until == at(2 * FIRST_S)


@given(st.integers(0, 40), st.floats(-300, 300))
def test_a_clock_five_minutes_off_does_not_call_while_it_is_open(count: int, skew: float) -> None:
    circuit, now = after_failures(TRIPS_AT + count)
    elsewhere = now + timedelta(seconds=skew)

    left = (circuit.open_until - elsewhere).total_seconds()
    assert seconds_shut(circuit, elsewhere) == max(0.0, left)


def test_a_connection_that_was_never_called_is_open_to_all() -> None:
    assert seconds_shut(None, NOON) == 0


def test_only_calls_without_a_usable_answer_count() -> None:
    unknown = {code for code in ErrorCode if RECOVERY[code] in (Recovery.READ_BACK, Recovery.RETRY)}

    assert set(FAILURES) == unknown
