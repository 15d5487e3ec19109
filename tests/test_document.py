"""What is kept of an order is what the model itself says of it, byte for byte: its hash tells whether a version is new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.model.document import document_of
from core.model.money import CURRENCIES, Money, Presented
from core.model.order import Hold, Order, OrderLine, PaymentStatus, Property, TaxLine
from core.model.party import Address

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12).filter(
    lambda amount: int(amount.as_tuple().exponent) >= -12
)
MONEY = st.builds(
    Money,
    amount=AMOUNTS,
    currency=st.sampled_from(sorted(CURRENCIES)),
    presentment=st.none() | st.builds(Presented, amount=AMOUNTS, currency=TEXT),
)
TIMES = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001 - the zone is drawn beside it
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(0)), timezone(timedelta(hours=-3, minutes=-30))]),
)
LINES = st.builds(
    OrderLine,
    line_id=TEXT,
    quantity=st.integers(0, 10**6) | st.decimals(0, 10**6, places=8),
    title=TEXT,
    total=st.none() | MONEY,
    taxes=st.lists(st.builds(TaxLine, amount=MONEY), max_size=2).map(tuple),
    properties=st.lists(st.builds(Property, name=TEXT, value=TEXT), max_size=2).map(tuple),
)
ORDERS = st.builds(
    Order,
    channel=TEXT,
    channel_order_id=TEXT,
    placed_at=st.none() | TIMES,
    payment_status=st.none() | st.sampled_from(PaymentStatus),
    channel_lowered_stock=st.none() | st.booleans(),
    total=st.none() | MONEY,
    lines=st.lists(LINES, max_size=2).map(tuple),
    billing_address=st.none() | st.builds(Address, name=TEXT),
    holds=st.lists(st.builds(Hold, code=TEXT, pointer=TEXT, message=TEXT), max_size=2).map(tuple),
    flags=st.lists(TEXT, max_size=2).map(tuple),
)


@given(ORDERS)
def test_the_document_is_what_the_model_says(order: Order) -> None:
    assert document_of(order) == order.model_dump_json().encode()


def test_every_kind_of_value_in_an_order_is_drawn_above() -> None:
    """A field of another kind would need the property to draw it."""
    drawn = {str, int, bool, Decimal, datetime, Money}

    assert {kind for kind in _kinds(Order) if not issubclass(kind, str)} <= drawn | {type(None)}


def _kinds(kind: Any, seen: frozenset[Any] = frozenset()) -> set[type]:
    if kind is Ellipsis or kind in seen:
        return set()
    if inner := getattr(kind, "__args__", None):
        return set().union(*(_kinds(one, seen) for one in inner))
    if kind is not Money and hasattr(kind, "model_fields"):
        return set().union(*(_kinds(one.annotation, seen | {kind}) for one in kind.model_fields.values()))
    return {kind}
