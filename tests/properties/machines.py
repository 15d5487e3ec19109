"""How the machines of this folder are played: a slice in every run, and long enough to find what is rare with --soak."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, run_state_machine_as_test

STEPS = 50  # of one life of a machine


class Counted(RuleBasedStateMachine):
    """A machine that knows how many steps all its lives have taken."""

    steps = 0

    @invariant()
    def one_more(self) -> None:
        type(self).steps += 1


def play(machine: type[Counted], steps: int, *, per_life: int = STEPS) -> int:
    """Play lives of *machine* until they have taken so many *steps*; returns how many that were."""
    machine.steps = 0
    while machine.steps < steps:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=-(-(steps - machine.steps) // per_life),
                stateful_step_count=per_life,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    return machine.steps
