"""Bodies that are broken, hostile or strange: an authentic one is never a crash, and a broken one never an order."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any, get_args

from conformance.behaviour import bronze, bronze_channel
from conformance.behaviours.orders import held, reads, reserves
from conformance.kit import ChannelKit, Kit
from core.connector import OrderRead, Reading, TrackingRead, Unreadable
from core.flow import decode, encode

PARKED_S = 0.5  # of processor time to find out that a hostile body is one


def parked(kit: Kit, body: bytes) -> None:
    found = kit.read(body)
    assert isinstance(found, Unreadable), f"{body[:60]!r} was read as {found}"
    assert found.reasons
    assert all(reason.code and reason.message for reason in found.reasons)


@bronze("body-truncated", "A body cut off anywhere is parked.")
def truncated(kit: Kit) -> None:
    body = kit.sample()
    for end in range(len(body)):
        parked(kit, body[:end])


@bronze("body-not-json", "A body that is no JSON object is parked: a page, a form, an image, two documents.")
def not_json(kit: Kit) -> None:
    for body in (
        b"", b"null", b"0", b'"x"', b"{}{}", b"{} x", b"<html><body>Down</body></html>",
        b"id=1&quantity=2", b"\x89PNG\r\n\x1a\n\x00", b'--x\r\nname="id"\r\n\r\n1\r\n--x--', b"{'id': 1}",
        kit.sample().decode().encode("utf-16"),
    ):  # fmt: skip
        parked(kit, body)
    for body in (b"[]", b"{}", b"[{}]"):
        assert not isinstance(kit.read(body), OrderRead | TrackingRead)


@bronze("body-deep", "A body nested a hundred thousand deep is parked at once.")
def deep(kit: Kit) -> None:
    begun = time.thread_time()
    parked(kit, b"[" * 100_000)
    parked(kit, b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    parked(kit, b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert time.thread_time() - begun < PARKED_S


@bronze("body-many-values", "A body of a million values is parked at once.")
def many_values(kit: Kit) -> None:
    begun = time.thread_time()
    parked(kit, b"[" + b"[]," * 1_000_000 + b"[]]")
    assert time.thread_time() - begun < PARKED_S


@bronze_channel(
    "body-duplicate-keys", "A key given twice with two values is parked where stock depends on it, else held."
)
def duplicate_keys(kit: ChannelKit) -> None:
    parked(kit, kit.with_raw("id", '501,"id":502'))
    parked(kit, kit.with_raw("quantity", '1,"quantity":9'))
    name = kit.places["total"]
    order = reads(kit, kit.with_raw("total", f'"20.00","{name}":"2.00"'))
    assert order.total is None
    held(order, kit, "total")
    reserves(order)


@bronze_channel("body-nan", "NaN and Infinity are no numbers: parked where stock depends on them, else held.")
def not_a_number(kit: ChannelKit) -> None:
    for raw in ("NaN", "Infinity", "-Infinity"):
        parked(kit, kit.with_raw("id", raw))
        parked(kit, kit.with_raw("quantity", raw))
        order = reads(kit, kit.with_raw("total", raw))
        assert order.total is None
        held(order, kit, "total")


@bronze_channel(
    "body-unstorable-text",
    "NUL and lone surrogates do not reach what is stored; the order says that text was repaired.",
)
def unstorable_text(kit: ChannelKit) -> None:
    for raw in (r'"Mu\u0000g"', r'"Mug \ud800"', r'"\udc00\ud800Mug"'):
        order = reads(kit, kit.with_raw("title", raw))
        text = order.model_dump_json()
        assert "\\u0000" not in text
        assert "\x00" not in text
        text.encode("utf-8")
        assert "Mug" in order.lines[0].title.replace("\ufffd", "")
        assert "text_repaired" in order.flags
        reserves(order)


@bronze_channel("body-markup", "Markup and formulas in a name stay text, unlost.")
def markup(kit: ChannelKit) -> None:
    for raw in (
        "<script>alert(1)</script>",
        "=HYPERLINK(1)",
        "{{7*7}}",
        "'; DROP TABLE orders; --",
        "🦀 \u202e mug",
    ):
        order = reads(kit, kit.with_raw("title", encode(raw).decode()))
        assert order.lines[0].title == raw
        assert order.holds == ()


@bronze(
    "body-any-damage",
    "Whatever single value of a body is replaced by whatever else, it is read or parked, never a crash.",
)
def any_damage(kit: Kit) -> None:
    payload = decode(kit.sample())
    replacements = (None, True, 0, -1, 2**70, "", "x" * 300, [], {}, [None], [[]], {"a": None})
    for path in _places(payload):
        for replacement in replacements:
            damaged = copy.deepcopy(payload)
            where: Any = damaged
            for step in path[:-1]:
                where = where[step]
            where[path[-1]] = replacement
            found = kit.read(encode(damaged))
            assert isinstance(found, get_args(Reading)), (path, replacement, found)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in steps:
        yield (*path, step)
        yield from _places(item, (*path, step))
