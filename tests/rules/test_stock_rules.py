"""Properties of the arithmetic of stock: nothing is made up, nothing is lost, nothing sold is sold again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.rules.orders import Claim
from core.rules.shelves import LineStock, Shelves
from core.rules.stock import (
    Level,
    Pick,
    Shelf,
    after_own_count,
    allocate,
    desired_level,
    give_back,
    quantity_to_write,
)

units = st.integers(0, 50)
shelves = st.lists(st.builds(Shelf, st.integers(1, 5), st.integers(-5, 50), units), max_size=5)


@given(units, shelves)
def test_allocating_takes_no_more_than_is_free_and_accounts_for_every_unit(
    wanted: int, there: list[Shelf]
) -> None:
    picks, missing = allocate(wanted, there)

    assert sum(pick.quantity for pick in picks) + missing == wanted
    assert missing == max(0, wanted - sum(max(0, shelf.free) for shelf in there))
    assert all(pick.quantity > 0 for pick in picks)


@given(units, st.lists(st.builds(Pick, st.integers(1, 5), units), max_size=5))
def test_giving_back_releases_what_is_asked_or_all_there_is(wanted: int, held: list[Pick]) -> None:
    released = give_back(wanted, held)

    assert sum(pick.quantity for pick in released) == min(wanted, sum(pick.quantity for pick in held))


@given(units, st.one_of(st.none(), units), units, st.one_of(st.none(), units))
def test_what_is_written_never_puts_units_sold_unseen_back_on_sale(
    desired: int, predicted: int | None, live: int, maybe: int | None
) -> None:
    quantity, unseen = quantity_to_write(desired, predicted, live, maybe)

    assert 0 <= quantity <= desired
    assert unseen >= 0
    if predicted is not None and live < predicted and live != maybe:
        assert unseen == predicted - live
        assert quantity == max(0, desired - unseen)


@given(units, units, units)
def test_sales_whose_orders_have_come_are_not_taken_for_unseen_ones_after_a_try_without_an_answer(
    desired: int, written: int, sold: int
) -> None:
    live = predicted = written - sold
    assert quantity_to_write(desired, predicted, live, maybe=written) == (desired, 0)


@given(st.integers(-20, 50), units)
def test_a_listing_may_sell_what_is_free_less_the_buffer(free: int, buffer: int) -> None:
    assert 0 <= desired_level(free, buffer) <= max(0, free)


@given(st.integers(-50, 50), units, st.integers(-50, 50))
def test_what_a_channel_takes_off_eats_unseen_units_first_and_the_sum_goes_down_by_it(
    predicted: int, unseen: int, lowered: int
) -> None:
    after = after_own_count(Level(predicted, unseen), lowered)

    assert after.unseen == (max(0, unseen - lowered) if lowered > 0 else unseen)
    assert (after.predicted or 0) + after.unseen == predicted + unseen - lowered


def test_a_listing_nobody_looked_at_predicts_nothing_but_knows_its_own_unshipped_units() -> None:
    assert after_own_count(Level(), 3, 2) == Level(unshipped=2)
    assert not Level().settled(0)


claims = st.builds(Claim, held=st.integers(0, 12), shipped=st.integers(0, 12))


@given(
    st.lists(st.tuples(st.integers(0, 3), claims), max_size=25),
    st.dictionaries(st.integers(1, 3), st.integers(0, 20), min_size=1, max_size=3),
)
def test_settling_any_claims_in_any_order_conserves_every_unit(
    asked: list[tuple[int, Claim]], on_hand: dict[int, int]
) -> None:
    board = Shelves()
    for location, quantity in on_hand.items():
        board.put(1, 1, location, quantity, 0)
    lines = [LineStock(1, order, "1", 1) for order in range(4)]

    for order, claim in asked:
        board.settle(lines[order], claim, sorted(on_hand))

    for location, at_first in on_hand.items():
        moved = [move for move in board.moves if move.location_id == location]
        left = at_first + sum(move.on_hand_delta for move in moved)
        reserved = sum(move.reserved_delta for move in moved)
        assert reserved == sum(line.held.get(location, 0) for line in lines)
        assert 0 <= reserved <= left
    for order, line in enumerate(lines):
        mine = [claim for which, claim in asked if which == order]
        if mine:
            most_shipped = max(claim.shipped for claim in mine)
            assert line.shipped_total == most_shipped  # what has left never shrinks
            assert line.held_total + line.short == mine[-1].held
        assert all(quantity >= 0 for quantity in (*line.held.values(), *line.shipped.values(), line.short))


@given(claims, st.integers(0, 20))
def test_settling_the_same_claim_again_moves_nothing(claim: Claim, on_hand: int) -> None:
    board = Shelves()
    board.put(1, 1, 1, on_hand, 0)
    line = LineStock(1, 1, "1", 1)
    board.settle(line, claim, [1])
    moves = len(board.moves)
    line.changed = False

    board.settle(line, claim, [1])

    assert len(board.moves) == moves
    assert not line.changed
