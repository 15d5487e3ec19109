"""Authentic orders with bad values: what of them is held for a person, and what leaves nothing to reserve.

The numbers are those of our list of bad inputs. Held: id, lines and quantities can be read, so the units are
reserved and a person looks. Parked: there is nothing to reserve.
"""

from __future__ import annotations

import pytest
from bodies_rig import (
    CHANGED,
    CONNECTORS,
    GOOD,
    STATUS,
    TOTAL,
    WOOCOMMERCE,
    body_with,
    each_channel,
    held_at,
    ordered,
    read,
)

from core.connector import Delivery, Notice, Unreadable
from core.flow import encode


@each_channel
@pytest.mark.parametrize("number", ["18446744073709551617", "9007199254740993"])
@pytest.mark.parametrize("quote", ["", '"'], ids=["number", "text"])
def test_57_58_a_long_id_keeps_every_digit_as_a_number_and_as_text(
    number: str, quote: str, channel: str
) -> None:
    assert ordered(read(channel, body_with(channel, "id", quote + number + quote))).channel_order_id == number


@each_channel
@pytest.mark.parametrize(
    "written", ["501.0", '" 501"', '"0501"', '"501 "', '"\uff15\uff10\uff11"', "true", "-501", '"5_01"', "{}"]
)
def test_58_an_id_written_otherwise_is_parked(written: str, channel: str) -> None:
    assert isinstance(read(channel, body_with(channel, "id", written)), Unreadable)


@each_channel
@pytest.mark.parametrize(
    "written", ["19.999999999999999999", "1e-30", "1_0", "\uff11\uff12", "", " 20.00", "+20", "0x14", "20,00"]
)
def test_59_a_price_written_otherwise_is_held_and_never_guessed(written: str, channel: str) -> None:
    order = ordered(read(channel, body_with(channel, TOTAL[channel], f'"{written}"')))

    assert order.total is None
    assert held_at(order, TOTAL[channel])


@each_channel
def test_61_a_line_of_zero_units_is_there_and_asks_for_nothing(channel: str) -> None:
    order = ordered(read(channel, body_with(channel, "line_items.0.quantity", "0")))

    assert [line.quantity_open for line in order.lines] == [0]


@each_channel
@pytest.mark.parametrize("written", ["-1", "true", "1000000000", '"two"', "null", "[]", '"-2"'])
def test_61_a_quantity_that_is_no_count_is_parked(written: str, channel: str) -> None:
    assert isinstance(read(channel, body_with(channel, "line_items.0.quantity", written)), Unreadable)


def test_61_shopify_sells_whole_units_only() -> None:
    for written in ("1.5", '"2"'):
        assert isinstance(read("shopify", body_with("shopify", "line_items.0.quantity", written)), Unreadable)


def test_61_woocommerce_shops_sell_by_the_metre_so_shelves_give_whole_units_and_a_person_looks() -> None:
    cut = ordered(read("woocommerce", body_with("woocommerce", "line_items.0.quantity", "1.5")))
    text = ordered(read("woocommerce", body_with("woocommerce", "line_items.0.quantity", '"2"')))

    assert [line.units for line in (*cut.lines, *text.lines)] == [2, 2]
    assert held_at(cut, "quantity")
    assert text.holds == ()


@each_channel
def test_62_more_than_five_thousand_lines_are_parked_and_as_many_are_read(channel: str) -> None:
    def lines(count: int) -> bytes:
        line = {"sku": "A", "quantity": 1, "price": "0.00", "total": "0.00", "subtotal": "0.00"}
        return encode([{**line, "id": 71 + n} for n in range(count)])

    at_most = read(channel, body_with(channel, "line_items", lines(5_000).decode()))

    assert len(ordered(at_most).lines) == 5_000
    assert isinstance(read(channel, body_with(channel, "line_items", lines(5_001).decode())), Unreadable)
    assert isinstance(read(channel, body_with(channel, "line_items", lines(10_001).decode())), Unreadable)


@each_channel
def test_62_a_line_id_given_twice_stays_two_lines_and_is_held(channel: str) -> None:
    line = encode(GOOD[channel]["line_items"][0]).decode()

    order = ordered(read(channel, body_with(channel, "line_items", f"[{line},{line}]")))

    assert [line.quantity for line in order.lines] == [2, 2]
    assert len({line.line_id for line in order.lines}) == 2
    assert any(hold.code == "duplicate_line" for hold in order.holds)


