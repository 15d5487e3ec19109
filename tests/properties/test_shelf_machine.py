"""Orders, counts, transfers and kits in any order: nothing is lost, nothing set aside twice, nothing promised that is not
there. With --soak 100,000 steps: `./fairway test tests/properties --soak`.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from machines import Counted, play
from shelf_world import BOX, HERE, KITS, MUG, PEN, PLACES, SET, SINGLES, TEA, THERE, Key, Sold, World

from core.rules.kit_shelves import KitStock
from core.rules.kits import available, flatten

VARIANTS = st.sampled_from((*SINGLES, *KITS))
PLACE = st.sampled_from(PLACES)
SHELVES = st.sampled_from([(HERE, THERE), (THERE, HERE), (HERE,), (THERE,)])
ORDER = st.integers(0, 3)  # counted from the newest: things happen to an order one after the other
COMPOSITIONS = [{MUG: 2, TEA: 1}, {MUG: 2}, {TEA: 3, PEN: 2}, {}]


class ShelfMachine(Counted):
    @initialize(units=st.lists(st.integers(0, 6), min_size=10, max_size=10))
    def stock_up(self, units: list[int]) -> None:
        self.world = World()
        for count, key in zip(units, ((v, p) for v in (*SINGLES, *KITS) for p in PLACES), strict=True):
            self.world.book(*key, count if key[0] in SINGLES else count // 5)

    def an_order(self, number: int) -> Sold:
        return self.world.orders[-1 - number % len(self.world.orders)]

    @rule(variant=st.sampled_from(SINGLES), quantity=st.integers(0, 6), shelves=SHELVES)
    def sell(self, variant: int, quantity: int, shelves: tuple[int, ...]) -> None:
        self.world.sell(variant, quantity, shelves)

    @rule(kit=st.sampled_from(KITS), quantity=st.integers(1, 4), shelves=SHELVES)
    def sell_kits(self, kit: int, quantity: int, shelves: tuple[int, ...]) -> None:
        self.world.sell(kit, quantity, shelves)

    @precondition(lambda self: self.world.orders)
    @rule(number=ORDER, quantity=st.integers(0, 6), forgets=st.booleans())
    def edit(self, number: int, quantity: int, forgets: bool) -> None:
        """What has left stays left, where the order shrinks below it or its channel does not speak of it any more."""
        sold = self.an_order(number)
        sold.quantity = quantity
        self.world.settle(sold, said=0 if forgets else sold.fulfilled)

    @precondition(lambda self: self.world.orders)
    @rule(number=ORDER, units=st.integers(1, 3))
    def ship(self, number: int, units: int) -> None:
        sold = self.an_order(number)
        sold.fulfilled = max(sold.fulfilled, min(sold.quantity, sold.fulfilled + units))
        self.world.settle(sold)

    @precondition(lambda self: self.world.orders)
    @rule(number=ORDER)
    def cancel(self, number: int) -> None:
        sold = self.an_order(number)
        sold.cancelled = True
        self.world.settle(sold)
        assert all(line.held_total == line.short == 0 for line in sold.lines)

    @precondition(lambda self: self.world.orders)
    @rule(number=ORDER)
    def hear_it_again(self, number: int) -> None:
        entries = len(self.world.ledger)
        self.world.settle(self.an_order(number))
        assert len(self.world.ledger) == entries, "the same state moved something twice"

    @rule(variant=VARIANTS, place=PLACE, units=st.integers(0, 6))
    def count(self, variant: int, place: int, units: int) -> None:
        self.world.book(variant, place, units - self.world.balance(variant, place)[0])
        self.world.take_back(variant, place)

    @rule(variant=VARIANTS, place=PLACE, units=st.integers(1, 4))
    def receive(self, variant: int, place: int, units: int) -> None:
        self.world.book(variant, place, units)

    @rule(variant=VARIANTS, here=PLACE, units=st.integers(1, 4))
    def transfer(self, variant: int, here: int, units: int) -> None:
        on_hand, reserved = self.world.balance(variant, here)
        moved = min(units, on_hand - reserved)
        self.world.book(variant, here, -moved)
        self.world.book(variant, HERE + THERE - here, moved)

    @rule(made_of=st.sampled_from(COMPOSITIONS))
    def redefine(self, made_of: dict[int, int]) -> None:
        self.world.parts[SET] = made_of

    @rule()
    def fill(self) -> None:
        self.world.fill()
        free = self.world.free()
        for sold in self.world.orders:
            for line in sold.lines:
                spare = [free[place][line.variant_id] for place in sold.shelves]
                assert not line.short or max(spare) <= 0, "missing, and yet there"

    @invariant()
    def the_ledger_adds_up_to_the_balances(self) -> None:
        on_hand, reserved = self.world.sums()
        for variant in (*SINGLES, *KITS):
            for place in PLACES:
                key = variant, place
                assert self.world.balance(*key) == (on_hand[key], reserved[key])
                assert 0 <= reserved[key] <= on_hand[key]

    @invariant()
    def what_is_set_aside_is_set_aside_for_somebody_once(self) -> None:
        by_balance: Counter[Key] = Counter()
        by_order: Counter[tuple[int, Key]] = Counter()
        for number, key, units in self.world.held():
            assert units >= 0
            by_balance[key] += units
            by_order[number, key] += units
        booked: Counter[tuple[int, Key]] = Counter()
        for variant, place, _, reserved, number in self.world.ledger:
            if number:
                booked[number, (variant, place)] += reserved
        assert by_balance == self.world.sums()[1]
        assert by_order == booked

    @invariant()
    def a_line_has_what_it_asks_for_held_missing_or_gone(self) -> None:
        for sold in self.world.orders:
            if not isinstance(sold.stock, KitStock):
                assert sold.own.held_total + sold.own.short == sold.open
                assert sold.own.shipped_total == sold.fulfilled
                continue
            ready = sold.own.held_total + sold.own.short
            for component, units in sold.stock.made_of.items():
                part = sold.stock.parts[component]
                assert part.held_total + part.short == units * (sold.open - ready)
                assert part.shipped_total == units * (sold.fulfilled - sold.own.shipped_total)

    @invariant()
    def what_left_came_off_the_shelves_once(self) -> None:
        left: Counter[tuple[int, int]] = Counter()
        for variant, _, on_hand, _, number in self.world.ledger:
            if number:
                left[number, variant] -= on_hand
        for sold in self.world.orders:
            for line in sold.lines:
                # Less where goods left that no shelf had.
                assert 0 <= left[sold.number, line.variant_id] <= line.shipped_total

    @invariant()
    def as_many_kits_are_offered_as_can_be_put_together(self) -> None:
        for kit in (SET, BOX):
            needs = flatten(kit, self.world.parts)
            assert available(kit, needs, self.world.free()) == self.world.put_together(kit)


def test_a_slice_of_the_shelves() -> None:
    play(ShelfMachine, 2_000)


@pytest.mark.soak
def test_a_hundred_thousand_steps_of_the_shelves() -> None:
    assert play(ShelfMachine, 100_000) >= 100_000
