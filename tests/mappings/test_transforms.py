"""Every verb answers or says why not; none guesses."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.flow import Defect
from mappings import transforms
from mappings.transforms import LIST_VERBS, VERBS

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, places=4)
    | st.just(Defect("given twice")) | st.sampled_from(["EUR", "JPY", "1.00", "0", "2026-01-01T00:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["shop_money", "presentment_money", "amount", "currency_code"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
SOURCES = {"money": 2, "net": 2, "bag_or_amount": 3}


def test_the_examples_in_the_docstrings_hold() -> None:
    found = doctest.testmod(transforms)

    assert found.attempted > 15
    assert found.failed == 0


@pytest.mark.parametrize("name", sorted(set(VERBS) - LIST_VERBS))
@given(value=ANYTHING.filter(lambda value: value is not None))
def test_a_verb_answers_anything_or_says_why_not(name: str, value: Any) -> None:
    try:
        VERBS[name](value)
    except ValueError as refused:
        assert str(refused)  # noqa: PT017 - an answer is right, too


@pytest.mark.parametrize("name", sorted(LIST_VERBS))
@given(data=st.data())
def test_a_verb_of_several_sources_answers_anything_or_says_why_not(name: str, data: st.DataObject) -> None:
    size = SOURCES.get(name)
    value = data.draw(st.lists(ANYTHING, min_size=size or 1, max_size=size or 4))

    try:
        VERBS[name](value)
    except ValueError as refused:
        assert str(refused)  # noqa: PT017 - an answer is right, too


@given(
    st.datetimes(datetime(1991, 1, 1), datetime(2199, 1, 1)),  # noqa: DTZ001 - the zone is drawn beside it
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["T", " "]),
)
def test_an_instant_is_the_same_in_every_zone(naive: datetime, minutes: int, between: str) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    assert VERBS["rfc3339"](moment.isoformat(sep=between)) == moment
    assert VERBS["rfc3339"](moment.isoformat(sep=between)).tzinfo is UTC
    assert VERBS["utc"](naive.isoformat()) == naive.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-07-01T10:00:00+0200", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-06-30T23:59:60Z", datetime(2026, 6, 30, 23, 59, 59, 999_000, tzinfo=UTC)),
        ("2026-07-01T10:00:00.123456789Z", datetime(2026, 7, 1, 10, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-07-01T10:00:00.5Z", datetime(2026, 7, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_the_odd_spellings_of_an_instant(written: str, read: datetime) -> None:
    assert VERBS["rfc3339"](written) == read


@pytest.mark.parametrize(
    "written",
    ["2026-07-01T10:00:00", "2026-07-01", "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "1970-01-01T00:00:00Z",
     "2026-07-01T10:00:00+15:00", "2026-07-01T10:00:00+01:60", "2026-07-01T24:00:00Z", "20260701T100000Z",
     "9999-12-31T23:59:59-01:00", "2026-07-01T10:00:00z", "\uff12026-07-01T10:00:00Z", 1782900000],
)  # fmt: skip
def test_what_is_no_instant_is_refused(written: Any) -> None:
    with pytest.raises(ValueError):
        VERBS["rfc3339"](written)


@pytest.mark.parametrize("amount", ["1.10", 1, Decimal("1.10"), "-0.00", "0.12345678", "999999999999"])
def test_an_amount_keeps_its_digits(amount: Any) -> None:
    read = VERBS["money"]([amount, "EUR"]).amount

    assert read == Decimal(amount)
    assert read.as_tuple().exponent <= -2


def test_amounts_that_are_equal_but_written_otherwise_stay_apart() -> None:
    read = [str(VERBS["money"]([amount, "EUR"]).amount) for amount in ("1.5", "1.50", "1.500", "1.50")]

    assert read == ["1.50", "1.50", "1.500", "1.50"]


@pytest.mark.parametrize(
    "sources",
    [
        ["1,00", "EUR"],
        [True, "EUR"],
        ["1.00", "eur"],
        ["1.00", None],
        ["1.50", "JPY"],
        ["1e3", "EUR"],
        [" 1", "EUR"],
        ["1" * 13, "EUR"],
    ],
)
def test_what_is_no_price_is_refused_again_and_again(sources: list[Any]) -> None:
    for _ in range(2):
        with pytest.raises(ValueError):
            VERBS["money"](sources)


def test_a_bag_shows_what_the_buyer_saw_where_it_differs() -> None:
    def bag(code: str, amount: str) -> dict[str, Any]:
        return {
            "shop_money": {"amount": "10.00", "currency_code": "EUR"},
            "presentment_money": {"amount": amount, "currency_code": code},
        }

    abroad, home = VERBS["money_set"](bag("USD", "11.70")), VERBS["money_set"](bag("EUR", "10.00"))

    assert (abroad.presentment.amount, abroad.presentment.currency) == (Decimal("11.70"), "USD")
    assert home.presentment is None
    assert abroad.amount == home.amount == Decimal("10.00")


@given(st.text(max_size=50))
def test_text_can_always_be_stored(value: str) -> None:
    stored = VERBS["text"](value)

    assert "\x00" not in stored
    stored.encode()


def test_a_half_of_a_pair_is_replaced_and_a_long_text_cut() -> None:
    assert VERBS["text"]("a\ud800b\x00") == "a\ufffdb"
    assert len(VERBS["text"]("é" * 20_000)) == 10_000


@pytest.mark.parametrize("value", [True, -1, 1_000_001, "3", Decimal(3), None])
def test_what_is_no_quantity_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        VERBS["quantity"](value)


@pytest.mark.parametrize("value", [True, "", " 1", "01", "-1", "1" * 40, "\uff11", Decimal(1)])
def test_what_is_no_id_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        VERBS["id"](value)


@pytest.mark.parametrize(
    ("written", "read"),
    [("19.990000000000002", "19.99"), ("31.199999999999999", "31.20"), ("20.000000000000004", "20.00")],
)
def test_the_noise_of_a_float_is_no_part_of_an_amount(written: str, read: str) -> None:
    found = VERBS["money"]([Decimal(written), "EUR"])

    assert str(found.amount) == read


@pytest.mark.parametrize("written", [Decimal("10.123456789"), "19.990000000000002", Decimal("1e30")])
def test_digits_that_are_not_noise_are_refused(written: Any) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        VERBS["amount"](written)


def test_an_empty_text_is_not_present() -> None:
    assert [VERBS["present"](value) for value in ("", "2026", 0)] == [False, True, True]
