"""What a request claims outside its signed body is believed by nobody: where it came from, whose it is, what it is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import aiohttp
import pytest
from edge_rig import SIGNATURE, Clock, Edge, Tenants, run_edge, sign

from core.connector import Connector

CLAIMS = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;host=localhost;proto=https",
    "X-Forwarded-Host": "localhost",
    "X-Forwarded-Proto": "https",
    "X-Original-URL": "/healthz",
    "X-Rewrite-URL": "/healthz",
    "X-HTTP-Method-Override": "GET",
    "X-Method-Override": "DELETE",
    "X-HTTP-Method": "PUT",
}


async def test_24_headers_that_claim_another_sender_address_or_method_change_nothing(edge: Edge) -> None:
    for name, value in CLAIMS.items():
        body = json.dumps({"id": name}).encode()
        claimed = {name: value}

        assert (await edge.post(body, headers=claimed)).status == 200, name
        assert (await edge.post(body, headers=claimed, signature="")).status == 401, name
        assert (await edge.post(body, headers=claimed, token="x" * 40)).status == 404, name
        assert (await edge.post(body, headers=claimed, method="PUT")).status == 405, name

    stored = await edge.tenants.stored(edge.hook)
    assert [row["topic"] for row in stored] == ["orders/create"] * len(CLAIMS)
    kept = {name for row in stored for name in row["headers"]}
    assert kept.isdisjoint(name.lower() for name in CLAIMS)


async def test_24_a_method_or_topic_in_the_query_is_no_method_and_no_topic(edge: Edge) -> None:
    signed = {SIGNATURE: sign(edge.hook.secret, b"{}")}

    reply = await edge.send("POST", f"{edge.path()}?_method=DELETE&topic=shop/redact", b"{}", signed)

    assert reply.status == 200
    assert [row["topic"] for row in await edge.tenants.stored(edge.hook)] == ["orders/create"]


def at(year: int) -> datetime:
    return datetime(year, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("now", [at(1970), at(2038), at(2100)])
async def test_130_with_a_clock_that_is_decades_off_deliveries_are_taken_all_the_same(
    now: datetime, edge: Edge
) -> None:
    edge.clock.now = now

    taken, forged = await edge.post(), await edge.post(signature="AAAA")

    assert (taken.status, forged.status) == (200, 401)
    assert [row["received_at"] for row in await edge.tenants.stored(edge.hook)] == [now]


@pytest.fixture
async def shop(
    tenants: Tenants, role_url: Callable[[str], str], clock: Clock, registry: dict[str, Connector]
) -> AsyncIterator[Edge]:
    """An edge whose hook is a Shopify shop's."""
    [field] = registry["shopify"].manifest.webhook_secrets
    hook = await tenants.link("shopify", field=field)
    async with (
        aiohttp.ClientSession() as session,
        run_edge(tenants, role_url("fairway_web"), clock, hook, session=session, registry=registry) as edge,
    ):
        yield edge


async def deliver(shop: Edge, topic: str, body: bytes, **headers: str) -> int:
    """Post *body* as Shopify signs it; the status of the answer."""
    signature = base64.b64encode(hmac.new(shop.hook.secret.encode(), body, hashlib.sha256).digest()).decode()
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return (await shop.post(body, topic=topic, headers={"X-Shopify-Hmac-Sha256": signature, **told})).status


async def test_37_a_signed_body_of_another_shop_is_stored_for_the_shop_of_the_address(shop: Edge) -> None:
    body = b'{"id":1,"line_items":[],"order_status_url":"https://b.example/8/orders/x/authenticate"}'

    assert await deliver(shop, "orders/create", body, X_Shopify_Shop_Domain="b.myshopify.com") == 200
    assert [row["connection_id"] for row in await shop.tenants.stored(shop.hook)] == [shop.hook.connection_id]


@pytest.mark.parametrize("topic", ["shop/redact", "app/uninstalled", "customers/redact", "orders/delete"])
async def test_38_an_order_posted_to_a_destructive_topic_is_stored_as_that_topic(
    topic: str, shop: Edge
) -> None:
    assert await deliver(shop, topic, b'{"id":1,"line_items":[]}', X_Shopify_Topic="orders/updated") == 200
    assert [row["topic"] for row in await shop.tenants.stored(shop.hook)] == [topic]


async def test_39_another_shop_or_topic_in_the_headers_is_no_other_delivery(shop: Edge) -> None:
    for domain in ("a.myshopify.com", "b.myshopify.com", "evil.example"):
        told = {
            "X_Shopify_Shop_Domain": domain,
            "X_Shopify_Topic": "shop/redact",
            "X_Shopify_Webhook_Id": domain,
        }
        assert await deliver(shop, "orders/updated", b'{"id":1,"line_items":[]}', **told) == 200

    [row] = await shop.tenants.stored(shop.hook)
    assert (row["topic"], row["merchant_id"]) == ("orders/updated", shop.hook.merchant_id)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"id=1&quantity=2"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\n1\r\n--x--\r\n',
        ),
        (
            "text/xml",
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        ),
        ("application/json", b""),
        ("image/png", b"\x89PNG\r\n\x1a\n\x00"),
    ],
)
async def test_50_75_76_an_authentic_body_of_any_kind_is_stored(kind: str, body: bytes, shop: Edge) -> None:
    assert await deliver(shop, "orders/create", body, Content_Type=kind) == 200

    [row] = await shop.tenants.stored(shop.hook)
    assert row["headers"]["content-type"] == kind


@pytest.mark.parametrize("topic", ["customers/redact", "customers/data_request", "shop/redact"])
async def test_90_91_a_privacy_request_gets_200_and_a_forged_one_401(topic: str, shop: Edge) -> None:
    body = b'{"shop_id":7,"shop_domain":"a.myshopify.com","customer":{"id":1},"orders_to_redact":[1]}'

    assert await deliver(shop, topic, body) == 200
    assert (await shop.post(body + b" ", topic=topic)).status == 401
    assert [row["topic"] for row in await shop.tenants.stored(shop.hook)] == [topic]
