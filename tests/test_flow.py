"""Bodies are read exactly and written back exactly; conversations can be rehearsed without a network."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ChannelError, ErrorCode
from core.flow import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_NODES,
    DecodeError,
    Defect,
    Flow,
    Request,
    Response,
    _decode_slowly,
    _written,
    decode,
    encode,
    rehearse,
)

NUMBERS = st.integers(-(10**60), 10**60) | st.decimals(
    allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_is_read_back_as_it_was(value: Any) -> None:
    assert decode(encode(value)) == value
    assert encode(decode(encode(value))) == encode(value)


@given(JSON | st.text(), st.integers(0, 3))
def test_what_is_written_quickly_is_what_is_written_piece_by_piece(value: Any, depth: int) -> None:
    for _ in range(depth):
        value = [value, {"a": (value, "\n")}]
    assert encode(value) == "".join(_written(value)).encode("utf-8", "surrogatepass")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_sentence(body: bytes) -> None:
    try:
        decode(body)
    except DecodeError as error:
        assert str(error).startswith("the body ")  # noqa: PT017 - a value is right, too


@pytest.mark.parametrize("written", ["0.10", "19.90", "1234567890123456789012345678901234567890", "-0.0"])
def test_no_digit_of_a_number_is_lost(written: str) -> None:
    found = decode(written.encode())

    assert not isinstance(found, float)
    assert encode(found).decode() == written


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "not JSON"),
        (b"{} {}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'"\xff"', "not UTF-8 (byte 1)"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested deeper than 64"),
        (b"[" * 100_000, "nested deeper than 64"),
        (b"[" + b"1," * MAX_NODES + b"1]", "more than 100000 values"),
    ],
)
def test_what_is_not_accepted_is_refused_in_words(body: bytes, sentence: str) -> None:
    with pytest.raises(DecodeError) as refused:
        decode(body)

    assert sentence in str(refused.value)


def test_brackets_and_commas_inside_a_text_count_for_nothing() -> None:
    text = "[" * 200 + "," * (MAX_NODES + 10)

    assert decode(encode({"note": text})) == {"note": text}


@pytest.mark.parametrize("body", [b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, b"\xef\xbb\xbf[]", b' {"a":[]} '])
def test_what_is_just_inside_the_bounds_is_accepted(body: bytes) -> None:
    decode(body)


@pytest.mark.parametrize(
    "body",
    [b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":1e999999}', b'{"a":' + b"9" * 65 + b"}", b'{"a":1,"a":2}'],
)
def test_one_value_that_cannot_be_trusted_leaves_the_rest_usable(body: bytes) -> None:
    found = decode(body[:-1] + b',"b":"usable"}')

    assert isinstance(found["a"], Defect)
    assert found["b"] == "usable"
    assert isinstance(decode(encode(found))["a"], Defect)


def test_a_key_given_twice_with_one_value_is_no_defect() -> None:
    assert decode(b'{"a":1.50,"a":1.50}') == {"a": Decimal("1.50")}


_WORDS = rb"""{ } [ ] : , " \ \u0022 \ud83d \ude00 \u0000 - . e 1E5 0 1e70 1e999 NaN -Infinity null -0 -0.0
    "a":1, "a":2, "a":":", "b":{"c":3,"c":4}, "a":"\":", 18446744073709551617 0.000000000000000000001"""
_ODD = (
    b" ",
    b"\n",
    b'"a" :5,',
    b"\xff",
    b"\xc3\xa4",
    b"\xef\xbb\xbf",
    b"9" * 64,
    b"-" + b"9" * 64,
    b"[" * 65,
)
PIECES = st.sampled_from([*_WORDS.split(), *_ODD])


@given(JSON, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2), PIECES), max_size=3))
def test_the_quick_way_reads_what_the_slow_one_does(
    value: Any, spoils: list[tuple[float, int, bytes]]
) -> None:
    body = encode({"a": value, "b": [value]})
    for where, lost, piece in spoils:
        at = round(where * len(body))
        body = body[:at] + piece + body[at + lost :]

    assert _said(decode, body) == _said(_decode_slowly, body)


def _said(read: Callable[[bytes], Any], body: bytes) -> str:
    try:
        return repr(read(body))
    except DecodeError as error:
        return f"refused: {error}"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a" : 1, "a" : 2, "b": "\\u0022:"}',
        b'{"a":[{"b":1,"b":2}],"c":":","d":"\\":"}',
        b"-" + b"9" * MAX_DIGITS,
        b"[" * MAX_DEPTH + b"{}" + b"]" * MAX_DEPTH,
        b"\xff" + b"," * (2 * MAX_NODES),
    ],
)
def test_what_is_odd_is_left_to_the_slow_way(body: bytes) -> None:
    assert _said(decode, body) == _said(_decode_slowly, body)


def _twice() -> Flow[list[bytes]]:
    """Asks for two things; of the second one, a thing that is not there is an empty answer."""
    found = [(yield Request("GET", "/one")).body]
    try:
        found.append((yield Request("GET", "/two")).body)
    except ChannelError as error:
        if error.code is not ErrorCode.NOT_FOUND:
            raise
        found.append(b"")
    return found


def _by_status(response: Response) -> ChannelError | None:
    return ChannelError(ErrorCode.NOT_FOUND) if response.status == 404 else None


@pytest.mark.parametrize(
    ("second", "classify"),
    [(ChannelError(ErrorCode.NOT_FOUND), lambda _: None), (Response(404), _by_status)],
)
def test_a_rehearsal_throws_refusals_into_the_conversation(
    second: Response | ChannelError, classify: Callable[[Response], ChannelError | None]
) -> None:
    found, asked = rehearse(_twice(), [Response(200, body=b"x"), second], classify)

    assert found == [b"x", b""]
    assert [request.path for request in asked] == ["/one", "/two"]


def test_a_refusal_that_a_conversation_lets_through_ends_it() -> None:
    with pytest.raises(ChannelError) as raised:
        rehearse(_twice(), [Response(200), ChannelError(ErrorCode.TIMEOUT)])

    assert raised.value.code is ErrorCode.TIMEOUT


def test_a_request_is_changed_by_making_another() -> None:
    plain = Request("GET", "/x", query=(("a", "1"),))

    signed = plain.with_headers(("X-Key", "k")).with_query(("b", "2"))

    assert (plain.headers, plain.query) == ((), (("a", "1"),))
    assert (signed.headers, signed.query) == ((("X-Key", "k"),), (("a", "1"), ("b", "2")))
