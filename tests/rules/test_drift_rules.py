"""What a difference between a channel's count and ours is taken for, at the first look and when it is settled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.rules.drift import Drift, Found, Known, Look, Write, compare
from core.rules.drift_settling import (
    MOST_LOOKS,
    Evidence,
    Step,
    Verdict,
    Watched,
    Wins,
    again,
    due,
    explained,
    settle,
    who_wins,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)
JUST_NOW = NOW - timedelta(seconds=3)
TOLD = Write(LONG_AGO, LONG_AGO, before=14, written=10)  # from 14 to 10
KNOWN = Known(predicted=10, confirmed_at=LONG_AGO, last=TOLD, sku="MUG")


def look(quantity: int | None, **more: Any) -> Look:
    return Look(NOW, quantity=quantity, **{"sku": "MUG", **more})


@pytest.mark.parametrize(
    ("known", "seen", "kind", "units"),
    [
        (KNOWN, look(10), Drift.NONE, 0),
        (KNOWN, look(8), Drift.UNSEEN_ORDER, -2),
        (KNOWN, look(13), Drift.CHANNEL_EDIT, 3),
        (KNOWN, look(14), Drift.LOST_PUSH, 4),
        # Two sold since: what the lost write had changed is still four.
        (replace(KNOWN, predicted=8), look(12), Drift.LOST_PUSH, 4),
        (replace(KNOWN, predicted=None), look(8), Drift.NONE, 0),
        (KNOWN, look(None), Drift.NONE, 0),
        # A look that began before our write was confirmed, or about then, proves nothing.
        (replace(KNOWN, confirmed_at=JUST_NOW), look(8), Drift.IN_FLIGHT, -2),
        (replace(KNOWN, confirmed_at=NOW + timedelta(seconds=1)), look(13), Drift.IN_FLIGHT, 3),
        (replace(KNOWN, moved_at=JUST_NOW), look(11), Drift.IN_FLIGHT, 1),
        (replace(KNOWN, pending=True), look(12), Drift.IN_FLIGHT, 2),
        # A try without an answer: what it may have written is no drift, anything else may be a sale on top of it.
        (replace(KNOWN, maybe=7), look(7), Drift.OWN_ECHO, -3),
        (replace(KNOWN, maybe=7, last=replace(TOLD, written=None)), look(7), Drift.OWN_ECHO, -3),
        (replace(KNOWN, maybe=7, last=Write(JUST_NOW, None, 10, None)), look(7), Drift.IN_FLIGHT, -3),
        (replace(KNOWN, maybe=7, last=Write(JUST_NOW, NOW, 10, None)), look(7), Drift.IN_FLIGHT, -3),
        (replace(KNOWN, maybe=7), look(9), Drift.IN_FLIGHT, -1),
        (replace(KNOWN, maybe=7), look(10), Drift.NONE, 0),
        # What it is comes before how many there are.
        (KNOWN, look(10, sku="CUP"), Drift.MAPPING_CHANGED, 0),
        (KNOWN, look(10, sku=None), Drift.MAPPING_CHANGED, 0),
        (replace(KNOWN, sku=None), look(10, sku="CUP"), Drift.NONE, 0),
        (KNOWN, look(None, tracked=False), Drift.MAPPING_CHANGED, 0),
        (KNOWN, look(None, there=False), Drift.MAPPING_CHANGED, 0),
        (replace(KNOWN, predicted=0, hidden=True), look(None, there=False), Drift.NONE, 0),
        (replace(KNOWN, hidden=True), look(None, there=False), Drift.MAPPING_CHANGED, 0),
    ],
)
def test_what_a_look_says_at_first_sight(known: Known, seen: Look, kind: Drift, units: int) -> None:
    found = compare(known, seen)

    assert (found.kind, found.units) == (kind, units)
    assert bool(found.words) == (kind is not Drift.NONE)


def test_missing_units_count_as_sold_at_once_and_a_surplus_does_not() -> None:
    assert compare(KNOWN, look(8)).adopted == -2
    assert compare(KNOWN, look(13)).adopted == 0
    assert compare(replace(KNOWN, pending=True), look(8)).adopted == 0


def test_units_that_had_been_missing_and_are_back_are_no_surplus() -> None:
    missing = replace(KNOWN, predicted=7, unseen=3)

    assert compare(missing, look(9)) == Found(Drift.NONE, back=2, words="units that were missing are back")
    beyond = compare(missing, look(12))
    assert (beyond.kind, beyond.units, beyond.back, beyond.adopted) == (Drift.CHANNEL_EDIT, 2, 3, 3)


FEW = Watched(Drift.UNSEEN_ORDER, -3, expected=7, looked_at=LONG_AGO)
MORE = Watched(Drift.CHANNEL_EDIT, 3, expected=10, looked_at=LONG_AGO + timedelta(minutes=1))
LACKS = replace(KNOWN, predicted=7, unseen=3)
FEWER = replace(FEW, units=-6, looked_at=LONG_AGO + timedelta(minutes=1))
RAISED = replace(KNOWN, predicted=10, last=Write(LONG_AGO, LONG_AGO, before=10, written=14))


@pytest.mark.parametrize(
    ("watched", "known", "evidence", "kind", "by"),
    [
        (FEW, replace(LACKS, unseen=0), Evidence(), Drift.UNSEEN_ORDER, "order"),
        (FEW, replace(LACKS, unseen=1), Evidence(), None, ""),
        (MORE, replace(KNOWN, confirmed_at=JUST_NOW), Evidence(), Drift.CHANNEL_EDIT, "hub"),
        (MORE, replace(KNOWN, confirmed_at=JUST_NOW), Evidence(restocked=3), Drift.CHANNEL_RESTOCK, "hub"),
        # The order said that they were put back, and the channel was told to take them off again.
        (MORE, replace(KNOWN, confirmed_at=JUST_NOW), Evidence(given_back=3), Drift.CHANNEL_RESTOCK, "hub"),
        (MORE, replace(KNOWN, confirmed_at=JUST_NOW), Evidence(given_back=2), Drift.CHANNEL_EDIT, "hub"),
        (MORE, replace(KNOWN, predicted=13), Evidence(), Drift.CHANNEL_RESTOCK, "order"),
        (MORE, replace(KNOWN, predicted=13, pending=True), Evidence(), None, ""),
        (MORE, KNOWN, Evidence(), None, ""),
        (Watched(Drift.MAPPING_CHANGED, 0, 10, LONG_AGO), KNOWN, Evidence(), None, ""),
    ],
)
def test_what_explains_a_difference_without_another_look(
    watched: Watched, known: Known, evidence: Evidence, kind: Drift | None, by: str
) -> None:
    found = explained(watched, known, evidence)

    assert found == (
        None if kind is None else Verdict(Step.GONE, kind, by=by, words=found.words if found else "")
    )


@pytest.mark.parametrize(
    ("watched", "known", "evidence", "quantity", "step", "kind", "units"),
    [
        (FEW, LACKS, Evidence(), 7, Step.SETTLED, Drift.CHANNEL_EDIT, -3),
        # Part of it was sold, the rest nobody can explain.
        (FEW, replace(LACKS, unseen=1), Evidence(), 7, Step.SETTLED, Drift.CHANNEL_EDIT, -1),
        (replace(FEW, undoes_write=True), LACKS, Evidence(), 7, Step.SETTLED, Drift.LOST_PUSH, -3),
        (replace(FEW, undoes_write=True), replace(LACKS, unseen=1), Evidence(), 7, Step.SETTLED, Drift.CHANNEL_EDIT, -1),
        # An order that could not be read may be the one: nothing is put back on sale before a person has looked.
        (FEW, LACKS, Evidence(parked=True), 7, Step.SETTLED, Drift.UNSEEN_ORDER, -3),
        (FEW, LACKS, Evidence(), 5, Step.AGAIN, Drift.UNSEEN_ORDER, -5),
        (FEW, LACKS, Evidence(), 8, Step.AGAIN, Drift.UNSEEN_ORDER, -2),
        (FEW, LACKS, Evidence(), 10, Step.GONE, Drift.UNSEEN_ORDER, 0),
        (FEW, LACKS, Evidence(), 12, Step.AGAIN, Drift.CHANNEL_EDIT, 2),
        (FEW, replace(LACKS, pending=True), Evidence(), 5, Step.WAIT, Drift.UNSEEN_ORDER, -3),
        (MORE, KNOWN, Evidence(), 13, Step.SETTLED, Drift.CHANNEL_EDIT, 3),
        (replace(MORE, undoes_write=True), KNOWN, Evidence(), 13, Step.SETTLED, Drift.LOST_PUSH, 3),
        # Orders that were on their way at the first look hid what the lost write had changed.
        (replace(MORE, units=4, expected=8), replace(KNOWN, predicted=8), Evidence(), 12, Step.SETTLED, Drift.LOST_PUSH, 4),
        (FEWER, replace(RAISED, unseen=4), Evidence(), 10, Step.SETTLED, Drift.LOST_PUSH, -4),
        (FEWER, replace(RAISED, unseen=3), Evidence(), 10, Step.SETTLED, Drift.CHANNEL_EDIT, -3),
        # What was written after the difference was seen did not cause it.
        (replace(FEWER, looked_at=LONG_AGO), replace(RAISED, unseen=4), Evidence(), 10, Step.SETTLED,
         Drift.CHANNEL_EDIT, -4),
        (MORE, KNOWN, Evidence(restocked=3), 13, Step.SETTLED, Drift.CHANNEL_RESTOCK, 3),
        (MORE, KNOWN, Evidence(restocked=3, released=3), 13, Step.SETTLED, Drift.CHANNEL_RESTOCK, 3),
        (MORE, KNOWN, Evidence(restocked=2), 13, Step.SETTLED, Drift.CHANNEL_EDIT, 3),
        (MORE, KNOWN, Evidence(), 10, Step.GONE, Drift.CHANNEL_EDIT, 0),
        (MORE, KNOWN, Evidence(restocked=1), 10, Step.GONE, Drift.CHANNEL_RESTOCK, 0),
        (MORE, KNOWN, Evidence(), 12, Step.AGAIN, Drift.CHANNEL_EDIT, 2),
        (MORE, KNOWN, Evidence(), 9, Step.AGAIN, Drift.UNSEEN_ORDER, -1),
        # An order counted meanwhile may have been on its way at the first look: then the surplus was larger.
        (MORE, replace(KNOWN, predicted=9), Evidence(), 12, Step.AGAIN, Drift.CHANNEL_EDIT, 3),
        (replace(MORE, looks=MOST_LOOKS), replace(KNOWN, predicted=9), Evidence(), 13, Step.SETTLED, Drift.CHANNEL_EDIT, 3),
        (replace(MORE, looks=MOST_LOOKS), KNOWN, Evidence(), 10, Step.GONE, Drift.CHANNEL_EDIT, 0),
    ],
)  # fmt: skip
def test_what_a_difference_is_settled_as(
    watched: Watched, known: Known, evidence: Evidence, quantity: int, step: Step, kind: Drift, units: int
) -> None:
    verdict = settle(watched, known, evidence, look(quantity))

    assert (verdict.step, verdict.kind, verdict.units) == (step, kind, units)


@pytest.mark.parametrize(("released", "wins"), [(3, Wins.HUB), (2, Wins.ASK)])
def test_units_of_cancelled_orders_that_the_ledger_has_back_are_never_booked_again(
    released: int, wins: Wins
) -> None:
    verdict = settle(MORE, KNOWN, Evidence(restocked=3, released=released), look(13))

    assert who_wins(verdict.kind, {}, 7, bookable=True, ours=verdict.ours) is wins
    booked = who_wins(verdict.kind, {(0, verdict.kind): Wins.CHANNEL}, 7, bookable=True, ours=verdict.ours)
    assert booked is (Wins.HUB if verdict.ours else Wins.CHANNEL)


def test_a_listing_that_is_gone_is_settled_as_that_and_one_that_is_back_is_no_drift() -> None:
    gone = Watched(Drift.MAPPING_CHANGED, 0, expected=10, looked_at=LONG_AGO)

    assert settle(gone, KNOWN, Evidence(), look(None, there=False)).step is Step.SETTLED
    assert settle(gone, KNOWN, Evidence(), look(10)).step is Step.GONE
    assert settle(gone, KNOWN, Evidence(), look(12)).step is Step.AGAIN
    assert settle(gone, KNOWN, Evidence(), look(9)).units == -1


def test_where_a_channel_cannot_be_asked_what_is_missing_counts_as_it_is_known() -> None:
    assert settle(FEW, LACKS, Evidence(), None).kind is Drift.CHANNEL_EDIT


def test_the_same_surplus_seen_again_is_the_same_difference() -> None:
    assert again(MORE, KNOWN, Evidence(), compare(KNOWN, look(13))) is None
    assert again(FEW, LACKS, Evidence(), compare(LACKS, look(7))) is None


def test_nothing_is_settled_before_every_order_that_could_explain_it_is_here() -> None:
    patience = timedelta(minutes=2)

    assert not due(FEW, Evidence(complete_until=None), patience)
    assert not due(FEW, Evidence(complete_until=LONG_AGO + timedelta(seconds=119)), patience)
    assert due(FEW, Evidence(complete_until=LONG_AGO + patience), patience)


@pytest.mark.parametrize(
    ("kind", "said", "bookable", "wins"),
    [
        (Drift.CHANNEL_EDIT, {}, True, Wins.HUB),
        (Drift.CHANNEL_RESTOCK, {}, True, Wins.ASK),
        (Drift.LOST_PUSH, {(0, Drift.CHANNEL_EDIT): Wins.CHANNEL}, True, Wins.HUB),
        (Drift.MAPPING_CHANGED, {(0, Drift.CHANNEL_EDIT): Wins.HUB}, True, Wins.ASK),
        (Drift.UNSEEN_ORDER, {(0, Drift.CHANNEL_EDIT): Wins.HUB}, True, Wins.ASK),
        (Drift.CHANNEL_EDIT, {(0, Drift.CHANNEL_EDIT): Wins.CHANNEL}, True, Wins.CHANNEL),
        (Drift.CHANNEL_EDIT, {(0, Drift.CHANNEL_EDIT): Wins.CHANNEL, (7, Drift.CHANNEL_EDIT): Wins.ASK}, True, Wins.ASK),
        (Drift.CHANNEL_EDIT, {(8, Drift.CHANNEL_EDIT): Wins.CHANNEL}, True, Wins.HUB),
        (Drift.CHANNEL_EDIT, {(0, Drift.CHANNEL_RESTOCK): Wins.CHANNEL}, True, Wins.HUB),
        (Drift.CHANNEL_EDIT, {(0, Drift.CHANNEL_EDIT): Wins.CHANNEL}, False, Wins.ASK),
    ],
)  # fmt: skip
def test_whose_count_is_right(
    kind: Drift, said: dict[tuple[int, Drift], Wins], bookable: bool, wins: Wins
) -> None:
    assert who_wins(kind, said, 7, bookable=bookable) is wins
