"""Credentials and refusals of a WooCommerce shop."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest

from connectors.woocommerce import CONNECTOR
from core.connector import Challenges, Connector, ListsCatalog, Subscribes, WritesStock
from core.errors import ChannelError, ErrorCode, UsageProblem
from core.flow import Request, Response, encode, rehearse

KEYS = {"consumer_key": "ck_1", "consumer_secret": "cs_1"}
NOW = datetime(2013, 10, 30, 19, 45, 46, tzinfo=UTC)


def test_the_connector_has_the_abilities_it_declares() -> None:
    for ability in (Connector, Challenges, ListsCatalog, WritesStock, Subscribes):
        assert isinstance(CONNECTOR, ability)


def test_over_https_the_keys_go_as_basic_credentials() -> None:
    signed = CONNECTOR.authorize(Request("GET", "/x"), KEYS, "https://shop.example", NOW, "n")

    assert signed.headers == (("Authorization", "Basic " + b64encode(b"ck_1:cs_1").decode()),)
    assert signed.query == ()


def test_over_http_the_call_is_signed_and_the_secret_stays_here() -> None:
    request = Request("GET", "/wp-json/wc/v3/orders", query=(("search", "a b~ü&="), ("page", "2")))

    signed = CONNECTOR.authorize(request, KEYS, "http://shop.example", NOW, "n0nce")

    query = dict(signed.query)
    assert query["oauth_timestamp"] == "1383162346"
    assert query["oauth_signature_method"] == "HMAC-SHA256"
    assert query["search"] == "a b~ü&="
    assert "cs_1" not in repr(signed)
    assert signed == CONNECTOR.authorize(request, KEYS, "http://shop.example", NOW, "n0nce")
    assert signed != CONNECTOR.authorize(request, KEYS, "http://shop.example", NOW, "other")


@pytest.mark.parametrize(
    "written", ["https://shop.example/", " https://shop.example", "https://shop.example/wp-json"]
)
def test_the_base_url_is_the_home_of_the_shop(written: str) -> None:
    assert CONNECTOR.base_url({"base_url": written}) == "https://shop.example"


@pytest.mark.parametrize(
    "written", ["", "shop.example", "ftp://shop.example", "https://u:p@shop.example", "http://"]
)
def test_another_base_url_is_a_usage_problem(written: str) -> None:
    with pytest.raises(UsageProblem):
        CONNECTOR.base_url({"base_url": written})


ERROR = b'{"code":"woocommerce_rest_x","message":"Coupon &quot;nope&quot;\\n is bad","data":{"status":400}}'
BODIES = {"empty": b"", "json": ERROR, "html": b"<html><h1>Oops</h1>", "not utf-8": b"\xff\xfe{"}
CODES = {
    301: ErrorCode.UNEXPECTED, 302: ErrorCode.UNEXPECTED, 307: ErrorCode.UNEXPECTED, 400: ErrorCode.REJECTED,
    401: ErrorCode.UNAUTHORIZED, 404: ErrorCode.NOT_FOUND, 409: ErrorCode.REJECTED, 410: ErrorCode.REJECTED,
    413: ErrorCode.REJECTED, 429: ErrorCode.RATE_LIMITED, 500: ErrorCode.UNAVAILABLE,
    502: ErrorCode.UNAVAILABLE, 503: ErrorCode.UNAVAILABLE,
}  # fmt: skip


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize(("status", "code"), CODES.items())
def test_every_refusal_has_one_word(status: int, code: ErrorCode, body: bytes) -> None:
    error = CONNECTOR.classify(Response(status, {"content-type": "text/html"}, body))

    assert error is not None
    assert error.code is code
    assert len(error.message) <= 200
    assert "\n" not in error.message


def test_403_is_a_missing_right_when_the_shop_says_it_and_a_firewall_otherwise() -> None:
    words = {name: CONNECTOR.classify(Response(403, {}, body)) for name, body in BODIES.items()}

    assert {name: error.code for name, error in words.items() if error} == {
        "empty": ErrorCode.UNAVAILABLE,
        "json": ErrorCode.FORBIDDEN,
        "html": ErrorCode.UNAVAILABLE,
        "not utf-8": ErrorCode.UNAVAILABLE,
    }


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("Consumer secret is invalid.", ErrorCode.UNAUTHORIZED),
        ("The API key provided does not have write permissions.", ErrorCode.FORBIDDEN),
        ("Invalid nonce - nonce has already been used.", ErrorCode.UNAVAILABLE),
        ("Invalid timestamp.", ErrorCode.UNAVAILABLE),
    ],
)
def test_401_is_told_apart_by_its_text(message: str, code: ErrorCode) -> None:
    body = encode(
        {"code": "woocommerce_rest_authentication_error", "message": message, "data": {"status": 401}}
    )

    error = CONNECTOR.classify(Response(401, {}, body))

    assert error is not None
    assert error.code is code


def test_the_shops_words_are_readable() -> None:
    error = CONNECTOR.classify(Response(400, {}, ERROR))

    assert error is not None
    assert error.message == 'Coupon "nope" is bad (woocommerce_rest_x)'


@pytest.mark.parametrize("body", [b"", b"<html>", b"{broken", b"null", b'"x"', b"\xff"])
def test_200_without_the_apis_json_is_unexpected(body: bytes) -> None:
    error = CONNECTOR.classify(Response(200, {}, body))

    assert error is not None
    assert error.code is ErrorCode.UNEXPECTED


def test_json_with_200_is_no_refusal() -> None:
    assert CONNECTOR.classify(Response(200, {}, b"[]")) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "-5"}, 1),
        ({"retry-after": "99999999"}, 900),
        ({"retry-after": "NaN"}, 60),
        ({}, 60),
        ({"retry-after": "Tue, 24 Nov 2026 10:00:30 GMT", "date": "Tue, 24 Nov 2026 10:00:00 GMT"}, 30),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30 GMT", "date": "Tue, 24 Nov 2026 10:00:00 GMT"}, 1),
        ({"retry-after": "Tue, 24 Nov 2026 10:00:30 GMT"}, 60),
    ],
)
def test_a_pause_is_as_long_as_asked_for_within_reason(headers: dict[str, str], seconds: float) -> None:
    error = CONNECTOR.classify(Response(429, headers, b""))

    assert error is not None
    assert error.retry_after_s == seconds


def test_the_account_is_the_shops_home_with_its_currency() -> None:
    link = "https://shop.example/de/wp-json/wc/v3/data/currencies/EUR"
    answer = {"code": "EUR", "name": "Euro", "_links": {"self": [{"href": link}]}}

    account, asked = rehearse(
        CONNECTOR.check_account(), [Response(200, body=encode(answer))], CONNECTOR.classify
    )

    assert (account.account, account.name, account.currency) == (
        "https://shop.example/de",
        "shop.example",
        "EUR",
    )
    assert [request.path for request in asked] == ["/wp-json/wc/v3/data/currencies/current"]


def test_a_wrong_key_is_told_when_the_account_is_checked() -> None:
    body = b'{"code":"woocommerce_rest_cannot_view","message":"Sorry.","data":{"status":401}}'

    with pytest.raises(ChannelError) as refused:
        rehearse(CONNECTOR.check_account(), [Response(401, body=body)], CONNECTOR.classify)

    assert refused.value.code is ErrorCode.UNAUTHORIZED
