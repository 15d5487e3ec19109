"""Money that is kept for the next time is the money that would have been made."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.model.money import Money, money_of

FEW = st.sampled_from("0 -0 -0.00 0.000 4.9 4.90 4.900 4.90000001 5 1234567890.12".split()).map(Decimal)


@given(st.lists(st.tuples(FEW, st.sampled_from(["EUR", "JPY", "KWD"])), max_size=20))
def test_each_amount_keeps_its_own_decimals_whatever_was_asked_before(
    asked: list[tuple[Decimal, str]],
) -> None:
    for amount, currency in asked:
        made = money_of(amount, currency)

        assert made == Money(amount=amount, currency=currency)
        assert made.model_dump_json() == Money(amount=amount, currency=currency).model_dump_json()
