"""Traffic of real shops, where it is at hand beside the checkout: every order is understood."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.woocommerce import CONNECTOR
from connectors.woocommerce.reading import MAPPING
from core.connector import Delivery, OrderRead, Refused
from core.flow import DecodeError, Request, Response, decode, encode
from mappings.engine import unread_fields

FIXTURES = Path(__file__).resolve().parents[3] / ".." / "shared" / "fixtures"
NOW = datetime(2026, 11, 24, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not FIXTURES.exists(), reason="no recorded traffic beside this checkout")


def _exchanges() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for path in sorted((FIXTURES / "recorded" / "woocommerce").glob("*.json")):
        recorded = decode(path.read_bytes())
        for exchange in recorded["exchanges"]:
            yield recorded, exchange


def _body(side: dict[str, Any] | None) -> bytes:
    if not side or side.get("body") is None:
        return b""
    text: str = side["body"]
    return b64decode(text) if side.get("body_encoding") == "base64" else text.encode()


def _orders(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("line_items"), list) and {"id", "status", "total"} <= value.keys():
            if isinstance(value["id"], int | str):
                yield value
        else:
            for item in value.values():
                yield from _orders(item)
    elif isinstance(value, list):
        for item in value:
            yield from _orders(item)


def _recorded() -> list[dict[str, Any]]:
    found = []
    for _, exchange in _exchanges():
        for side in (exchange["request"], exchange.get("response")):
            try:
                found += list(_orders(decode(_body(side))))
            except DecodeError:
                continue
    return found


def _collected() -> list[dict[str, Any]]:
    paths = sorted((FIXTURES / "woocommerce").glob("*.json"))
    return [order for path in paths for order in _orders(decode(path.read_bytes()))]


def test_every_order_keeps_its_own_id_total_currency_and_quantities() -> None:
    payloads = _recorded() + _collected()

    unknown = 0
    for payload in payloads:
        reading = CONNECTOR.read(Delivery("pull/order", {}, encode(payload)), {})
        assert isinstance(reading, OrderRead), reading
        order = reading.order
        assert order.channel_order_id == str(payload["id"])
        assert order.total is not None
        assert (order.total.amount, order.currency) == (Decimal(payload["total"]), payload["currency"])
        whole = [
            (line["quantity"], seen.quantity)
            for line, seen in zip(payload["line_items"], order.lines, strict=True)
        ]
        assert all(said == seen for said, seen in whole if isinstance(said, int))
        unknown += any(hold.code == "unmapped_value" for hold in order.holds)

    assert len(payloads) > 200
    assert unknown <= len(payloads) * 0.03


def test_every_recorded_order_adds_up_and_needs_nobody() -> None:
    held = []
    for payload in _recorded():
        reading = CONNECTOR.read(Delivery("pull/order", {}, encode(payload)), {})
        assert isinstance(reading, OrderRead)
        held += [(payload["id"], hold) for hold in reading.order.holds]

    assert held == []


def test_every_field_of_every_order_is_read_or_ignored_on_purpose() -> None:
    unread = {
        path for payload in _recorded() + _collected() for path in unread_fields(payload, MAPPING.reads)
    }

    assert unread == set()


def test_every_delivery_is_authentic_and_no_changed_one_is() -> None:
    checked = 0
    for recorded, exchange in _exchanges():
        headers = {name.lower(): value for name, value in exchange["request"]["headers"]}
        body = _body(exchange["request"])
        if exchange["direction"] != "store_to_hub" or "x-wc-webhook-signature" not in headers:
            continue
        secrets = [recorded["webhook_secret"]]
        flipped = bytes([body[0] ^ 1]) + body[1:]
        assert CONNECTOR.verify(Delivery("x", headers, body), secrets, NOW) is None
        assert isinstance(CONNECTOR.verify(Delivery("x", headers, flipped), secrets, NOW), Refused)
        topic = headers["x-wc-webhook-topic"]
        CONNECTOR.read(Delivery(topic, headers, body), {})
        checked += 1

    assert checked > 150


def test_signatures_over_http_are_those_a_shop_accepted() -> None:
    checked = 0
    for _, exchange in _exchanges():
        if exchange["direction"] != "hub_to_store":
            continue
        target = urlsplit(exchange["request"]["target"])
        query = dict(parse_qsl(target.query))
        if query.get("oauth_signature_method") != "HMAC-SHA256" or exchange["response"]["status"] not in (
            200,
            201,
        ):
            continue
        plain = tuple((name, value) for name, value in query.items() if not name.startswith("oauth_"))
        key = query["oauth_consumer_key"]
        signed = CONNECTOR.authorize(
            Request(exchange["request"]["method"], target.path, query=plain),
            {"consumer_key": key, "consumer_secret": key.replace("ck_", "cs_")},
            "http://127.0.0.1:8090",
            datetime.fromtimestamp(int(query["oauth_timestamp"]), UTC),
            query["oauth_nonce"],
        )
        assert dict(signed.query)["oauth_signature"] == query["oauth_signature"]
        checked += 1

    assert checked


def test_every_recorded_answer_is_classified_as_what_it_was() -> None:
    for _, exchange in _exchanges():
        answer = exchange.get("response")
        if exchange["direction"] != "hub_to_store" or not answer or exchange["request"]["method"] == "HEAD":
            continue
        headers = {name.lower(): value for name, value in answer["headers"]}
        error = CONNECTOR.classify(Response(answer["status"], headers, _body(answer)))
        assert (error is None) == (200 <= answer["status"] < 300)
