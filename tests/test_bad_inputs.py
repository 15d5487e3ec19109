"""Authentic bodies whose content is bad: what of them becomes an order, what becomes a hold, what is parked.

The numbers are those of our list of bad inputs. Held: id, lines and quantities can be read, so the units are
reserved and a person looks. Parked: there is nothing to reserve.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from typing import Any

import pytest

from connectors import discover
from core.connector import Delivery, Notice, OrderRead, Reading, Unreadable
from core.flow import encode
from core.model.order import Order

CHANNELS = ("shopify", "woocommerce")
CONNECTORS = discover()
TOPICS = {"shopify": "orders/updated", "woocommerce": "order.updated"}

SHOPIFY: dict[str, Any] = {
    "id": 501,
    "name": "#1001",
    "created_at": "2026-11-20T10:00:00Z",
    "updated_at": "2026-11-20T10:05:00Z",
    "currency": "EUR",
    "financial_status": "paid",
    "customer_locale": "de",
    "shipping_address": {
        "name": "Mia Sommer",
        "address1": "Hauptstr. 3",
        "city": "Bonn",
        "country_code": "DE",
    },
    "total_line_items_price": "20.00",
    "total_discounts": "0.00",
    "total_tax": "0.00",
    "total_price": "20.00",
    "taxes_included": True,
    "line_items": [
        {
            "id": 71,
            "variant_id": 34,
            "product_id": 3,
            "sku": "MUG-B",
            "title": "Mug",
            "quantity": 2,
            "price": "10.00",
        }
    ],
    "shipping_lines": [],
    "refunds": [],
    "fulfillments": [],
}
WOOCOMMERCE: dict[str, Any] = {
    "id": 501,
    "number": "1001",
    "status": "processing",
    "currency": "EUR",
    "date_created_gmt": "2026-11-20T10:00:00",
    "date_modified_gmt": "2026-11-20T10:05:00",
    "date_paid_gmt": "2026-11-20T10:01:00",
    "discount_total": "0.00",
    "shipping_total": "0.00",
    "total_tax": "0.00",
    "total": "20.00",
    "billing": {"first_name": "Mia", "last_name": "Sommer", "email": "mia@example.org", "country": "DE"},
    "shipping": {"first_name": "Mia", "last_name": "Sommer", "city": "Bonn", "country": "DE"},
    "line_items": [
        {
            "id": 71, "name": "Mug", "product_id": 34, "variation_id": 0, "quantity": 2, "sku": "MUG-B",
            "subtotal": "20.00", "total": "20.00", "total_tax": "0.00", "meta_data": [],
        }
    ],
    "refunds": [],
    "meta_data": [],
}  # fmt: skip
GOOD = {"shopify": SHOPIFY, "woocommerce": WOOCOMMERCE}
# The same fact under its name in each channel.
TOTAL = {"shopify": "total_price", "woocommerce": "total"}
CHANGED = {"shopify": "updated_at", "woocommerce": "date_modified_gmt"}
STATUS = {"shopify": "financial_status", "woocommerce": "status"}

each_channel = pytest.mark.parametrize("channel", CHANNELS)


def read(channel: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reading:
    return CONNECTORS[channel].read(Delivery(TOPICS[channel], headers or {}, body), {})


def body_with(channel: str, place: str, raw: str) -> bytes:
    """A good body in which the value at *place* ("id", "line_items.0.quantity") is the text *raw*, unquoted."""
    payload = copy.deepcopy(GOOD[channel])
    *path, last = place.split(".")
    where: Any = payload
    for step in path:
        where = where[int(step) if step.isdigit() else step]
    where[last] = "@here@"
    return encode(payload).replace(b'"@here@"', raw.encode("utf-8", "surrogatepass"))


def ordered(reading: Reading) -> Order:
    assert isinstance(reading, OrderRead), reading
    return reading.order


def held_at(order: Order, word: str) -> bool:
    """Whether a hold names a place with *word* in it."""
    return any(word in hold.pointer for hold in order.holds)


@each_channel
def test_a_good_body_is_an_order_that_needs_nobody(channel: str) -> None:
    order = ordered(read(channel, encode(GOOD[channel])))

    assert (order.channel_order_id, order.holds, order.flags) == ("501", (), ())
    assert [line.quantity for line in order.lines] == [2]


PARKED_BODIES = [
    pytest.param(b"", id="50-an-empty-body"),
    pytest.param(b"null", id="50-null"),
    pytest.param(b"[]", id="50-a-list"),
    pytest.param(b'"x"', id="50-a-text"),
    pytest.param(b"0", id="50-a-number"),
    pytest.param(b'{"id":1,"line_items":[', id="51-cut-off"),
    pytest.param(b"{} x", id="51-something-behind-it"),
    pytest.param(b"{}{}", id="51-two-documents"),
    pytest.param(b"[" * 100_000, id="52-opened-a-hundred-thousand-times"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, id="52-nested-a-hundred-thousand-deep"),
    pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="52-objects-nested-as-deep"),
    pytest.param(
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', id="75-xml-with-an-entity"
    ),
    pytest.param(b"id=1&quantity=2", id="76-a-form"),
    pytest.param(
        b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\n1\r\n--x--\r\n', id="76-multipart"
    ),
]


@each_channel
@pytest.mark.parametrize("body", PARKED_BODIES)
def test_a_body_that_is_no_json_object_is_parked_with_a_reason(body: bytes, channel: str) -> None:
    reading = read(channel, body)

    assert isinstance(reading, Unreadable)
    assert all(reason.code and reason.message for reason in reading.reasons)


@each_channel
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" + b"[]," * ((5 * 1024 * 1024) // 3 - 1) + b"[]]", id="53-five-megabytes-of-lists"),
        pytest.param(b"{" + b",".join(b'"k%d":1' % n for n in range(200_000)) + b"}", id="53-200000-keys"),
        pytest.param(
            b"{" + b",".join(b'"%s":1' % format(n, "017b").replace("0", "Aa").replace("1", "BB").encode()
                             for n in range(100_001)) + b"}",
            id="53-keys-that-look-alike",
        ),
    ],
)  # fmt: skip
def test_a_body_of_too_many_values_is_parked_within_a_quarter_second(body: bytes, channel: str) -> None:
    begun = time.thread_time()
    reading = read(channel, body)
    took_s = time.thread_time() - begun

    assert isinstance(reading, Unreadable)
    assert took_s < 0.25


@each_channel
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "utf-32"])
def test_67_any_encoding_but_utf8_is_parked(encoding: str, channel: str) -> None:
    text = encode(GOOD[channel]).decode().replace("Mia", "Zoë")

    assert isinstance(read(channel, text.encode(encoding)), Unreadable)
    assert ordered(read(channel, text.encode("utf-8-sig"))).channel_order_id == "501"


@each_channel
@pytest.mark.parametrize(
    ("place", "pairs"),
    [
        pytest.param("id", '501,"id":502', id="54-two-ids"),
        pytest.param("line_items.0.quantity", '1,"quantity":9', id="54-two-quantities"),
        pytest.param("line_items.0.id", '71,"id":72', id="54-two-line-ids"),
    ],
)
def test_a_key_given_twice_with_two_values_is_parked_where_stock_depends_on_it(
    place: str, pairs: str, channel: str
) -> None:
    assert isinstance(read(channel, body_with(channel, place, pairs)), Unreadable)


@each_channel
def test_54_a_total_given_twice_is_held(channel: str) -> None:
    name = TOTAL[channel]

    order = ordered(read(channel, body_with(channel, name, f'"20.00","{name}":"2.00"')))

    assert order.total is None
    assert held_at(order, name)


@each_channel
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5_000])
@pytest.mark.parametrize("place", ["id", "line_items.0.quantity"])
def test_55_56_a_number_that_is_none_is_parked_where_stock_depends_on_it(
    place: str, number: str, channel: str
) -> None:
    assert isinstance(read(channel, body_with(channel, place, number)), Unreadable)


@each_channel
@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "1e999", "1e-999", "9" * 5_000, '"NaN"', "1e20", '"1e20"']
)
def test_55_56_60_a_total_that_is_no_amount_is_held(number: str, channel: str) -> None:
    order = ordered(read(channel, body_with(channel, TOTAL[channel], number)))

    assert order.total is None
    assert held_at(order, TOTAL[channel])


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