@each_channel
@pytest.mark.parametrize("written", ['"XXX"', '"eur"', '""', '"EURO"', "978", "null"])
def test_63_an_unknown_currency_is_held_and_no_amount_is_believed(written: str, channel: str) -> None:
    order = ordered(read(channel, body_with(channel, "currency", written)))

    assert (order.currency, order.total) == (None, None)
    assert held_at(order, "currency")


def test_63_yen_with_decimals_are_held() -> None:
    payload = {**WOOCOMMERCE, "currency": "JPY", "total": "20.50"}

    order = ordered(read("woocommerce", encode(payload)))

    assert order.total is None
    assert held_at(order, "total")


@each_channel
@pytest.mark.parametrize("total", ["-20.00", "21.00", "0.00", "999999999999.00"])
def test_64_a_total_that_the_lines_do_not_make_is_flagged_and_held(total: str, channel: str) -> None:
    order = ordered(read(channel, body_with(channel, TOTAL[channel], f'"{total}"')))

    assert "amount_mismatch" in order.flags
    assert "amount_mismatch" in {hold.code for hold in order.holds}


@each_channel
@pytest.mark.parametrize(
    "written",
    [
        "0000-00-00T00:00:00", "2026-11-20", "2026-11-20T10:00:00+25:00", "2026-11-20T24:00:00Z",
        "2026-11-20T10:60:00Z", "9999-12-31T23:59:59Z", "1e18", "2026-W47-5T10:00:00Z", "2026-11-20 10:00",
        "Fri, 20 Nov 2026 10:00:00 GMT", "\uff12\uff10\uff12\uff16-11-20T10:00:00Z", "2026-02-30T10:00:00Z",
    ],
)  # fmt: skip
def test_72_a_time_written_otherwise_is_held_and_never_guessed(written: str, channel: str) -> None:
    order = ordered(read(channel, body_with(channel, CHANGED[channel], f'"{written}"')))

    assert order.changed_at is None
    assert held_at(order, CHANGED[channel])


def test_72_a_time_without_a_zone_is_known_only_where_the_channel_documents_the_zone() -> None:
    shopify = ordered(read("shopify", body_with("shopify", "updated_at", '"2026-11-20T10:05:00"')))
    woocommerce = ordered(read("woocommerce", encode(WOOCOMMERCE)))

    assert shopify.changed_at is None
    assert held_at(shopify, "updated_at")
    assert woocommerce.changed_at is not None


@each_channel
def test_72_a_leap_second_is_the_last_moment_before_it(channel: str) -> None:
    order = ordered(read(channel, body_with(channel, CHANGED[channel], '"2026-11-20T23:59:60Z"')))

    assert order.changed_at is not None
    assert order.changed_at.isoformat() == "2026-11-20T23:59:59.999000+00:00"


@each_channel
@pytest.mark.parametrize("word", ["lay-by", "PAID!", "", "constructor", "__class__"])
def test_77_a_status_nobody_knows_is_held_and_never_guessed(word: str, channel: str) -> None:
    order = ordered(read(channel, body_with(channel, STATUS[channel], f'"{word}"')))

    assert order.payment_status is None
    if word:
        assert held_at(order, STATUS[channel])


@each_channel
def test_77_a_topic_nobody_knows_is_kept_and_changes_nothing(channel: str) -> None:
    reading = CONNECTORS[channel].read(Delivery("planets/aligned", {}, encode(GOOD[channel])), {})

    assert isinstance(reading, Notice)
    assert reading.change == "none"


@each_channel
@pytest.mark.parametrize(
    ("written", "kept"),
    [
        pytest.param(r'"M\u0000ug"', "Mug", id="65-NUL-is-dropped"),
        pytest.param(r'"M\ud800ug"', "M\ufffdug", id="66-half-a-character-is-replaced"),
    ],
)
def test_65_66_a_text_that_no_database_takes_is_repaired_and_flagged(
    written: str, kept: str, channel: str
) -> None:
    name = {"shopify": "title", "woocommerce": "name"}[channel]

    order = ordered(read(channel, body_with(channel, f"line_items.0.{name}", written)))

    assert order.lines[0].title == kept
    assert "text_repaired" in order.flags
