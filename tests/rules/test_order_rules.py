"""Which state of an order counts, whatever order they arrive in, and what it comes in as."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ChannelError, ErrorCode
from core.model.money import Money
from core.model.order import FulfillmentStatus, LineKind, Order, OrderLine, PaymentStatus, Source
from core.rules.backoff import LONGEST_S, pause_after
from core.rules.intake import Conditions, Intake, IntakeRule, before_count, decide_intake, moves_stock
from core.rules.orders import MAX_CLOCK_AHEAD, Verdict, Version, believed_change, claim_of, judge
from core.rules.totals import amounts_add_up, fulfillment_status, lines_add_up

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def version(minute: int | None, *, fetched: int | None = None, body: int = 0) -> Version:
    return Version(
        changed_at=None if minute is None else NOW + timedelta(minutes=minute),
        fetched_at=None if fetched is None else NOW + timedelta(minutes=fetched),
        document_hash=f"{minute}/{body}".encode(),
    )


def fold(arrivals: list[Version]) -> Version | None:
    kept: Version | None = None
    for arrival in arrivals:
        if judge(kept, arrival) is Verdict.APPLY:
            kept = arrival
    return kept


@given(st.lists(st.integers(0, 20), min_size=1, unique=True), st.data())
def test_any_permutation_with_any_duplicates_ends_in_the_newest_state(
    minutes: list[int], data: st.DataObject
) -> None:
    versions = [version(minute) for minute in minutes]
    again = data.draw(st.lists(st.sampled_from(versions)))
    arrivals = data.draw(st.permutations([*versions, *again]))

    assert fold(arrivals) == version(max(minutes))


@given(st.integers(0, 5), st.integers(0, 5))
def test_two_bodies_of_one_moment_are_never_chosen_between_without_a_look(one: int, other: int) -> None:
    verdict = judge(version(3, body=one), version(3, body=other))

    assert verdict is (Verdict.SAME if one == other else Verdict.LOOK)


def test_what_was_seen_by_looking_wins_within_one_moment_and_the_later_look_over_the_earlier() -> None:
    assert judge(version(3), version(3, fetched=4, body=1)) is Verdict.APPLY
    assert judge(version(3, fetched=5), version(3, fetched=4, body=1)) is Verdict.STALE
    assert judge(version(3, fetched=4), version(3, fetched=5, body=1)) is Verdict.APPLY
    assert judge(version(4), version(3, fetched=9, body=1)) is Verdict.STALE


def test_a_state_without_a_time_is_looked_at_even_if_it_is_the_first() -> None:
    assert judge(None, version(None)) is Verdict.LOOK


def test_a_change_time_is_believed_up_to_a_little_past_receipt() -> None:
    placed = NOW - timedelta(days=1)

    assert believed_change(NOW - timedelta(hours=1), NOW, placed) == (NOW - timedelta(hours=1), False)
    assert believed_change(NOW + timedelta(days=9), NOW, placed) == (NOW + MAX_CLOCK_AHEAD, True)
    assert believed_change(None, NOW, placed) == (placed, False)
    assert believed_change(None, NOW, None)[0] < placed


def order(**facts: Any) -> Order:
    defaults = {"payment_status": PaymentStatus.PAID, "placed_at": NOW}
    return Order(channel="test", channel_order_id="1", **{**defaults, **facts})


@pytest.mark.parametrize(
    ("facts", "intake"),
    [
        ({}, Intake.SHIP),
        ({"payment_status": PaymentStatus.AUTHORIZED}, Intake.SHIP),
        ({"payment_status": PaymentStatus.PARTIALLY_REFUNDED}, Intake.SHIP),
        ({"payment_status": PaymentStatus.PENDING}, Intake.RESERVE_ONLY),
        ({"payment_status": PaymentStatus.PARTIALLY_PAID}, Intake.RESERVE_ONLY),
        ({"payment_status": None}, Intake.RESERVE_ONLY),
        ({"payment_status": PaymentStatus.VOIDED}, Intake.RECORD_ONLY),
        ({"payment_status": PaymentStatus.FAILED}, Intake.RECORD_ONLY),
        ({"source": Source.DRAFT}, Intake.IGNORE),
        ({"source": Source.DRAFT, "test": True}, Intake.IGNORE),
        ({"test": True}, Intake.RECORD_ONLY),
        ({"fulfilled_by_channel": True}, Intake.RECORD_ONLY),
        ({"placed_at": NOW - timedelta(days=2)}, Intake.RECORD_ONLY),  # before the count
        ({"placed_at": None}, Intake.SHIP),
        ({"source": Source.POINT_OF_SALE, "payment_status": PaymentStatus.PENDING}, Intake.SHIP),
    ],
)
def test_what_an_order_comes_in_as_when_nobody_said_otherwise(facts: dict[str, Any], intake: Intake) -> None:
    assert decide_intake(order(**facts), (), now=NOW, stock_since=NOW - timedelta(days=1)) is intake


def test_a_merchants_own_rule_comes_first_and_all_its_conditions_must_hold() -> None:
    rule = IntakeRule(conditions=Conditions(tag="wholesale", older_than_days=1), action=Intake.IGNORE)
    old, fresh = NOW - timedelta(days=2), NOW
    since = NOW - timedelta(days=9)

    assert (
        decide_intake(order(tags=("wholesale",), placed_at=old), [rule], now=NOW, stock_since=since)
        is Intake.IGNORE
    )
    assert (
        decide_intake(order(tags=("wholesale",), placed_at=fresh), [rule], now=NOW, stock_since=since)
        is Intake.SHIP
    )
    assert decide_intake(order(placed_at=old), [rule], now=NOW, stock_since=since) is Intake.SHIP


def line(quantity: int = 3, **facts: Any) -> OrderLine:
    return OrderLine(line_id="1", quantity=quantity, **facts)


@pytest.mark.parametrize(
    ("facts", "moves"),
    [
        ({"sku": "A"}, True),
        ({}, True),
        ({"kind": LineKind.GIFT_CARD}, False),
        ({"tracked": False}, False),
        ({"tracked": True}, True),
        ({"sku": "SVC-1"}, False),
        ({"sku": "X-FREE"}, False),
        ({"sku": "EXACT"}, False),
        ({"sku": "EXACTLY"}, True),
    ],
)
def test_which_lines_take_units_from_a_shelf(facts: dict[str, Any], moves: bool) -> None:
    assert moves_stock(line(**facts), never=("SVC-*", "*-FREE", "EXACT")) is moves


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_a_claim_never_asks_for_units_that_left_or_were_cancelled(
    quantity: int, cancelled: int, fulfilled: int, before: int, whole: bool
) -> None:
    asked = claim_of(
        line(quantity, quantity_cancelled=cancelled, quantity_fulfilled=fulfilled),
        order(cancelled=whole),
        Intake.SHIP,
        moves=True,
        shipped_before=before,
    )

    assert asked.shipped >= before
    assert 0 <= asked.held <= max(0, quantity - cancelled)
    assert asked.held == 0 or (not whole and asked.held + asked.shipped + cancelled == quantity)


def test_an_order_that_is_only_recorded_claims_nothing() -> None:
    asked = claim_of(line(), order(), Intake.RECORD_ONLY, moves=True, shipped_before=0)

    assert (asked.held, asked.shipped) == (0, 0)


def eur(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


@pytest.mark.parametrize(
    ("amounts", "adds_up"),
    [
        ({"subtotal": "10.00", "shipping_total": "4.20", "total": "14.20"}, True),
        ({"subtotal": "10.00", "tax_total": "1.90", "total": "11.90"}, True),
        ({"subtotal": "10.00", "discount_total": "2.50", "total": "7.50"}, True),
        ({"subtotal": "10.00", "total": "10.009"}, True),
        ({"subtotal": "10.00", "total": "10.01"}, False),
        ({"subtotal": "0.00", "total": "-1.00"}, False),
        ({"total": "10.00"}, None),
    ],
)
def test_the_parts_of_an_order_give_its_total(amounts: dict[str, str], adds_up: bool | None) -> None:
    assert amounts_add_up(order(**{name: eur(amount) for name, amount in amounts.items()})) is adds_up


def test_taxes_are_not_added_where_prices_contain_them() -> None:
    gross = order(subtotal=eur("11.90"), tax_total=eur("1.90"), total=eur("11.90"), prices_include_tax=True)

    assert amounts_add_up(gross)


def test_lines_may_each_be_off_by_a_minor_unit() -> None:
    lines = tuple(OrderLine(line_id=str(n), quantity=1, subtotal=eur("3.33")) for n in range(3))

    assert lines_add_up(order(lines=lines, subtotal=eur("10.00")))
    assert lines_add_up(order(lines=lines, subtotal=eur("10.05"))) is False
    assert lines_add_up(order(lines=(), subtotal=eur("10.05"))) is None


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([(2, 0, 0)], FulfillmentStatus.UNFULFILLED),
        ([(2, 0, 1)], FulfillmentStatus.PARTIALLY_FULFILLED),
        ([(2, 0, 2), (1, 0, 0)], FulfillmentStatus.PARTIALLY_FULFILLED),
        ([(2, 1, 1)], FulfillmentStatus.FULFILLED),
        ([(2, 0, 2), (1, 1, 0)], FulfillmentStatus.FULFILLED),
        ([], FulfillmentStatus.UNFULFILLED),
    ],
)
def test_the_fulfilment_status_follows_from_quantities(
    lines: list[tuple[int, int, int]], status: FulfillmentStatus
) -> None:
    told = [line(q, quantity_cancelled=cancelled, quantity_fulfilled=done) for q, cancelled, done in lines]

    assert fulfillment_status(told) is status


@given(st.integers(0, 40), st.floats(1, 5000))
def test_pauses_grow_are_bounded_and_respect_what_the_channel_asked_for(failures: int, asked: float) -> None:
    own = pause_after(ChannelError(ErrorCode.UNAVAILABLE), failures)
    told = pause_after(ChannelError(ErrorCode.RATE_LIMITED, retry_after_s=asked), failures)

    assert own <= timedelta(seconds=LONGEST_S)
    assert own <= pause_after(ChannelError(ErrorCode.UNAVAILABLE), failures + 1)
    assert told == timedelta(seconds=min(LONGEST_S, asked))


def test_an_order_of_the_second_of_the_count_is_after_it() -> None:
    counted = datetime(2026, 11, 24, 12, 0, 0, 700_000, tzinfo=UTC)

    assert not before_count(datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC), counted)
    assert before_count(datetime(2026, 11, 24, 11, 59, 59, tzinfo=UTC), counted)
    assert not before_count(None, counted)
