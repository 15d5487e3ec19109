"""The schedule of faults: from the seed alone, each kind in its turn, nothing struck while it is down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.chaos.schedule import FAULTS, WORKERS, queues, served_by, strikes

SEEDS = st.integers(0, 2**32)
MINUTES = st.floats(0.1, 5.0)


@given(SEEDS, MINUTES)
def test_the_same_seed_strikes_the_same_things_at_the_same_moments(seed: int, minutes: float) -> None:
    assert strikes(seed, minutes) == strikes(seed, minutes)


@given(SEEDS, MINUTES)
def test_strikes_come_in_order_and_end_in_time(seed: int, minutes: float) -> None:
    found = strikes(seed, minutes)
    assert [one.at_s for one in found] == sorted(one.at_s for one in found)
    assert all(one.at_s + one.for_s <= minutes * 60 + 0.02 for one in found)
    for one in found:
        fault = FAULTS[one.fault]
        assert one.target in fault.targets
        assert one.for_s <= fault.for_s[1]
        assert fault.amount[0] <= one.amount <= fault.amount[1]


@given(SEEDS, MINUTES)
def test_nothing_is_struck_while_it_is_still_down(seed: int, minutes: float) -> None:
    down_until: dict[str, float] = {}
    for one in strikes(seed, minutes):
        assert one.at_s >= down_until.get(one.target, 0.0)
        down_until[one.target] = one.at_s + one.for_s


@given(SEEDS)
def test_every_kind_of_fault_strikes_within_a_minute(seed: int) -> None:
    assert {one.fault for one in strikes(seed, 1.0)} == FAULTS.keys()


@given(SEEDS, st.sets(st.sampled_from(sorted(FAULTS))))
def test_kinds_that_a_machine_lacks_move_no_other_strike(seed: int, without: set[str]) -> None:
    left = [one for one in strikes(seed, 1.0) if one.fault not in without]
    assert strikes(seed, 1.0, without) == left


def test_over_some_seeds_every_fault_befalls_everything_it_can() -> None:
    seen = {(one.fault, one.target) for seed in range(60) for one in strikes(seed, 1.0)}
    assert seen == {(kind, target) for kind, fault in FAULTS.items() for target in fault.targets}


def test_two_seeds_are_two_stories() -> None:
    assert strikes(1, 1.0) != strikes(2, 1.0)


def test_with_every_other_seed_each_worker_has_a_queue_of_its_own() -> None:
    assert (queues(1), [served_by(worker, queues(1)) for worker in WORKERS]) == (1, ["", "", ""])
    assert (queues(2), [served_by(worker, queues(2)) for worker in WORKERS]) == (3, ["0", "1", "2"])
