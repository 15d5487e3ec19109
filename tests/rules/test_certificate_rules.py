"""Windows follow on each other without a hole, and only what is really missing is a gap."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.rules.certificates import (
    AGAIN_AT_MOST,
    FURTHEST,
    SETTLING,
    WINDOW,
    Held,
    Standing,
    compare,
    digest,
    judge,
    look_again,
    next_window,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = (NOON, NOON + timedelta(hours=1))
instants = st.datetimes(datetime(2026, 11, 1), datetime(2026, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001
minutes = st.integers(-90, 150).map(lambda minute: NOON + timedelta(minutes=minute))
ids = st.sampled_from("abcdef")


@given(linked=instants, now=instants)
def test_windows_go_from_the_link_to_now_without_a_hole(linked: datetime, now: datetime) -> None:
    windows = []
    last = None
    while window := next_window(last, linked, now):
        windows.append(window)
        last = window[1]

    assert all(before[1] == after[0] for before, after in itertools.pairwise(windows))
    assert all(until - since == WINDOW and since.minute == 0 for since, until in windows)
    if windows:
        assert windows[0][0] <= max(linked, now - FURTHEST) < windows[0][1]
        assert windows[-1][1] + SETTLING <= now < windows[-1][1] + WINDOW + SETTLING
    else:
        assert now < linked + WINDOW + SETTLING


@given(truth=st.dictionaries(ids, st.lists(minutes, min_size=1, max_size=3)), data=st.data())
def test_a_copy_that_is_up_to_date_is_certified_whatever_changed_after_the_window(
    truth: dict[str, list[datetime]], data: st.DataObject
) -> None:
    now = {order: max(changes) for order, changes in truth.items()}
    listed = {order: at for order, at in now.items() if HOUR[0] <= at < HOUR[1]}
    # The channel is read first; what changes there until ours is read moves ours on.
    later = data.draw(st.sets(st.sampled_from(sorted(now)))) if now else set()
    here = {order: Held(max(at, HOUR[1]) if order in later else at, gone=False) for order, at in now.items()}

    compared = compare(listed, here, HOUR)

    assert not compared.reasons()
    assert judge(compared, (), waiting=False) is Standing.CERTIFIED


@given(
    listed=st.dictionaries(ids, st.none() | minutes),
    here=st.dictionaries(ids, st.builds(Held, minutes, st.booleans())),
)
def test_what_is_listed_and_not_here_in_that_version_is_never_certified(
    listed: dict[str, datetime | None], here: dict[str, Held]
) -> None:
    compared = compare(listed, here, HOUR)
    lacking = {
        order
        for order, at in listed.items()
        if order not in here or here[order].gone or (at is not None and here[order].changed_at < at)
    }

    assert compared.missing | compared.behind == lacking
    for waiting in (False, True):
        for asked in ((), "abcdef"):
            certified = judge(compared, asked, waiting=waiting) is Standing.CERTIFIED
            assert not (certified and lacking)


def test_what_is_here_and_not_listed_is_looked_at_once() -> None:
    compared = compare({}, {"a": Held(NOON, gone=False), "b": Held(NOON, gone=True)}, HOUR)

    assert (compared.unlisted, compared.gone) == ({"a"}, {"b"})
    assert judge(compared, (), waiting=False) is Standing.HEALING
    assert judge(compared, ("a",), waiting=True) is Standing.HEALING
    assert judge(compared, ("a",), waiting=False) is Standing.CERTIFIED


def test_what_was_looked_at_and_is_still_missing_is_a_gap() -> None:
    compared = compare({"a": NOON}, {}, HOUR)

    assert judge(compared, (), waiting=False) is Standing.HEALING
    assert judge(compared, ("a",), waiting=True) is Standing.HEALING
    assert judge(compared, ("a",), waiting=False) is Standing.GAP


@given(st.integers(1, 1000))
def test_a_gap_is_looked_at_again_ever_more_seldom_but_always(looks: int) -> None:
    pauses = [look_again(Standing.GAP, count, NOON) - NOON for count in (looks, looks + 1)]
    assert timedelta(0) < pauses[0] <= pauses[1] <= AGAIN_AT_MOST


@given(st.dictionaries(ids, st.none() | minutes), st.dictionaries(ids, st.none() | minutes))
def test_a_digest_tells_lists_apart_and_not_their_order(
    one: dict[str, datetime | None], other: dict[str, datetime | None]
) -> None:
    assert digest(one) == digest(dict(reversed(one.items())))
    assert (digest(one) == digest(other)) == (one == other)
