"""Deliveries of a WooCommerce shop: authentic or not, what they say, how they are ordered."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.woocommerce import CONNECTOR
from core.connector import Answer, Change, Delivery, Notice, OrderRead, Refused, Unreadable
from core.flow import Response, decode, encode, rehearse

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SECRET = "s3cret"


def signed(body: bytes, secret: str = SECRET) -> Delivery:
    signature = b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return Delivery("order.updated", {"x-wc-webhook-signature": signature}, body)


def test_a_delivery_signed_with_any_of_our_secrets_is_authentic() -> None:
    assert CONNECTOR.verify(signed(b"{}"), ["other", SECRET], NOW) is None


def test_a_known_signature_verifies() -> None:
    # RFC 4231, test case 2.
    digest = bytes.fromhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    headers = {"x-wc-webhook-signature": b64encode(digest).decode()}

    assert CONNECTOR.verify(Delivery("x", headers, b"what do ya want for nothing?"), ["Jefe"], NOW) is None


@pytest.mark.parametrize("secret", ["a&amp;b", "say &quot;hi&quot;", "&#039;", "&lt;&gt;", "ü&amp;amp;"])
def test_a_secret_with_entities_is_used_as_the_shop_uses_it(secret: str) -> None:
    import html

    used = html.unescape(secret) if "amp;amp" not in secret else "ü&amp;"

    assert CONNECTOR.verify(signed(b"{}", used), [secret], NOW) is None
    assert CONNECTOR.verify(signed(b"{}", secret), [secret], NOW) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: "", lambda s: s + "\n" + s, lambda s: s[:-1], lambda s: s + "=", lambda s: " " + s,
        lambda s: "é" + s[1:], lambda s: s[:-2] + "x=", lambda s: "AAAA", lambda s: s.swapcase(),
        lambda s: "\ud800",
    ],
)  # fmt: skip
def test_a_spoiled_signature_is_refused(spoil: Any) -> None:
    delivery = signed(b'{"id":1}')
    headers = {"x-wc-webhook-signature": spoil(delivery.headers["x-wc-webhook-signature"])}

    assert isinstance(
        CONNECTOR.verify(Delivery("order.updated", headers, delivery.body), [SECRET], NOW), Refused
    )


def test_a_missing_signature_no_secret_and_an_empty_secret_are_refused() -> None:
    assert isinstance(CONNECTOR.verify(Delivery("order.updated", {}, b"{}"), [SECRET], NOW), Refused)
    assert isinstance(CONNECTOR.verify(signed(b"{}"), [], NOW), Refused)
    assert isinstance(CONNECTOR.verify(signed(b"{}", ""), [""], NOW), Refused)


def test_the_creation_ping_is_answered_and_nothing_else_is() -> None:
    assert CONNECTOR.challenge(Delivery("order.created", {}, b"webhook_id=12")) == Answer(200)
    for body in (b"webhook_id=", b"webhook_id=12\n", b"webhook_id=12&x=1", b"{}", b"webhook_id=x"):
        assert CONNECTOR.challenge(Delivery("order.created", {}, body)) is None
    assert CONNECTOR.challenge(Delivery("x", {"x-wc-webhook-signature": ""}, b"webhook_id=1")) is None


@pytest.mark.parametrize(
    ("topic", "body", "expected"),
    [
        ("order.deleted", {"id": 7}, Notice("order", Change.DELETED, "7")),
        ("order.updated", {"id": 7}, Notice("order", Change.CHANGED, "7")),
        ("pull/missing", {"id": "7"}, Notice("order", Change.GONE, "7")),
        (
            "product.updated",
            {"id": 7, "type": "variation", "parent_id": 3},
            Notice("product", Change.CHANGED, "7"),
        ),
        ("product.deleted", {"id": 7}, Notice("product", Change.DELETED, "7")),
        ("coupon.deleted", {"id": 7}, Notice("other", Change.NONE)),
        ("customer.created", {"id": 7}, Notice("other", Change.NONE)),
        (
            "action.woocommerce_payment",
            {"action": "woocommerce_payment", "arg": 7},
            Notice("other", Change.NONE),
        ),
        ("brand.new", {"id": 7}, Notice("other", Change.NONE)),
    ],
)
def test_each_topic_says_what_to_look_at(topic: str, body: dict[str, Any], expected: Notice) -> None:
    assert CONNECTOR.read(Delivery(topic, {}, encode(body)), {}) == expected


def test_an_order_deleted_before_it_was_sent_is_a_notice_without_id() -> None:
    body = b'{"code":"woocommerce_rest_shop_order_invalid_id","message":"Invalid ID.","data":{"status":404}}'

    assert CONNECTOR.read(Delivery("order.created", {}, body), {}) == Notice(
        "order", Change.NONE, message="Invalid ID."
    )


@pytest.mark.parametrize("topic", ["order.created", "order.restored", "action.some_plugin", "pull/order"])
def test_a_whole_order_is_read_whatever_sent_it(topic: str, payload: dict[str, Any]) -> None:
    assert isinstance(CONNECTOR.read(Delivery(topic, {}, encode(payload)), {}), OrderRead)


def test_an_order_that_a_bridge_has_wrapped_is_read(payload: dict[str, Any]) -> None:
    assert isinstance(CONNECTOR.read(Delivery("order.created", {}, encode({"data": payload})), {}), OrderRead)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "json"), (b"webhook_id=1", "json"), (b"\xff{}", "json"), (b"[]", "shape"), (b"null", "shape"),
        (b"{}", "invalid_value"), (b'{"id":"a","line_items":[]}', "invalid_value"),
        (b'{"id":1,"line_items":null}', "missing_value"),
        (b'{"id":1,"line_items":[{"id":1}]}', "missing_value"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(body: bytes, code: str) -> None:
    reading = CONNECTOR.read(Delivery("order.updated", {}, body), {})

    assert isinstance(reading, Unreadable)
    assert code in {problem.code for problem in reading.reasons}


def test_subscribing_makes_what_is_missing_and_switches_on_what_is_off() -> None:
    hooks = [
        {
            "id": 1,
            "topic": "order.created",
            "delivery_url": "https://hub/h/order.created",
            "status": "active",
        },
        {
            "id": 2,
            "topic": "order.updated",
            "delivery_url": "https://hub/h/order.updated",
            "status": "disabled",
        },
        {
            "id": 3,
            "topic": "order.deleted",
            "delivery_url": "https://else/h/order.deleted",
            "status": "active",
        },
    ]
    topics = ("order.created", "order.updated", "order.deleted")

    subscribed, asked = rehearse(
        CONNECTOR.subscribe("https://hub/h/", SECRET, topics),
        [Response(200, body=encode(hooks)), Response(200, body=b"{}"), Response(201, body=b"{}")],
        CONNECTOR.classify,
    )

    assert subscribed == topics
    assert [(request.method, request.path) for request in asked] == [
        ("GET", "/wp-json/wc/v3/webhooks"),
        ("PUT", "/wp-json/wc/v3/webhooks/2"),
        ("POST", "/wp-json/wc/v3/webhooks"),
    ]
    assert decode(asked[2].body or b"") == {
        "name": "Fairway order.deleted",
        "topic": "order.deleted",
        "delivery_url": "https://hub/h/order.deleted",
        "secret": SECRET,
    }
