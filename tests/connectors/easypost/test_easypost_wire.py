"""The key and the refusals of EasyPost."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.easypost import CONNECTOR
from core.connector import (
    Connector,
    ListsCatalog,
    NoticesFields,
    PullsOrders,
    Subscribes,
    TracksParcels,
    WritesStock,
)
from core.errors import ChannelError, ErrorCode, UsageProblem
from core.flow import Request, Response, encode, rehearse

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_the_connector_is_a_carrier() -> None:
    for ability in (Connector, TracksParcels, Subscribes, NoticesFields):
        assert isinstance(CONNECTOR, ability)
    for ability in (PullsOrders, ListsCatalog, WritesStock):
        assert not isinstance(CONNECTOR, ability)
    assert (CONNECTOR.manifest.kind, CONNECTOR.manifest.capabilities) == ("carrier", ("tracking",))
    assert CONNECTOR.manifest.webhook_topics == ("callback",)
    assert CONNECTOR.manifest.deadline_ms == 7000


def test_the_key_is_the_user_of_basic_credentials_without_a_password() -> None:
    signed = CONNECTOR.authorize(Request("GET", "/v2/users"), {"api_key": "EZTK1"}, "https://x", NOW, "n")

    assert signed.headers == (("Authorization", "Basic " + b64encode(b"EZTK1:").decode()),)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("", "https://api.easypost.com"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        (" https://x ", "https://x"),
    ],
)
def test_the_address_is_easyposts_own_unless_another_is_given(written: str, address: str) -> None:
    assert CONNECTOR.base_url({"base_url": written}) == address
    assert CONNECTOR.base_url({}) == "https://api.easypost.com"


@pytest.mark.parametrize("written", ["x", "ftp://x", "http://u:p@x", "http://x/path", "http://x?y"])
def test_another_address_is_a_usage_problem(written: str) -> None:
    with pytest.raises(UsageProblem):
        CONNECTOR.base_url({"base_url": written})


ERROR = encode(
    {
        "error": {
            "code": "PARAMETER.REQUIRED",
            "message": "Missing required\n parameter.",
            "errors": [
                {"field": "tracker", "message": "cannot be blank", "suggestion": None},
                "and so on",
                3,
            ],
        }
    }
)
BODIES = {"empty": b"", "json": ERROR, "text": b'{"error": "no"}', "html": b"<html>", "not utf-8": b"\xff{"}
CODES = {
    301: ErrorCode.UNEXPECTED, 302: ErrorCode.UNEXPECTED, 400: ErrorCode.REJECTED, 401: ErrorCode.UNAUTHORIZED,
    402: ErrorCode.REJECTED, 403: ErrorCode.FORBIDDEN, 404: ErrorCode.NOT_FOUND, 408: ErrorCode.UNAVAILABLE,
    409: ErrorCode.REJECTED, 422: ErrorCode.REJECTED, 429: ErrorCode.RATE_LIMITED, 500: ErrorCode.UNAVAILABLE,
    502: ErrorCode.UNAVAILABLE, 503: ErrorCode.UNAVAILABLE, 504: ErrorCode.UNAVAILABLE,
}  # fmt: skip


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize(("status", "code"), CODES.items())
def test_every_refusal_has_one_word(status: int, code: ErrorCode, body: bytes) -> None:
    error = CONNECTOR.classify(Response(status, {"content-type": "text/html"}, body))

    assert error is not None
    assert error.code is code
    assert 0 < len(error.message) <= 200
    assert "\n" not in error.message


def test_easyposts_words_are_told() -> None:
    error = CONNECTOR.classify(Response(422, {}, ERROR))

    assert error is not None
    assert (
        error.message
        == "Missing required parameter.; tracker cannot be blank; and so on (PARAMETER.REQUIRED)"
    )


def test_a_long_message_is_cut_to_a_line_and_keeps_its_code() -> None:
    body = encode({"error": {"code": "A.B", "message": "x" * 999, "errors": ["y" * 999] * 9}})

    error = CONNECTOR.classify(Response(400, {}, body))

    assert error is not None
    assert len(error.message) <= 200
    assert error.message.endswith("(A.B)")


@pytest.mark.parametrize("body", [b"", b"<html>", b"{broken", b"null", b'"x"', b"\xff"])
def test_success_without_json_is_unexpected(body: bytes) -> None:
    error = CONNECTOR.classify(Response(200, {}, body))

    assert error is not None
    assert error.code is ErrorCode.UNEXPECTED
    assert CONNECTOR.classify(Response(201, {}, b"{}")) is None


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.2"}, 1.0),
        ({"retry-after": "-5"}, 1.0),
        ({"retry-after": "99999"}, 900.0),
        ({"retry-after": "Tue, 24 Nov 2026 10:00:30 GMT", "date": "Tue, 24 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Tue, 24 Nov 2026 10:00:30 GMT"}, 1.0),
        ({"retry-after": "soon"}, 1.0),
        ({}, 1.0),
    ],
)
def test_how_long_to_wait_is_told_within_bounds(asked: dict[str, str], pause: float) -> None:
    error = CONNECTOR.classify(Response(429, asked, ERROR))

    assert error is not None
    assert error.retry_after_s == pause


def test_only_who_is_asked_to_wait_waits() -> None:
    pauses = [CONNECTOR.classify(Response(status, {"retry-after": "9"}, ERROR)) for status in (422, 500, 503)]

    assert [error.retry_after_s for error in pauses if error] == [None, None, 9.0]


def check(answer: Any) -> tuple[Any, list[Request]]:
    return rehearse(CONNECTOR.check_account(), [Response(200, {}, encode(answer))], CONNECTOR.classify)


def test_the_account_is_the_users_own() -> None:
    child = {"id": "user_2", "object": "User", "name": "Child"}

    account, (asked,) = check({"id": "user_1", "object": "User", "name": " Shop ", "children": [child]})

    assert (account.account, account.name) == ("user_1", "Shop")
    assert (asked.method, asked.path, asked.reads) == ("GET", "/v2/users", True)
    assert check({"id": "user_1", "name": None})[0].name == "user_1"


@pytest.mark.parametrize("answer", [[], {}, {"id": None}, {"id": 7}, {"id": " "}])
def test_an_answer_without_a_user_is_unexpected(answer: Any) -> None:
    with pytest.raises(ChannelError) as raised:
        check(answer)

    assert raised.value.code is ErrorCode.UNEXPECTED
