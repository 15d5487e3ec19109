"""Channel conversations as plain generators that never touch the network, and the strict JSON decoder.

An operation at a channel is a `Flow`: it yields a `Request`, is sent the `Response`, returns a value.
`core.net.drive` runs it over HTTP; `rehearse` runs it in a test over canned responses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, TypeVar

import msgspec

from core.errors import ChannelError

T = TypeVar("T")

MAX_DEPTH = 64  # nesting no real payload reaches
MAX_NODES = 100_000  # values in one body; a 5,000-line order stays far below
MAX_DIGITS = 64  # digits of one number


@dataclass(frozen=True, slots=True)
class Request:
    """One call, without secrets: `Connector.authorize` adds them at the last moment.

    *path* is relative to the connection's base URL. *reads* says that the call changes nothing, so it may
    be repeated. *family* names the rate budget it draws from, *cost* how much (calls, or query points).
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    reads: bool = True
    family: str = "api"
    cost: float = 1.0

    def with_headers(self, *headers: tuple[str, str]) -> Request:
        return replace(self, headers=self.headers + headers)

    def with_query(self, *query: tuple[str, str]) -> Request:
        return replace(self, query=self.query + query)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. Header names are lower case."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The decoded body; raises `DecodeError` when it is not the JSON we accept."""
        return decode(self.body)


Flow = Generator[Request, Response, T]


def rehearse(
    flow: Flow[T],
    answers: Iterable[Response | ChannelError],
    classify: Callable[[Response], ChannelError | None] = lambda _: None,
) -> tuple[T, list[Request]]:
    """Run *flow* over canned *answers* as `core.net.drive` would, and return its value and its requests."""
    asked: list[Request] = []
    remaining = iter(answers)
    try:
        request = next(flow)
        while True:
            asked.append(request)
            answer = next(remaining)
            error = answer if isinstance(answer, ChannelError) else classify(answer)
            request = flow.throw(error) if error else flow.send(answer)  # type: ignore[arg-type]
    except StopIteration as stop:
        return stop.value, asked


class DecodeError(ValueError):
    """The bytes are not JSON that Fairway accepts; the message says why, for an operator."""


@dataclass(frozen=True, slots=True)
class Defect:
    """Stands in a decoded body where a value cannot be trusted (two values for one key, NaN, endless digits).

    A mapping that reads it reports *message* at that place; the rest of the body stays usable.
    """

    message: str


# A text that is not closed goes to the end, and no step is ever taken back: the time grows with the body, no faster.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def decode(body: bytes) -> Any:
    """Decode UTF-8 JSON exactly: integers of any size, `Decimal` for fractions, no float anywhere.

    A key given twice with different values, NaN, Infinity and absurd numbers become a `Defect` in place.
    Raises `DecodeError` for other encodings, broken or trailing text, nesting over 64, over 100,000 values.
    """
    if len(body) > MAX_NODES and _separators(body) > MAX_NODES:
        return _decode_slowly(body)  # which counts before anything is made of it
    try:
        value = _QUICK.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_slowly(body)  # which says what is wrong, or reads on in spite of it
    bare = body.translate(_DIGITS_ALIKE, b" \t\r\n")
    # Of a key given twice the last was kept, so that there are fewer than were written.
    if bare.count(b'":') != _keys(value) or _LONG in bare:
        return _decode_slowly(body)
    return value


def _keys(value: Any) -> int:
    """The number of keys in a decoded body, those of all objects together; -1 where it is nested deeper than 64."""
    found, level = 0, [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for item in level:
            if type(item) is dict:
                found += len(item)
                deeper += item.values()
            elif type(item) is list:
                deeper += item
        level = deeper
        if not level:
            return found
    return -1 if any(isinstance(item, dict | list) for item in level) else found


def _decode_slowly(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DecodeError(f"the body is not UTF-8 (byte {error.start})") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH or _separators(body) > MAX_NODES:
        _check_size(_STRING.sub(b"", body))
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise DecodeError(f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise DecodeError(f"the body is nested deeper than {MAX_DEPTH}") from None


def _separators(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{") + body.count(b",")


def _check_size(bare: bytes) -> None:
    """Count what is in a body without its texts, before anything is made of it."""
    brackets = bare.translate(None, _NOT_BRACKETS)
    if brackets.count(b"[") + brackets.count(b"{") + bare.count(b",") > MAX_NODES:
        raise DecodeError(f"the body holds more than {MAX_NODES} values")
    depth = 0
    for byte in brackets:
        if byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise DecodeError(f"the body is nested deeper than {MAX_DEPTH}")
        else:
            depth -= 1


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        first: dict[str, Any] = {}
        for key, value in pairs:
            if key in first and first[key] != value:
                found[key] = Defect(f"the key {key[:40]!r} is given twice with different values")
            first.setdefault(key, value)
    return found


def _integer(text: str) -> int | Defect:
    return int(text) if len(text) <= MAX_DIGITS else Defect(f"a number of {len(text)} digits")


def _fraction(text: str) -> Decimal | Defect:
    value = Decimal(text) if len(text) <= MAX_DIGITS else None
    if value is None or abs(value.adjusted()) > MAX_DIGITS:
        return Defect(f"the number {text[:24]} is out of any sensible range")
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=lambda word: Defect(f"{word} is not a number"),
)


# Reads integers of any size, and keeps the last of two values for one key.
_QUICK = msgspec.json.Decoder(float_hook=_fraction)
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * MAX_DIGITS  # what may be a number of more digits, where it has a sign


def encode(value: Any) -> bytes:
    """Write decoded JSON back, every digit kept; the same value always gives the same bytes.

    A `Defect` is written as NaN, so that decoding finds a defect there again.
    """
    try:
        text = _PLAIN.encode(value)
    except (TypeError, ValueError):  # a number with a fraction, or a defect
        text = "".join(_written(value))
    return text.encode("utf-8", "surrogatepass")


# Writes what is made of text, integers, truth and nothing, in a tenth of the time.
_PLAIN = json.JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"))


def _written(value: Any) -> Generator[str, None, None]:
    if isinstance(value, dict):
        yield "{"
        for index, (key, item) in enumerate(value.items()):
            yield f"{',' if index else ''}{encode_basestring(key)}:"
            yield from _written(item)
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for index, item in enumerate(value):
            if index:
                yield ","
            yield from _written(item)
        yield "]"
    elif isinstance(value, str):
        yield encode_basestring(value)
    elif value is None or isinstance(value, bool):
        yield {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, Decimal):
        yield format(value, "f")
    else:
        yield "NaN" if isinstance(value, Defect) else str(value)
