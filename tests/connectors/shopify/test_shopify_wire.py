"""Addresses, tokens and refusals of a Shopify shop."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.shopify import CONNECTOR
from core.connector import Connector, ListsCatalog, Subscribes, WritesStock
from core.errors import ErrorCode, UsageProblem
from core.flow import Request, Response, encode, rehearse

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def refusal(status: int, body: bytes, **headers: str) -> tuple[ErrorCode, float | None]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    error = CONNECTOR.classify(Response(status, names, body))
    assert error is not None
    return error.code, error.retry_after_s


def graphql_error(code: str | None, **more: Any) -> bytes:
    return encode({"errors": [{"message": "no", "extensions": {"code": code}}], **more})


def test_it_is_a_connector_that_lists_writes_and_subscribes() -> None:
    for ability in (Connector, ListsCatalog, WritesStock, Subscribes):
        assert isinstance(CONNECTOR, ability)


def test_a_shop_is_reached_at_its_own_domain() -> None:
    assert CONNECTOR.base_url({"shop": "tea-house.myshopify.com"}) == "https://tea-house.myshopify.com"


def test_a_simulated_shop_is_reached_at_its_address() -> None:
    settings = {"shop": "tea-house.myshopify.com", "base_url": "http://127.0.0.1:8080/"}

    assert CONNECTOR.base_url(settings) == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "shop",
    [
        "",
        "evil.com",
        "a.myshopify.com.evil.com",
        "a.myshopify.com@evil",
        "a.myshopify.com\n",
        "a.myshopify.com\r\nX",
        "\uff41.myshopify.com",
        "a_b.myshopify.com",
        ".myshopify.com",
        "evil.com/.myshopify.com",
        "A.myshopify.com",
        "-a.myshopify.com",
        "a" * 62 + ".myshopify.com",
    ],
)
def test_what_is_no_shop_is_refused(shop: str) -> None:
    with pytest.raises(UsageProblem):
        CONNECTOR.base_url({"shop": shop})


@pytest.mark.parametrize("address", ["ftp://x", "http://a@b", "http://x/path", "http://x?y", "javascript:x"])
def test_what_is_no_server_is_refused(address: str) -> None:
    with pytest.raises(UsageProblem):
        CONNECTOR.base_url({"base_url": address})


def test_the_token_is_added_at_the_last_moment() -> None:
    request = next(CONNECTOR.check_account())

    signed = CONNECTOR.authorize(request, {"access_token": "shpat_1"}, "https://x", NOW, "n")

    assert ("X-Shopify-Access-Token", "shpat_1") in signed.headers
    assert all(name != "X-Shopify-Access-Token" for name, _ in request.headers)
    assert signed.path == "/admin/api/2026-07/graphql.json"


HTML = b"<html>shop</html>"


@pytest.mark.parametrize(
    "body", [b"", HTML, b'{"errors":"[API] no"}', b"[]", b"null", b"\xff", b'{"data":{}}']
)
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (204, ErrorCode.UNEXPECTED),
        (301, ErrorCode.UNEXPECTED),
        (302, ErrorCode.UNEXPECTED),
        (307, ErrorCode.UNEXPECTED),
        (400, ErrorCode.REJECTED),
        (401, ErrorCode.UNAUTHORIZED),
        (402, ErrorCode.FORBIDDEN),
        (403, ErrorCode.FORBIDDEN),
        (404, ErrorCode.NOT_FOUND),
        (423, ErrorCode.FORBIDDEN),
        (429, ErrorCode.RATE_LIMITED),
        (500, ErrorCode.UNAVAILABLE),
        (502, ErrorCode.UNAVAILABLE),
        (503, ErrorCode.UNAVAILABLE),
        (599, ErrorCode.UNAVAILABLE),
    ],
)
def test_the_status_decides_whatever_the_body_is(status: int, body: bytes, code: ErrorCode) -> None:
    assert refusal(status, body)[0] is code


@pytest.mark.parametrize(
    "body", [b"", HTML, b"[]", b"null", b"1", b"{}", b'{"data":null}', b'{"data":[]}', b"{x"]
)
def test_an_answer_without_data_is_unexpected(body: bytes) -> None:
    assert refusal(200, body)[0] is ErrorCode.UNEXPECTED


def test_data_without_errors_is_fine() -> None:
    assert CONNECTOR.classify(Response(200, body=b'{"data":{"shop":null}}')) is None
    assert CONNECTOR.classify(Response(200, body=b'{"data":{"shop":null},"errors":[]}')) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (graphql_error("ACCESS_DENIED"), ErrorCode.FORBIDDEN),
        (graphql_error("SHOP_INACTIVE"), ErrorCode.FORBIDDEN),
        (graphql_error("INTERNAL_SERVER_ERROR"), ErrorCode.UNAVAILABLE),
        (graphql_error("MAX_COST_EXCEEDED"), ErrorCode.REJECTED),
        (graphql_error(None), ErrorCode.REJECTED),
        (graphql_error("ACCESS_DENIED", data={"order": None}), ErrorCode.FORBIDDEN),
        (b'{"errors":"Not Found"}', ErrorCode.UNEXPECTED),
        (b'{"errors":[1]}', ErrorCode.UNEXPECTED),
        (b'{"errors":{"a":"b"}}', ErrorCode.UNEXPECTED),
        (b'{"errors":[{}]}', ErrorCode.UNEXPECTED),
    ],
)
def test_errors_inside_an_answer_are_sorted_by_their_code(body: bytes, code: ErrorCode) -> None:
    assert refusal(200, body)[0] is code


@pytest.mark.parametrize(
    ("requested", "available", "rate", "pause"),
    [(400, 100, 50, 6.0), (400, 390, 50, 1.0), (1000, 0, 1, 900.0), (10, 500, 50, 1.0), (10, 0, 0, 1.0)],
)
def test_a_throttled_query_waits_until_the_bucket_holds_its_cost(
    requested: int, available: int, rate: int, pause: float
) -> None:
    bucket = {"maximumAvailable": 2000, "currentlyAvailable": available, "restoreRate": rate}
    cost = {"requestedQueryCost": requested, "actualQueryCost": None, "throttleStatus": bucket}

    assert refusal(200, graphql_error("THROTTLED", extensions={"cost": cost})) == (
        ErrorCode.RATE_LIMITED,
        pause,
    )


def test_a_throttled_query_that_is_told_nothing_waits_a_second() -> None:
    assert refusal(200, graphql_error("THROTTLED")) == (ErrorCode.RATE_LIMITED, 1.0)


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("2.0", 2.0),
        ("7", 7.0),
        ("0", 1.0),
        ("-5", 1.0),
        ("99999999", 900.0),
        ("NaN", 1.0),
        ("", 1.0),
        ("soon", 1.0),
    ],
)
def test_retry_after_is_believed_within_reason(asked: str, pause: float) -> None:
    assert refusal(429, b"", retry_after=asked) == (ErrorCode.RATE_LIMITED, pause)


def test_a_date_to_retry_after_counts_from_the_answers_own_date() -> None:
    sent, until = "Tue, 24 Nov 2026 10:00:00 GMT", "Tue, 24 Nov 2026 10:00:30 GMT"

    assert refusal(429, b"", retry_after=until, date=sent) == (ErrorCode.RATE_LIMITED, 30.0)
    assert refusal(429, b"", retry_after=sent, date=until) == (ErrorCode.RATE_LIMITED, 1.0)
    assert refusal(429, b"", retry_after=until) == (ErrorCode.RATE_LIMITED, 1.0)


def test_an_account_is_the_shops_permanent_domain() -> None:
    shop = {
        "id": "gid://shopify/Shop/1",
        "name": "Tea",
        "myshopifyDomain": "tea.myshopify.com",
        "currencyCode": "EUR",
    }

    account, asked = rehearse(
        CONNECTOR.check_account(), [Response(200, body=encode({"data": {"shop": shop}}))], CONNECTOR.classify
    )

    assert (account.account, account.name, account.currency) == ("tea.myshopify.com", "Tea", "EUR")
    assert isinstance(asked[0], Request)
