"""A Shopify shop's deliveries: authentic ones are believed for what they are."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.shopify import CONNECTOR
from core.connector import Change, Delivery, Notice, OrderRead, Reading, Refused, Unreadable
from core.errors import ChannelError, ErrorCode
from core.flow import Response, decode, encode, rehearse

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SECRET = "shpss_current"
BODY = b'{"id":1}'
HEADER = "x-shopify-hmac-sha256"


def signature(secret: str, body: bytes) -> str:
    return b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def verified(written: str | None, *secrets: str, body: bytes = BODY) -> Refused | None:
    headers = {} if written is None else {HEADER: written}
    return CONNECTOR.verify(Delivery("orders/create", headers, body), secrets or (SECRET,), NOW)


def read(topic: str, payload: Any, **headers: str) -> Reading:
    body = payload if isinstance(payload, bytes) else encode(payload)
    return CONNECTOR.read(Delivery(topic, {k.replace("_", "-"): v for k, v in headers.items()}, body), {})


def code_of(reading: Reading) -> str:
    assert isinstance(reading, Unreadable), reading
    return reading.reasons[0].code


def test_a_delivery_signed_with_the_current_secret_is_authentic() -> None:
    assert verified(signature(SECRET, BODY)) is None


def test_a_known_body_has_the_known_signature() -> None:
    body, written = b'{"id":1001,"name":"#1001"}', "a+tKImxDegr5/PKbJsv8UMLT5SKKra4+HgeRnxQWxkk="

    assert verified(written, "hub_test_secret", body=body) is None


def test_a_delivery_signed_with_the_secret_before_is_authentic_while_that_counts() -> None:
    assert verified(signature("shpss_old", BODY), SECRET, "shpss_old") is None
    assert verified(signature("shpss_old", BODY), SECRET) is not None


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        "é",
        "not base64!",
        b64encode(b"short").decode(),
        signature(SECRET, BODY) + " ",
        " " + signature(SECRET, BODY),
        signature(SECRET, BODY).rstrip("="),
        signature(SECRET, BODY) + "\n" + signature(SECRET, BODY),
        urlsafe_b64encode(b"\xff" * 32).decode(),
        hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest(),
        signature(SECRET, b'{"id": 1}'),
    ],
)
def test_any_other_signature_is_refused(written: str | None) -> None:
    assert isinstance(verified(written), Refused)


def test_unused_bits_of_the_last_letter_must_be_zero() -> None:
    written = signature(SECRET, BODY)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = written[:-2] + alphabet[alphabet.index(written[-2]) + 1] + "="

    assert isinstance(verified(twin), Refused)


def test_an_empty_secret_opens_nothing() -> None:
    assert isinstance(verified(signature("", BODY), ""), Refused)


@given(st.text(max_size=80))
def test_no_signature_makes_it_raise(written: str) -> None:
    assert isinstance(verified(written), Refused)


@pytest.mark.parametrize(
    "topic",
    [
        "orders/create",
        "orders/updated",
        "orders/paid",
        "orders/cancelled",
        "orders/fulfilled",
        "orders/whatever",
    ],
)
def test_a_topic_with_the_whole_order_is_the_order(topic: str, payload: dict[str, Any]) -> None:
    assert isinstance(read(topic, payload), OrderRead)
    assert isinstance(read(topic, {"order": payload}), OrderRead)


@pytest.mark.parametrize(
    ("topic", "payload", "notice"),
    [
        ("orders/delete", {"id": 5}, Notice("order", Change.DELETED, "5")),
        ("orders/edited", {"order_edit": {"id": 9, "order_id": 5}}, Notice("order", Change.CHANGED, "5")),
        ("orders/updated", {"id": 5, "updated_at": "x"}, Notice("order", Change.CHANGED, "5")),
        ("orders/risk_assessment_changed", {"id": 9, "order_id": 5}, Notice("order", Change.CHANGED, "5")),
        ("refunds/create", {"id": 9, "order_id": 5}, Notice("order", Change.CHANGED, "5")),
        ("fulfillments/create", {"id": 9, "order_id": 5}, Notice("order", Change.CHANGED, "5")),
        ("fulfillments/update", {"id": 9, "order_id": 5}, Notice("order", Change.CHANGED, "5")),
        ("fulfillment_events/create", {"id": 9, "order_id": 5}, Notice("order", Change.CHANGED, "5")),
        ("order_transactions/create", {"id": 9, "order_id": 5}, Notice("order", Change.CHANGED, "5")),
        ("returns/request", {"id": 9, "order": {"id": 5}}, Notice("order", Change.CHANGED, "5")),
        (
            "fulfillment_orders/moved",
            {"fulfillment_order": {"id": "gid://x/1"}},
            Notice("order", Change.CHANGED),
        ),
        ("products/update", {"id": 5}, Notice("product", Change.CHANGED, "5")),
        ("products/delete", {"id": 5}, Notice("product", Change.DELETED, "5")),
        ("inventory_items/update", {"id": 5}, Notice("product", Change.CHANGED, "5")),
        ("inventory_levels/update", {"inventory_item_id": 5}, Notice("stock", Change.CHANGED, "5")),
        ("pull/missing", {"id": 5}, Notice("order", Change.GONE, "5")),
        ("graphql/order", {"data": {"order": None}}, Notice("order", Change.GONE)),
        ("graphql/order", {"data": {"node": None}}, Notice("order", Change.GONE)),
        ("graphql/order", {"order": None}, Notice("order", Change.GONE)),
    ],
)
def test_other_topics_say_what_to_look_at(topic: str, payload: dict[str, Any], notice: Notice) -> None:
    assert read(topic, payload) == notice


def test_an_unknown_topic_asks_for_nothing() -> None:
    reading = read("themes/publish", b"whatever")

    assert isinstance(reading, Notice)
    assert (reading.subject, reading.change) == ("other", Change.NONE)


SHOP = {"id": 1, "myshopify_domain": "tea.myshopify.com", "plan_name": "basic", "shop_owner": "Ada"}
CUSTOMER = {"shop_id": 1, "shop_domain": "tea.myshopify.com", "customer": {"id": 7}}


@pytest.mark.parametrize(
    ("topic", "payload", "subject", "change", "resource_id"),
    [
        ("app/uninstalled", SHOP, "connection", Change.DELETED, "tea.myshopify.com"),
        ("customers/redact", CUSTOMER | {"orders_to_redact": []}, "privacy", Change.DELETED, "7"),
        ("customers/data_request", CUSTOMER | {"orders_requested": []}, "privacy", Change.CHANGED, "7"),
        ("shop/redact", {"shop_id": 1, "shop_domain": "x"}, "privacy", Change.DELETED, "1"),
    ],
)
def test_a_destructive_topic_is_believed_in_its_own_shape(
    topic: str, payload: dict[str, Any], subject: str, change: Change, resource_id: str
) -> None:
    assert read(topic, payload) == Notice(subject, change, resource_id, message=topic)


@pytest.mark.parametrize(
    "topic", ["app/uninstalled", "customers/redact", "customers/data_request", "shop/redact"]
)
def test_a_destructive_topic_is_not_believed_in_another_shape(topic: str, payload: dict[str, Any]) -> None:
    assert code_of(read(topic, payload)) == "topic_shape"
    assert code_of(read(topic, {"id": 1})) == "topic_shape"


def test_one_customers_redaction_never_redacts_the_shop() -> None:
    assert code_of(read("shop/redact", CUSTOMER | {"orders_to_redact": []})) == "topic_shape"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b'{"id":1} x', "json"),
        (b"null", "shape"),
        (b"[]", "shape"),
        (b'"x"', "shape"),
        (b"0", "shape"),
        (b"\xff\xfe{\x00}\x00", "encoding"),
        (b"[" * 100 + b"]" * 100, "depth"),
        (b"[" + b"1," * 200_000 + b"1]", "nodes"),
    ],
)
@pytest.mark.parametrize("topic", ["orders/create", "graphql/order", "shop/redact", "products/update"])
def test_a_body_that_is_no_object_is_parked_with_the_reason(topic: str, body: bytes, code: str) -> None:
    assert code_of(read(topic, body)) == code


def test_a_form_is_parked_as_one() -> None:
    reading = read("orders/create", b"id=1", content_type="application/x-www-form-urlencoded")

    assert code_of(reading) == "content_type"


@pytest.mark.parametrize(
    "topic",
    [
        "orders/create",
        "orders/delete",
        "refunds/create",
        "returns/request",
        "products/update",
        "pull/missing",
    ],
)
@pytest.mark.parametrize("payload", [{}, {"id": "x", "order_id": True}, {"id": None}, {"order": []}])
def test_what_names_nothing_is_parked(topic: str, payload: dict[str, Any]) -> None:
    assert isinstance(read(topic, payload), Unreadable)


@pytest.mark.parametrize("payload", [{}, {"data": {"order": 5}}, {"data": {"orders": []}}, {"order": "x"}])
def test_an_answer_without_an_order_is_parked(payload: dict[str, Any]) -> None:
    assert isinstance(read("graphql/order", payload), Unreadable)


def test_subscribing_makes_only_what_is_missing() -> None:
    there = {"topic": "ORDERS_CREATE", "uri": "https://hub.example/hooks/t/orders/create"}
    page = {"nodes": [there], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    answers = [
        Response(200, body=encode({"data": {"webhookSubscriptions": page}})),
        Response(200, body=encode({"data": {"webhookSubscriptionCreate": {"userErrors": []}}})),
    ]

    topics, asked = rehearse(
        CONNECTOR.subscribe("https://hub.example/hooks/t", "s", ["orders/create", "refunds/create"]),
        answers,
        CONNECTOR.classify,
    )

    assert topics == ("orders/create", "refunds/create")
    assert [decode(request.body or b"")["variables"] for request in asked[1:]] == [
        {"topic": "REFUNDS_CREATE", "uri": "https://hub.example/hooks/t/refunds/create"}
    ]


@pytest.mark.parametrize(
    ("message", "refused"),
    [("Address for this topic has already been taken", False), ("Address is not allowed", True)],
)
def test_a_refused_subscription_is_told_unless_it_is_there(message: str, *, refused: bool) -> None:
    page = {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}
    created = {"webhookSubscriptionCreate": {"userErrors": [{"field": None, "message": message}]}}
    answers = [
        Response(200, body=encode({"data": {"webhookSubscriptions": page}})),
        Response(200, body=encode({"data": created})),
    ]
    flow = CONNECTOR.subscribe("https://hub.example/hooks/t", "s", ["orders/create"])

    if not refused:
        assert rehearse(flow, answers, CONNECTOR.classify)[0] == ("orders/create",)
        return
    with pytest.raises(ChannelError) as caught:
        rehearse(flow, answers, CONNECTOR.classify)
    assert caught.value.code is ErrorCode.REJECTED
