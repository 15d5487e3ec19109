"""Kits: what one needs, and how many can be sold. Held against putting kits together one by one."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rules.kits import KitCycle, available, flatten, sellable

UNITS = st.integers(1, 4)
NEEDS = st.dictionaries(st.integers(1, 4), UNITS, min_size=1, max_size=4)
FREE = st.dictionaries(
    st.integers(1, 3), st.dictionaries(st.integers(1, 5), st.integers(-3, 12), max_size=5), max_size=3
)


@st.composite
def nested(draw: st.DrawFn) -> dict[int, dict[int, int]]:
    """Kits 1 to 6, each made of higher numbers only, so that none contains itself; 7 to 9 are no kits."""
    return {
        kit: draw(st.dictionaries(st.integers(kit + 1, 9), UNITS, min_size=1, max_size=3))
        for kit in range(1, 7)
        if draw(st.booleans())
    }


def taken_apart(variant: int, parts: dict[int, dict[int, int]]) -> Counter[int]:
    """Every single thing in one box, by opening every box in it."""
    if variant not in parts:
        return Counter({variant: 1})
    found: Counter[int] = Counter()
    for component, units in parts[variant].items():
        for _ in range(units):
            found += taken_apart(component, parts)
    return found


def inside(kit: int, parts: dict[int, dict[int, int]]) -> set[int]:
    found = set(parts.get(kit, {}))
    return found | {deeper for component in found for deeper in inside(component, parts)}


@given(nested(), st.integers(1, 9))
def test_one_kit_needs_what_lies_there_when_every_box_is_opened(
    parts: dict[int, dict[int, int]], variant: int
) -> None:
    expected = taken_apart(variant, parts) if variant in parts else Counter()
    assert flatten(variant, parts) == expected


def test_kits_a_thousand_deep_and_wide_are_counted_all_the_same() -> None:
    parts = {kit: {kit + 1: 1, kit + 2: 1} for kit in range(1, 1500)}
    needs = flatten(1, parts)
    assert set(needs) == {1500, 1501}
    assert needs[1500] > 10**300  # so many ways lead there: opening every box would never end


@given(nested(), st.data())
def test_a_kit_that_would_contain_itself_is_refused_with_the_way_round(
    parts: dict[int, dict[int, int]], data: st.DataObject
) -> None:
    parts[1] = {2: 1}
    closing = data.draw(st.sampled_from(sorted(inside(1, parts))))
    parts.setdefault(closing, {})[1] = 1

    with pytest.raises(KitCycle) as refusal:
        flatten(1, parts)

    path = refusal.value.path
    assert path[0] == path[-1]
    assert all(inner in parts[outer] for outer, inner in pairwise(path))


def test_a_refusal_names_the_kits_on_the_way() -> None:
    assert "BOX > SET > BOX" in str(KitCycle((1, 2, 1), {1: "BOX", 2: "SET"}))


def put_together(needs: dict[int, int], free: dict[int, dict[int, int]]) -> int:
    """One kit after the other, each from the things of one location, until no location has enough."""
    left = {location: dict(shelf) for location, shelf in free.items()}
    made = 0
    for shelf in left.values():
        while all(shelf.get(component, 0) >= units for component, units in needs.items()):
            for component, units in needs.items():
                shelf[component] -= units
            made += 1
    return made


@given(NEEDS, FREE)
def test_as_many_kits_can_be_sold_as_can_be_put_together(
    needs: dict[int, int], free: dict[int, dict[int, int]]
) -> None:
    assert sellable(needs, free) == put_together(needs, free)


@given(NEEDS, FREE)
def test_ready_made_kits_are_sold_beside_those_still_to_be_made(
    needs: dict[int, int], free: dict[int, dict[int, int]]
) -> None:
    ready = sum(shelf[5] for shelf in free.values() if shelf.get(5, 0) > 0)
    assert available(5, needs, free) == ready + put_together(needs, free)


def test_half_a_kit_at_each_of_two_locations_is_none() -> None:
    assert sellable({1: 1, 2: 1}, {10: {1: 5}, 20: {2: 5}}) == 0


def test_a_kit_without_components_cannot_be_put_together() -> None:
    assert sellable({}, {1: {1: 5}}) == 0
