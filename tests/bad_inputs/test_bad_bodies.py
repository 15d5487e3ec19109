"""Authentic bodies that are no JSON object, or one in which ids and quantities cannot be believed: parked, with a reason.

The numbers are those of our list of bad inputs.
"""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from bodies_rig import GOOD, TOTAL, body_with, each_channel, held_at, ordered, read

from core.connector import Unreadable
from core.flow import DecodeError, decode, encode


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


# A text that is opened and never closed, and within which every other byte could begin one.
NEVER_CLOSED = b"[" * 65 + b'"\\' * 5_000
FULL_OF_SIGNS = b'{"a":[' + b"[]," * 65 + b'"' + b",[" * (2 * 1024 * 1024) + b'"]}'


@pytest.mark.parametrize(
    "body", [pytest.param(NEVER_CLOSED, id="never-closed"), pytest.param(FULL_OF_SIGNS, id="full-of-signs")]
)
def test_53_no_text_in_a_body_makes_it_slow_to_decode(body: bytes) -> None:
    begun = time.thread_time()
    with suppress(DecodeError):
        decode(body)
    took_s = time.thread_time() - begun

    assert took_s < 0.25
