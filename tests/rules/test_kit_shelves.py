"""Lines of kits at the shelves: whole kits are held, shipped and let go, from one location where that is possible."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.rules.kit_shelves import KitStock, fill_kit, settle_kit
from core.rules.kits import available
from core.rules.orders import Claim
from core.rules.shelves import LineStock, Shelves

SET, MUG, TEA = 9, 1, 2
HERE, THERE = 10, 20
BOTH = (HERE, THERE)
MADE_OF = {MUG: 2, TEA: 1}

Balances = dict[tuple[int, int], int]  # (variant, location) -> units on hand


def line(made_of: dict[int, int] | None = None) -> KitStock:
    units = MADE_OF if made_of is None else made_of
    parts = {component: LineStock(1, 1, "1", component) for component in units}
    return KitStock(LineStock(1, 1, "1", SET), parts, units)


def shelves_with(balances: Balances) -> Shelves:
    shelves = Shelves()
    for (variant, location), on_hand in balances.items():
        shelves.put(1, variant, location, on_hand, 0)
    return shelves


def held(kit: KitStock) -> dict[int, dict[int, int]]:
    """Variant -> location -> units, where there are any."""
    return {
        stock.variant_id: {place: units for place, units in stock.held.items() if units}
        for stock in (kit.own, *kit.parts.values())
        if stock.held_total
    }


def missing(kit: KitStock) -> dict[int, int]:
    return {stock.variant_id: stock.short for stock in (kit.own, *kit.parts.values()) if stock.short}


def test_ready_made_kits_go_first_and_the_rest_is_put_together() -> None:
    kit = line()
    settle_kit(shelves_with({(SET, HERE): 1, (MUG, HERE): 9, (TEA, HERE): 9}), kit, Claim(3, 0), BOTH)
    assert held(kit) == {SET: {HERE: 1}, MUG: {HERE: 4}, TEA: {HERE: 2}}


def test_each_kit_comes_from_one_location_as_long_as_one_has_it_whole() -> None:
    kit = line()
    stock = {(MUG, HERE): 9, (TEA, HERE): 1, (MUG, THERE): 2, (TEA, THERE): 9}
    settle_kit(shelves_with(stock), kit, Claim(2, 0), BOTH)
    assert held(kit) == {MUG: {HERE: 2, THERE: 2}, TEA: {HERE: 1, THERE: 1}}


def test_a_kit_that_no_location_has_whole_is_gathered_rather_than_missing() -> None:
    kit = line()
    settle_kit(shelves_with({(MUG, HERE): 2, (TEA, THERE): 1}), kit, Claim(1, 0), BOTH)
    assert held(kit) == {MUG: {HERE: 2}, TEA: {THERE: 1}}
    assert missing(kit) == {}


def test_of_a_kit_that_cannot_be_made_the_parts_there_are_wait_for_the_missing_ones() -> None:
    kit = line()
    settle_kit(shelves_with({(MUG, HERE): 3}), kit, Claim(2, 0), BOTH)
    assert held(kit) == {MUG: {HERE: 3}}
    assert missing(kit) == {MUG: 1, TEA: 2}


def test_fewer_kits_give_up_the_incomplete_ones_first_and_the_ready_made_ones_last() -> None:
    kit = line()
    shelves = shelves_with({(SET, HERE): 1, (MUG, HERE): 4, (TEA, HERE): 1})
    settle_kit(shelves, kit, Claim(3, 0), BOTH)
    assert missing(kit) == {TEA: 1}

    settle_kit(shelves, kit, Claim(2, 0), BOTH)
    assert (held(kit), missing(kit)) == ({SET: {HERE: 1}, MUG: {HERE: 2}, TEA: {HERE: 1}}, {})
    settle_kit(shelves, kit, Claim(1, 0), BOTH)
    assert held(kit) == {SET: {HERE: 1}}
    settle_kit(shelves, kit, Claim(0, 0), BOTH)
    assert held(kit) == {}


def test_what_leaves_first_are_ready_made_kits_then_those_that_are_whole_at_one_location() -> None:
    kit, shelves = line(), Shelves()
    kit.own.held = {HERE: 1}
    kit.parts[MUG].held = {HERE: 2, THERE: 2}
    kit.parts[TEA].held, kit.parts[TEA].short = {THERE: 1}, 1
    for stock in (kit.own, *kit.parts.values()):
        for place, units in stock.held.items():
            shelves.put(1, stock.variant_id, place, units, units)

    settle_kit(shelves, kit, Claim(2, 1), BOTH)
    assert kit.own.shipped == {HERE: 1}
    settle_kit(shelves, kit, Claim(1, 2), BOTH)
    assert kit.parts[MUG].shipped == {THERE: 2}
    assert kit.parts[TEA].shipped == {THERE: 1}
    assert (held(kit), missing(kit)) == ({MUG: {HERE: 2}}, {TEA: 1})


def test_ready_made_kits_that_come_in_replace_those_with_something_missing() -> None:
    kit = line()
    shelves = shelves_with({(MUG, HERE): 4, (TEA, HERE): 1})
    settle_kit(shelves, kit, Claim(2, 0), BOTH)
    shelves.put(1, SET, HERE, 5, 0)

    fill_kit(shelves, kit, BOTH)

    assert held(kit) == {SET: {HERE: 1}, MUG: {HERE: 2}, TEA: {HERE: 1}}
    assert missing(kit) == {}


def test_ready_made_kits_that_were_not_there_are_put_together_where_one_location_has_them_whole() -> None:
    kit, shelves = line(), shelves_with({(MUG, HERE): 3, (TEA, HERE): 1, (MUG, THERE): 1, (TEA, THERE): 5})
    kit.own.short = 3

    fill_kit(shelves, kit, BOTH)

    assert held(kit) == {MUG: {HERE: 2}, TEA: {HERE: 1}}
    assert missing(kit) == {SET: 2}


UNITS = st.dictionaries(st.sampled_from([MUG, TEA, 3]), st.integers(1, 3), min_size=1)
STOCK = st.dictionaries(
    st.tuples(st.sampled_from([SET, MUG, TEA, 3]), st.sampled_from(BOTH)), st.integers(0, 8)
)
# (kits in the order, kits that have left): what the channel says next.
STATES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), max_size=8)


@given(UNITS, STOCK, STATES, STOCK, st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_a_line_has_every_component_of_its_kits_once_whatever_becomes_of_the_order(
    made_of: dict[int, int],
    stock: Balances,
    states: list[tuple[int, int]],
    more: Balances,
    not_there: list[int],
) -> None:
    kit, shelves, left = line(made_of), shelves_with(stock), 0
    on_hand, reserved = dict(stock), dict.fromkeys(stock, 0)

    for sold, shipped in states:
        left = max(left, shipped)
        before = len(shelves.moves)
        settle_kit(shelves, kit, Claim(max(0, sold - left), left), BOTH)
        if more:
            fill_kit(shelves, kit, BOTH)
        for move in shelves.moves[before:]:
            key = move.variant_id, move.location_id
            on_hand[key] = on_hand.get(key, 0) + move.on_hand_delta
            reserved[key] = reserved.get(key, 0) + move.reserved_delta
            assert 0 <= reserved[key] <= on_hand[key]

        ready = kit.own.held_total + kit.own.shipped_total
        assert kit.shipped_kits == left
        for component, units in made_of.items():
            part = kit.parts[component]
            to_be_made = max(0, sold - left) - kit.own.held_total - kit.own.short
            assert part.held_total + part.short == units * to_be_made
            assert part.shipped_total + units * ready == units * (left + kit.own.held_total)
        for part in (kit.own, *kit.parts.values()):
            for place, units in part.held.items():
                assert reserved.get((part.variant_id, place), 0) == units

        # A count finds fewer than were set aside, and units come in.
        for part, lost in zip((kit.own, *kit.parts.values()), not_there, strict=False):
            for place, units in part.held.items():
                key = part.variant_id, place
                gone = min(lost, units)
                part.held[place] -= gone
                part.short += gone
                reserved[key] -= gone
                on_hand[key] -= gone
        for key, units in more.items():
            on_hand[key] = on_hand.get(key, 0) + units
        for variant, place in {*on_hand, *reserved}:
            key = variant, place
            shelves.put(1, *key, on_hand.get(key, 0), reserved.get(key, 0))


@given(UNITS, STOCK, st.integers(1, 6))
def test_nothing_is_missing_of_as_many_kits_as_could_be_offered(
    made_of: dict[int, int], stock: Balances, wanted: int
) -> None:
    free: dict[int, dict[int, int]] = {place: {} for place in BOTH}
    for (variant, place), units in stock.items():
        free[place][variant] = units
    offered = available(SET, made_of, free)
    kit, shelves = line(made_of), shelves_with(stock)

    settle_kit(shelves, kit, Claim(wanted, 0), BOTH)

    whole = kit.own.held_total + sum(kit.whole_kits().values())
    assert whole >= min(wanted, offered)
    if wanted <= offered:
        assert missing(kit) == {}
    for component, part in kit.parts.items():
        if part.short:  # nothing is missing that a shelf has
            assert all(shelf.free == 0 for shelf in shelves.of(part, BOTH)), component
