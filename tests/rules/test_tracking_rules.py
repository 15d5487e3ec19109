"""Where a parcel is: the time of a scan decides, whatever order, number and bundle its statements come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model.tracking import Incident, Scan, TrackingStatus
from core.rules.tracking import Standing, after, fold

S = TrackingStatus
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ENDS = (S.DELIVERED, S.RETURN_TO_SENDER)


def at(hour: int) -> datetime:
    return NOON + timedelta(hours=hour)


def scan(status: TrackingStatus, hour: int | None, incident: Incident | None = None) -> Scan:
    return Scan(status=status, incident=incident, scanned_at=None if hour is None else at(hour))


def by_hand(scans: Sequence[Scan]) -> tuple[TrackingStatus, datetime | None, bool]:
    """The rule told another way, over the whole history: status, its time, whether an end was taken back."""
    known = [one for one in scans if one.status is not S.UNKNOWN]
    ends = [one for one in known if one.status in ENDS]
    order = [
        S.UNKNOWN, S.PENDING, S.PICKED_UP, S.IN_TRANSIT, S.DELIVERY_DELAYED, S.ON_HOLD, S.OUT_FOR_DELIVERY,
        S.READY_FOR_PICKUP, S.DELIVERY_FAILED, S.CANCELLED, S.RETURN_TO_SENDER, S.DELIVERED,
    ]  # fmt: skip
    before_all = datetime.min.replace(tzinfo=UTC)
    last = max(
        ends or known or scans, key=lambda one: (one.scanned_at or before_all, order.index(one.status))
    )
    end_at = last.scanned_at or before_all
    later = any(one.status not in ENDS and (one.scanned_at or before_all) > end_at for one in known)
    return last.status, last.scanned_at, last.status is S.DELIVERED and later


scans = st.builds(
    scan,
    st.sampled_from(S),
    st.one_of(st.none(), st.integers(0, 6)),
    st.one_of(st.none(), st.sampled_from(Incident)),
)
histories = st.lists(scans, min_size=1, max_size=9)


@settings(deadline=None)
@given(histories)
def test_the_whole_history_decides(history: list[Scan]) -> None:
    standing = fold(history)

    assert standing is not None
    status, when, taken_back = by_hand(history)
    assert (standing.status, standing.at) == (status, when)
    if taken_back:
        assert standing.incident is not None
    else:
        told = {one.incident for one in history if (one.status, one.scanned_at) == (status, when)}
        assert standing.incident in told


@settings(deadline=None, max_examples=300)
@given(histories, st.data())
def test_order_repetition_and_bundles_make_no_difference(history: list[Scan], data: st.DataObject) -> None:
    repeats = data.draw(st.lists(st.sampled_from(history), max_size=4))
    shuffled = data.draw(st.permutations([*history, *repeats]))
    cut = data.draw(st.integers(0, len(shuffled)))
    whole = fold(history)
    assert whole is not None

    bundles = [fold(part) for part in (shuffled[:cut], shuffled[cut:])]
    bundled = reduce(after, [part for part in bundles if part], None)

    for other in (fold(shuffled), bundled):
        assert other == whole
        assert other is not None
        assert other.doubted_at == whole.doubted_at  # or a later statement would tell them apart


@settings(deadline=None, max_examples=300)
@given(scans, scans, scans)
def test_standings_fold_in_any_grouping(a: Scan, b: Scan, c: Scan) -> None:
    one, two, three = (Standing(s.status, s.incident, s.scanned_at) for s in (a, b, c))

    left, right = after(after(one, two), three), after(one, after(two, three))

    assert (left, left.doubted_at) == (right, right.doubted_at)
    assert after(one, one) == one
    assert after(one, two) == after(two, one)


@given(histories)
def test_a_known_word_is_never_replaced_by_unknown(history: list[Scan]) -> None:
    standing = fold([*history, scan(S.UNKNOWN, 9)])

    assert standing is not None
    assert (standing.status is S.UNKNOWN) == all(one.status is S.UNKNOWN for one in history)


def test_nothing_said_is_no_standing() -> None:
    assert fold([]) is None
    assert after(None, Standing(S.UNKNOWN)) == Standing(S.UNKNOWN)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param(
            [scan(S.IN_TRANSIT, 1), scan(S.OUT_FOR_DELIVERY, 2)],
            Standing(S.OUT_FOR_DELIVERY, None, at(2)),
            id="the newest scan holds",
        ),
        pytest.param(
            [scan(S.OUT_FOR_DELIVERY, 1), scan(S.IN_TRANSIT, 2)],
            Standing(S.IN_TRANSIT, None, at(2)),
            id="a van that came back is in transit again",
        ),
        pytest.param(
            [scan(S.IN_TRANSIT, 2), scan(S.OUT_FOR_DELIVERY, 2)],
            Standing(S.OUT_FOR_DELIVERY, None, at(2)),
            id="of one time the further one holds",
        ),
        pytest.param(
            [scan(S.IN_TRANSIT, None), scan(S.PENDING, 1)],
            Standing(S.PENDING, None, at(1)),
            id="no time is before all times",
        ),
        pytest.param(
            [scan(S.IN_TRANSIT, 1, Incident.WEATHER), scan(S.IN_TRANSIT, 2)],
            Standing(S.IN_TRANSIT, None, at(2)),
            id="an incident passes with the next scan",
        ),
        pytest.param(
            [scan(S.DELIVERED, 1), scan(S.IN_TRANSIT, 2)],
            Standing(S.DELIVERED, Incident.OTHER, at(1)),
            id="a delivery taken back stays one, with an incident",
        ),
        pytest.param(
            [scan(S.DELIVERED, 1, Incident.DAMAGED), scan(S.IN_TRANSIT, 2)],
            Standing(S.DELIVERED, Incident.DAMAGED, at(1)),
            id="its own incident stays",
        ),
        pytest.param(
            [scan(S.DELIVERED, 1), scan(S.IN_TRANSIT, 2), scan(S.DELIVERED, 3)],
            Standing(S.DELIVERED, None, at(3)),
            id="delivered again",
        ),
        pytest.param(
            [scan(S.DELIVERED, 1), scan(S.RETURN_TO_SENDER, 2)],
            Standing(S.RETURN_TO_SENDER, None, at(2)),
            id="a later return ends a delivery",
        ),
        pytest.param(
            [scan(S.RETURN_TO_SENDER, 1), scan(S.DELIVERED, 1)],
            Standing(S.DELIVERED, None, at(1)),
            id="a return of the same time does not",
        ),
        pytest.param(
            [scan(S.RETURN_TO_SENDER, 1), scan(S.DELIVERED, 2)],
            Standing(S.DELIVERED, None, at(2)),
            id="a later delivery ends a return",
        ),
        pytest.param(
            [scan(S.RETURN_TO_SENDER, 1), scan(S.IN_TRANSIT, 2)],
            Standing(S.RETURN_TO_SENDER, None, at(1)),
            id="on its way back it is still being returned",
        ),
        pytest.param(
            [scan(S.DELIVERED, 1), scan(S.UNKNOWN, 2)],
            Standing(S.DELIVERED, None, at(1)),
            id="unknown takes nothing back",
        ),
    ],
)
def test_one_story(history: list[Scan], expected: Standing) -> None:
    assert fold(history) == expected
    assert fold(history[::-1]) == expected


def test_a_standing_kept_without_its_doubt_is_delivered_again_by_the_next_delivery() -> None:
    kept = replace(Standing(S.DELIVERED, Incident.OTHER, at(1)), doubted_at=None)

    assert after(kept, Standing(S.DELIVERED, None, at(3))) == Standing(S.DELIVERED, None, at(3))
    assert after(kept, Standing(S.DELIVERED, None, at(1))) == kept
