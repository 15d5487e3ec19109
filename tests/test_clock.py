"""The clock that goes by the database's: what it shows after it was told, and while its own machine's is set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.clock import TOLERATED, AnchoredClock

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
SPANS = st.floats(0, 5)


class Machine:
    """A counter and a clock that are moved by hand, and what the database's clock shows."""

    def __init__(self, wrong_s: float = 0.0) -> None:
        self.counted = 0.0
        self.wrong_s = wrong_s
        self.database_wrong_s = 0.0
        self.clock = AnchoredClock(counter=lambda: self.counted, wall=self.wall)

    def wall(self) -> datetime:
        return self.truth() + timedelta(seconds=self.wrong_s)

    def truth(self) -> datetime:
        return NOON + timedelta(seconds=self.counted + self.database_wrong_s)

    def ask(self, there_s: float = 0.0, back_s: float = 0.0) -> None:
        asked = self.clock.counted()
        self.counted += there_s
        told = self.truth()
        self.counted += back_s
        self.clock.tell(asked, told)

    @property
    def apart(self) -> timedelta:
        return abs(self.clock() - self.truth())


def test_until_the_database_has_told_its_time_it_is_the_machines_own() -> None:
    assert Machine(wrong_s=30).apart == timedelta(seconds=30)


@given(st.floats(-1e6, 1e6), SPANS, SPANS)
def test_a_machine_whose_clock_is_wrong_goes_by_the_databases(
    wrong_s: float, there_s: float, back_s: float
) -> None:
    machine = Machine(wrong_s)
    machine.ask(there_s, back_s)
    assert machine.apart <= timedelta(seconds=(there_s + back_s) / 2 + 1e-3)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e5))
def test_a_clock_that_is_set_while_we_work_changes_nothing(wrong_s: float, later_s: float) -> None:
    machine = Machine()
    machine.ask()
    machine.wrong_s = wrong_s
    machine.counted += later_s
    assert machine.apart < timedelta(seconds=1e-3)


@given(st.floats(-1e6, 1e6), st.lists(st.tuples(SPANS, SPANS), max_size=5))
def test_a_database_whose_clock_is_set_is_followed_from_its_next_word_on(
    step_s: float, before: list[tuple[float, float]]
) -> None:
    machine = Machine()
    for there_s, back_s in before:
        machine.ask(there_s, back_s)
    machine.database_wrong_s = step_s
    machine.ask()
    assert machine.apart <= TOLERATED + timedelta(milliseconds=1)
