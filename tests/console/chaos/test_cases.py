"""The cases of an exhaustive run: every point with everything, once over all shares, in an order that the seed decides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.chaos.cases import HITS, PARTS, Shard, cases
from console.chaos.parts import PARTS as PLAYED
from core.errors import UsageProblem
from core.failpoints import POINTS, Action, arm

SEEDS = st.integers(0, 2**32)


@pytest.fixture
def disarmed() -> Iterator[None]:
    yield
    arm("")


@settings(deadline=None)  # it is no question of time on a machine that does much else
@given(SEEDS, st.integers(1, 12))
def test_all_shares_together_are_every_case_once(seed: int, of: int) -> None:
    found = [case for number in range(1, of + 1) for case in cases(seed, Shard(number, of))]

    assert len(found) == len(set(found)) == len(POINTS) * len(Action) * len(HITS)
    assert {case.point for case in found} == set(POINTS)


@settings(deadline=None)
@given(SEEDS)
def test_the_same_seed_is_the_same_order_and_another_seed_another(seed: int) -> None:
    assert cases(seed, Shard(1, 10)) == cases(seed, Shard(1, 10))
    assert cases(seed, Shard()) != cases(seed + 1, Shard())


def test_there_is_a_part_to_play_for_every_point() -> None:
    assert {point if point in PARTS else point.partition(".")[0] for point in POINTS} == set(PARTS)
    assert {case.part for case in cases(1, Shard())} == set(PLAYED)


@pytest.mark.usefixtures("disarmed")
def test_every_case_can_be_armed() -> None:
    for case in cases(1, Shard()):
        arm(case.armed)


def test_a_share_is_named_as_people_say_it() -> None:
    assert Shard.parse("3/10") == Shard(3, 10)
    assert str(Shard(3, 10)) == "3/10"


@pytest.mark.parametrize("text", ["", "3", "0/10", "11/10", "a/b", "-1/3", "1/0"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem, match="no share"):
        Shard.parse(text)
