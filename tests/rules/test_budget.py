"""Properties of rate budgets: nobody is handed more than the channel allows, whatever clocks and workers do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.connector import BudgetTold, Limits
from core.errors import ChannelError, ErrorCode, Recovery
from core.rules.backoff import LONGEST_S, pause_after
from core.rules.budget import (
    Bucket,
    blocked,
    fitted,
    full,
    given_back,
    is_news,
    portion,
    refilled,
    take,
    told,
)

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
A_LITTLE = 1e-6  # what floating point may lose

rates = st.floats(0.01, 2000)
bursts = st.floats(1, 20_000)
costs = st.floats(0.1, 30_000)
seconds = st.floats(0, 800)  # so far apart may the workers' clocks be, and a bucket be remembered
limits = st.builds(Limits, points_per_s=rates, burst=bursts)
there = st.builds(
    lambda rate, burst, part: refilled(Bucket(burst * part, rate, burst, NOON, NOON), NOON),
    rates,
    bursts,
    st.floats(-1, 1),
)
asked = st.lists(st.tuples(seconds, costs), max_size=60)


def at(second: float) -> datetime:
    return NOON + timedelta(seconds=second)


def handed_out(bucket: Bucket, asked: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """(second, points) of each chunk that workers get who ask for (second, cost), in that order."""
    given_out = []
    for second, cost in asked:
        chunk = portion(refilled(bucket, at(second)), cost)
        bucket, wait = take(bucket, chunk, at(second))
        if not wait:
            given_out.append((second, chunk))
    return given_out


@given(limits, asked)
def test_in_no_window_is_more_handed_out_than_the_burst_and_what_came_in(
    limits: Limits, asked: list[tuple[float, float]]
) -> None:
    grants = handed_out(full(limits, NOON), sorted(asked))

    for first, (begin, _) in enumerate(grants):
        total = 0.0
        for end, points in grants[first:]:
            total += points
            assert total <= limits.burst + limits.points_per_s * (end - begin) + A_LITTLE * limits.burst


@given(limits, st.lists(seconds, min_size=1, max_size=20))
def test_clocks_that_step_back_or_differ_give_nothing_for_free(limits: Limits, moments: list[float]) -> None:
    bucket, total = full(limits, NOON), 0.0
    for moment in moments:
        everything = max(0.0, refilled(bucket, at(moment)).points)
        bucket, wait = take(bucket, everything, at(moment))
        total += 0.0 if wait else everything

    assert total <= limits.burst + limits.points_per_s * max(moments) + A_LITTLE * limits.burst


@given(there, costs, seconds)
def test_whoever_waits_as_long_as_told_gets_it_and_not_sooner(
    bucket: Bucket, cost: float, second: float
) -> None:
    after, wait = take(bucket, cost, at(second))
    if not wait:
        assert after.points >= after.brim - after.burst - A_LITTLE
    elif wait < LONGEST_S:
        assert take(after, cost, at(second + wait))[1] == 0
        assert wait <= 0.002 or take(after, cost, at(second + wait - 0.002))[1] > 0
    else:
        assert wait == LONGEST_S


def test_a_cost_above_the_burst_takes_the_whole_burst_and_does_not_wait_forever() -> None:
    bucket = full(Limits(points_per_s=10, burst=40), NOON)

    overdrawn, wait = take(bucket, 500, NOON)
    assert (bucket.points, overdrawn.points, wait) == (30, -10, 0)
    assert take(overdrawn, 500, NOON)[1] == pytest.approx(4.0, abs=0.01)
    assert take(overdrawn, 500, at(4.01))[1] == 0


def test_a_bucket_of_one_call_keeps_its_rate() -> None:
    bucket = full(Limits(points_per_s=0.5, burst=1), NOON)

    grants = handed_out(bucket, [(second / 10, 1.0) for second in range(601)])

    assert len(grants) == 31  # one at once, one each two seconds of a minute


@given(there, costs)
def test_a_portion_is_what_is_needed_or_a_chunk_of_what_is_there(bucket: Bucket, cost: float) -> None:
    needed = min(cost, bucket.burst)
    chunk = portion(bucket, cost)

    assert chunk >= needed
    assert chunk <= max(needed, min(bucket.burst / 4, bucket.points_per_s, bucket.points))


@given(there, costs, seconds)
def test_what_is_given_back_can_be_taken_again_but_never_overflows(
    bucket: Bucket, cost: float, second: float
) -> None:
    after, wait = take(bucket, cost, NOON)
    if not wait:
        again = given_back(after, min(cost, bucket.burst), at(second))
        untouched = refilled(bucket, at(second))

        assert again.points <= again.brim
        assert again.points == pytest.approx(untouched.points, rel=1e-6, abs=1e-6 * bucket.burst)


said = st.builds(
    BudgetTold,
    family=st.just("api"),
    available=st.floats(-5000, 50_000) | st.sampled_from([float("nan"), float("inf")]),
    points_per_s=st.none() | st.floats(allow_nan=True, allow_infinity=True),
    burst=st.none() | st.floats(allow_nan=True, allow_infinity=True),
)


@given(there, said, seconds)
def test_never_more_is_believed_than_the_channel_says_and_never_more_than_workers_left(
    bucket: Bucket, said: BudgetTold, second: float
) -> None:
    after = told(bucket, said, at(second))

    assert after.points <= refilled(bucket, at(second)).points
    assert after.points <= after.brim
    assert not after.points > said.available  # whatever NaN is
    assert 0 < after.points_per_s < float("inf")
    assert 0 < after.burst < float("inf")


@given(there, st.floats(1, 5000), rates, bursts)
def test_the_rate_and_size_the_channel_tells_win(
    bucket: Bucket, available: float, rate: float, burst: float
) -> None:
    after = told(bucket, BudgetTold("api", available, rate, burst), NOON)

    assert (after.points_per_s, after.burst) == (rate, burst)


@pytest.mark.parametrize(
    ("said", "news"),
    [
        (BudgetTold("api", 1000.0, 100.0, 1000.0), False),
        (BudgetTold("api", 850.0), False),  # less by no more than a chunk: another worker's
        (BudgetTold("api", 700.0), True),
        (BudgetTold("api", 1000.0, 50.0), True),
        (BudgetTold("api", 1000.0, None, 2000.0), True),
        (BudgetTold("api", float("nan")), False),
    ],
)
def test_it_is_news_when_the_rate_is_another_or_much_less_is_there(said: BudgetTold, news: bool) -> None:
    assert is_news(full(Limits(points_per_s=100, burst=1000), NOON), said, NOON) is news


@given(there, st.floats(0.01, 900), costs)
def test_a_blocked_bucket_gives_nothing_until_then_and_starts_empty(
    bucket: Bucket, pause: float, cost: float
) -> None:
    after = blocked(bucket, at(pause), NOON)

    assert after.points <= 0
    assert take(after, cost, at(pause / 2))[1] >= pause / 2 - 1e-5
    assert blocked(after, at(pause / 2), NOON).blocked_until == after.blocked_until


def test_a_bucket_from_a_clock_that_was_wrong_holds_nobody_up() -> None:
    tomorrow = NOON + timedelta(days=1)
    wrong = Bucket(points=0, points_per_s=1, burst=10, measured_at=tomorrow, blocked_until=tomorrow)

    held, wait = take(wrong, 1, NOON)
    assert wait == pytest.approx(1, abs=0.01)
    assert take(held, 1, at(1.01))[1] == 0


@given(there, limits)
def test_a_changed_manifest_is_followed_and_fills_nothing(bucket: Bucket, limits: Limits) -> None:
    after = fitted(bucket, limits, NOON)

    assert (after.points_per_s, after.burst) == (limits.points_per_s, limits.burst)
    assert after.points == min(bucket.points, after.brim)


@given(st.integers(0, 40), st.floats(1, 5000))
def test_holding_back_ourselves_is_no_failure_and_its_pause_does_not_grow(failures: int, wait: float) -> None:
    paused = ChannelError(ErrorCode.PAUSED, "The budget is used up.", retry_after_s=wait)

    assert paused.recovery is Recovery.WAIT
    assert pause_after(paused, failures) == timedelta(seconds=min(LONGEST_S, wait))
