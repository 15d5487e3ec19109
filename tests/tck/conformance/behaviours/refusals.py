"""What an answer means: every status with every kind of body becomes a known word, and never success by mistake."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from conformance.behaviour import bronze
from conformance.kit import Kit
from core.errors import ChannelError, ErrorCode
from core.flow import Response

STATUSES = (
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413,
    418, 422, 423, 429, 451, 500, 501, 502, 503, 504, 520, 521, 599,
)  # fmt: skip
PAGE = b"<!DOCTYPE html><html><title>Maintenance</title></html>"
NO_ANSWER = {  # bodies that no API means anything by
    "empty": b"",
    "null": b"null",
    "page": PAGE,
    "cut off": b'{"data": {"sh',
    "binary": bytes(range(256)),
    "huge": b"x" * 2_000_000,
    "number": b"0",
    "text": b'"ok"',
    "deep": b"[" * 10_000,
}
BODIES = {**NO_ANSWER, "object": b"{}", "list": b"[]", "errors": b'{"errors": [{}]}', "code": b'{"code": 1}'}
UNKNOWN = {ErrorCode.UNAVAILABLE, ErrorCode.TIMEOUT, ErrorCode.UNEXPECTED}


def answers() -> Iterator[tuple[str, Response]]:
    for status, (name, body) in itertools.product(STATUSES, BODIES.items()):
        kind = "application/json" if body[:1] in b"{[" else "text/html"
        yield f"{status} {name}", Response(status, {"content-type": kind}, body)


def code(kit: Kit, status: int, body: bytes, **headers: str) -> ErrorCode | None:
    error = kit.connector.classify(Response(status, headers, body))
    return error.code if error else None


@bronze(
    "refusal-known-word",
    "Every status with every kind of body is sorted into success or a known word, and raises nothing.",
)
def known_word(kit: Kit) -> None:
    for name, answer in answers():
        error = kit.connector.classify(answer)
        assert error is None or (isinstance(error, ChannelError) and error.code in ErrorCode), name
        assert error is None or error.message, f"{name}: refused without a word"


@bronze(
    "refusal-no-false-success",
    "A page, a cut-off or an empty answer is never a success, whatever its status.",
)
def no_false_success(kit: Kit) -> None:
    assert code(kit, 200, kit.answer) is None
    for status, (name, body) in itertools.product((200, 201, 202, 206), NO_ANSWER.items()):
        assert code(kit, status, body) is not None, f"{status} {name}"


@bronze(
    "refusal-unknown-outcome",
    "A server error leaves open what happened: it is never a refusal that lets us forget.",
)
def unknown_outcome(kit: Kit) -> None:
    for status, (name, body) in itertools.product((500, 501, 502, 503, 504, 520, 521, 599), BODIES.items()):
        assert code(kit, status, body) in UNKNOWN, f"{status} {name}"
    for name, body in NO_ANSWER.items():
        assert code(kit, 200, body) in UNKNOWN, f"200 {name}"


@bronze("refusal-credentials", "A refused credential and a missing right are told apart.")
def credentials(kit: Kit) -> None:
    for body in (b"", b"{}", PAGE):
        assert code(kit, 401, body) is ErrorCode.UNAUTHORIZED
        assert code(kit, 403, body) in (ErrorCode.FORBIDDEN, ErrorCode.UNAVAILABLE)


@bronze("refusal-redirects", "A redirect is neither followed nor a success.")
def redirects(kit: Kit) -> None:
    for status, body in itertools.product((300, 301, 302, 303, 304, 307, 308), BODIES.values()):
        assert code(kit, status, body, location="https://evil.example/") in UNKNOWN


@bronze("refusal-not-found", "What is not there is told apart from what is refused.")
def not_found(kit: Kit) -> None:
    for body in (b"", b"{}", PAGE):
        assert code(kit, 404, body) is ErrorCode.NOT_FOUND
        for status in (400, 405, 409, 422):
            assert code(kit, status, body) in (ErrorCode.REJECTED, ErrorCode.UNEXPECTED)


PAUSES = (
    None, "0", "-5", "1", "30", "900", "99999999", "1e400", "NaN", "inf", "", " ", "soon", "1.5", "\u0661",
    "Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", "Mon, 99 Foo 9999 99:99:99 GMT", "9" * 400,
)  # fmt: skip


@bronze(
    "pause-clamped",
    "Asked to slow down, in whatever words or none, the pause is between a second and 15 minutes.",
)
def pause_clamped(kit: Kit) -> None:
    for asked, body in itertools.product(PAUSES, (b"", b"{}", PAGE)):
        headers = {} if asked is None else {"retry-after": asked}
        for date in ({}, {"date": "Wed, 21 Oct 2026 07:27:00 GMT"}, {"date": "?"}):
            error = kit.connector.classify(Response(429, headers | date, body))
            assert error is not None
            assert error.code is ErrorCode.RATE_LIMITED, asked
            assert error.retry_after_s is not None, asked
            assert 1 <= error.retry_after_s <= 900, (asked, error.retry_after_s)


@bronze("pause-kept", "A pause that the channel asks for in seconds is kept to.")
def pause_kept(kit: Kit) -> None:
    for seconds in (1, 7, 120, 900):
        error = kit.connector.classify(Response(429, {"retry-after": str(seconds)}, b"{}"))
        assert error is not None
        assert error.retry_after_s == seconds
