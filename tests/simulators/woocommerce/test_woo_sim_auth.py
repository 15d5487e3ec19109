"""Who may ask, over http and https."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import quote

import aiohttp
import pytest
from woo_sim_rig import HTTPS, KEY, SECRET, Clock

STRANGER = "woocommerce_rest_cannot_view"
WRONG = "woocommerce_rest_authentication_error"


async def ask(url: str, headers: dict[str, str] | None = None, **query: str) -> tuple[int, str | None]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers=headers, params=query) as answer,
    ):
        body = await answer.json()
        return answer.status, body["code"] if isinstance(body, dict) else None


def basic(key: str, secret: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(key, secret)}


def signed(
    url: str, clock: Clock, *, method: str = "HMAC-SHA256", nonce: str = "n1", age_s: int = 0
) -> dict[str, str]:
    """OAuth 1.0a parameters, written here from RFC 5849."""
    given = {
        "oauth_consumer_key": KEY,
        "oauth_nonce": nonce,
        "oauth_signature_method": method,
        "oauth_timestamp": str(int(clock().timestamp()) - age_s),
        "per_page": "1",
    }
    pairs = "&".join(f"{key}={quote(value, safe='')}" for key, value in sorted(given.items()))
    base = f"GET&{quote(url, safe='')}&{quote(pairs, safe='')}"
    digest = hashlib.sha256 if method == "HMAC-SHA256" else hashlib.sha1
    mac = hmac.new(f"{SECRET}&".encode(), base.encode(), digest)
    return given | {"oauth_signature": b64encode(mac.digest()).decode()}


@pytest.fixture
def orders(address: str) -> str:
    return f"{address}/wp-json/wc/v3/orders"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (HTTPS | basic(KEY, SECRET), (200, None)),
        (HTTPS | basic(KEY, "wrong"), (401, WRONG)),
        (HTTPS | basic("unknown", "wrong"), (401, STRANGER)),
        (HTTPS, (401, STRANGER)),
        (basic(KEY, SECRET), (401, STRANGER)),
        ({}, (401, STRANGER)),
    ],
    ids=["right", "wrong secret", "unknown key", "nothing", "over http", "nothing over http"],
)
async def test_basic_is_looked_at_over_https_only(
    orders: str, headers: dict[str, str], expected: tuple[int, str | None]
) -> None:
    assert await ask(orders, headers) == expected


async def test_keys_in_the_query_work_over_https_only(orders: str) -> None:
    keys = {"consumer_key": KEY, "consumer_secret": SECRET}

    assert await ask(orders, HTTPS, **keys) == (200, None)
    assert await ask(orders, **keys) == (401, STRANGER)


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
async def test_oauth_works_over_http(orders: str, clock: Clock, method: str) -> None:
    assert await ask(orders, **signed(orders, clock, method=method)) == (200, None)


async def test_oauth_over_https_is_signed_for_the_https_address(orders: str, clock: Clock) -> None:
    secure = orders.replace("http://", "https://")

    assert await ask(orders, HTTPS, **signed(secure, clock)) == (200, None)
    assert await ask(orders, HTTPS, **signed(orders, clock, nonce="n2")) == (401, WRONG)


@pytest.mark.parametrize(("age_s", "status"), [(899, 200), (-899, 200), (901, 401), (-901, 401)])
async def test_an_oauth_timestamp_may_be_15_minutes_off(
    orders: str, clock: Clock, age_s: int, status: int
) -> None:
    assert (await ask(orders, **signed(orders, clock, age_s=age_s)))[0] == status


async def test_only_the_last_nonce_of_a_second_is_remembered(orders: str, clock: Clock) -> None:
    first, second = signed(orders, clock, nonce="a"), signed(orders, clock, nonce="b")

    statuses = [(await ask(orders, **query))[0] for query in (first, first, second, first)]

    assert statuses == [200, 401, 200, 200]


async def test_a_missing_oauth_parameter_is_named(orders: str) -> None:
    assert await ask(orders, oauth_consumer_key="x") == (
        401,
        "woocommerce_rest_authentication_missing_parameter",
    )


async def test_plain_permalinks_are_not_authenticated(address: str) -> None:
    url = f"{address}/index.php"

    assert await ask(url, HTTPS | basic(KEY, SECRET), rest_route="/wc/v3/orders") == (401, STRANGER)


async def test_an_unknown_route_is_404_and_the_index_is_open(address: str) -> None:
    assert await ask(f"{address}/wp-json/wc/v3/nothing", HTTPS | basic(KEY, SECRET)) == (404, "rest_no_route")
    async with aiohttp.ClientSession() as session, session.get(f"{address}/wp-json/") as answer:
        body = await answer.json()
    assert "wc/v3" in body["namespaces"]
    assert (body["timezone_string"], body["gmt_offset"]) == ("Europe/Berlin", 1)
