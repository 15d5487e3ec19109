"""A channel with a truth of its own, orders that arrive when they like, and a hub that only looks: what is in flight is
never healed, and whatever happened, the channel shows what it should in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from core.rules.drift import Drift, Known, Look, Write, compare
from core.rules.drift_settling import Evidence, Step, Watched, again, due, explained, settle
from core.rules.stock import quantity_to_write

PATIENCE = timedelta(minutes=2)
START = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class Sold:
    """An order the channel took at *placed*, which the hub has not heard of."""

    placed: datetime
    units: int


@dataclass
class Level:
    """One listing: what its channel shows, and what the hub makes of it. *offer* is what the ledger has free."""

    shows: int
    offer: int
    known: Known
    now: datetime = START
    in_flight: list[Sold] = field(default_factory=list)
    watched: Watched | None = None
    unseen_at: datetime = START  # when more units were last found missing
    lost: tuple[int, int] | None = None  # what the last write changed, while the channel may still forget it

    @property
    def target(self) -> int:
        return max(0, self.offer - self.known.unseen)

    def level_anew(self) -> None:
        pending = self.known.predicted != self.target or self.known.maybe is not None
        self.known = replace(self.known, pending=pending)

    def sell(self, units: int) -> None:
        self.shows -= units
        self.in_flight.append(Sold(self.now, units))

    def arrive(self, order: Sold) -> None:
        self.in_flight.remove(order)
        assert self.known.predicted is not None
        seen = min(self.known.unseen, order.units)
        self.known = replace(
            self.known, predicted=self.known.predicted - (order.units - seen), unseen=self.known.unseen - seen,
            moved_at=self.now,
        )  # fmt: skip
        self.offer -= order.units
        self.level_anew()

    def push(self, *, answered: bool, reaches: bool) -> None:
        before, wish = self.known.predicted, self.target
        quantity, fresh = quantity_to_write(wish, before, self.shows, self.known.maybe)
        if reaches:
            self.lost = (self.shows, quantity)
            self.shows = quantity
        ended = self.now if answered else None
        last = Write(self.now, ended, before, quantity if answered else None)
        if not answered:
            self.known = replace(self.known, maybe=quantity, last=last)
            return
        self.known = replace(
            self.known, predicted=quantity, unseen=self.known.unseen + fresh, maybe=None, confirmed_at=self.now, last=last
        )  # fmt: skip
        self.unseen_at = self.now if fresh else self.unseen_at
        self.level_anew()

    def look(self) -> None:
        """A sweep."""
        found = compare(self.known, Look(self.now, quantity=self.shows))
        if found.kind is Drift.IN_FLIGHT:
            return
        if found.kind is Drift.OWN_ECHO:
            self.known = replace(self.known, predicted=self.shows, maybe=None, confirmed_at=self.now)
            self.level_anew()
            return
        before = self.known
        self.adopt(found.adopted)
        if self.watched is not None:
            verdict = again(self.watched, before, self.evidence, found)
            if verdict is not None:
                self.watch(verdict.kind, verdict.units if verdict.step is Step.AGAIN else 0)
        elif found.kind is not Drift.NONE:
            units = -self.known.unseen if found.units < 0 else found.units
            self.watched = Watched(
                found.kind, units, before.predicted or 0, self.now, undoes_write=found.undoes_write
            )

    def adopt(self, units: int) -> None:
        self.unseen_at = self.now if units < 0 else self.unseen_at
        assert self.known.predicted is not None
        self.known = replace(
            self.known, predicted=self.known.predicted + units, unseen=self.known.unseen - units
        )

    def watch(self, kind: Drift, units: int) -> None:
        assert self.watched is not None
        looks = self.watched.looks + 1
        self.watched = Watched(kind, units, self.known.predicted or 0, self.now, looks) if units else None

    @property
    def evidence(self) -> Evidence:
        complete = min((order.placed for order in self.in_flight), default=self.now + timedelta(seconds=1))
        return Evidence(complete_until=complete - timedelta(seconds=1))

    def settle(self) -> Drift | None:
        """Settle what is watched if it is time; the hub wins. Returns what was healed."""
        if self.watched is None and self.known.unseen:  # noticed by a write
            self.watched = Watched(Drift.UNSEEN_ORDER, -self.known.unseen, 0, self.unseen_at)
        if self.watched is None:
            return None
        if self.watched.units < 0:
            self.watched = replace(self.watched, looked_at=max(self.watched.looked_at, self.unseen_at))
        if explained(self.watched, self.known, self.evidence):
            self.watched = None
            return None
        if not due(self.watched, self.evidence, PATIENCE):
            return None
        verdict = settle(self.watched, self.known, self.evidence, Look(self.now, quantity=self.shows))
        if verdict.step is Step.WAIT:
            return None
        self.adopt(verdict.adopted)
        if verdict.step is not Step.SETTLED:
            self.watch(verdict.kind, verdict.units if verdict.step is Step.AGAIN else 0)
            return None
        self.watched = None
        predicted = (self.known.predicted or 0) + max(0, verdict.units)
        unseen = self.known.unseen + min(0, verdict.units)
        self.known = replace(self.known, predicted=predicted, unseen=unseen, pending=True)
        return verdict.kind


class Channel(RuleBasedStateMachine):
    """Sales, late orders, writes and looks in any order. Nobody touches the channel's count."""

    @initialize(units=st.integers(5, 30))
    def open(self, units: int) -> None:
        self.level = Level(units, units, Known(predicted=units, confirmed_at=START - timedelta(hours=1)))
        self.pass_time(60)

    def pass_time(self, seconds: int) -> None:
        self.level.now += timedelta(seconds=seconds)

    @rule(seconds=st.sampled_from([1, 5, 30, 130, 600]))
    def wait(self, seconds: int) -> None:
        self.pass_time(seconds)

    @rule(units=st.integers(1, 3))
    def sell(self, units: int) -> None:
        if self.level.shows >= units:
            self.level.sell(units)

    @precondition(lambda self: self.level.in_flight)
    @rule(data=st.data())
    def arrive(self, data: st.DataObject) -> None:
        self.level.arrive(data.draw(st.sampled_from(self.level.in_flight)))

    @rule(units=st.integers(-3, 6))
    def count(self, units: int) -> None:
        """Sold elsewhere, or received."""
        self.level.offer = max(0, self.level.offer + units)
        self.level.level_anew()

    @precondition(lambda self: self.level.known.pending)
    @rule()
    def push(self) -> None:
        self.pass_time(1)
        self.level.push(answered=True, reaches=True)
        self.pass_time(1)

    @rule()
    def look(self) -> None:
        self.level.look()
        self.pass_time(1)

    @rule()
    def settle(self) -> None:
        self.healed(self.level.settle())
        self.pass_time(1)

    def healed(self, kind: Drift | None) -> None:
        assert kind is None, "an order on its way was taken for something else"

    def teardown(self) -> None:
        if not hasattr(self, "level"):
            return
        for order in list(self.level.in_flight):
            self.level.arrive(order)
        for _ in range(12):
            self.pass_time(300)
            if self.level.known.pending:
                self.level.push(answered=True, reaches=True)
                self.pass_time(300)
            self.level.look()
            self.pass_time(300)
            self.healed(self.level.settle())
        assert self.level.watched is None
        assert (self.level.shows, self.level.known.unseen) == (max(0, self.level.offer), 0)


class MeddledChannel(Channel):
    """The same, and people change its count, it forgets writes, and answers get lost."""

    @rule(units=st.integers(-4, 4))
    def edit(self, units: int) -> None:
        self.level.shows = max(0, self.level.shows + units)

    @precondition(lambda self: self.level.lost is not None)
    @rule()
    def forget_write(self) -> None:
        assert self.level.lost is not None
        before, written = self.level.lost
        self.level.shows = max(0, self.level.shows + before - written)
        self.level.lost = None

    @precondition(lambda self: self.level.known.pending)
    @rule(reaches=st.booleans())
    def lose_answer(self, reaches: bool) -> None:
        self.level.push(answered=False, reaches=reaches)
        self.pass_time(60)

    def healed(self, kind: Drift | None) -> None:
        assert kind in (None, Drift.CHANNEL_EDIT, Drift.LOST_PUSH)


TestChannel = Channel.TestCase
TestMeddledChannel = MeddledChannel.TestCase
TestChannel.settings = TestMeddledChannel.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)
