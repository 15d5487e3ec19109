"""A shop's deliveries: is one authentic, what does it say, how to subscribe. Stores and fetches nothing."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from connectors.shopify.asking import ask, inside, next_cursor, nodes
from connectors.shopify.notices import notice_of
from connectors.shopify.reading import NODE, PAYLOAD, read_node, read_payload
from core.connector import Change, Delivery, Notice, Overrides, Problem, Reading, Refused, Unreadable
from core.errors import ChannelError, ErrorCode
from core.flow import DecodeError, Flow, decode
from mappings.engine import unread_fields

_SIGNATURE = "x-shopify-hmac-sha256"
_SUBSCRIBE_COST, _LIST_COST = 10.0, 12.0  # points


def verify(delivery: Delivery, secrets: Sequence[str], now: datetime) -> Refused | None:  # noqa: ARG001 - no signed time
    """Base64 HMAC-SHA256 over the raw body; there is no signed time, so an old delivery stays authentic.

    Only the body is signed: no other header proves anything.
    https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
    """
    written = delivery.headers.get(_SIGNATURE)
    if not written:
        return Refused("there is no X-Shopify-Hmac-Sha256 header")
    try:
        given = b64decode(written, validate=True)
    except ValueError:
        return Refused("the signature is not one base64 text")
    if len(given) != 32 or b64encode(given).decode() != written:
        return Refused("the signature is not the base64 of 32 bytes")
    for secret in secrets:
        expected = hmac.digest(secret.encode("utf-8", "surrogatepass"), delivery.body, "sha256")
        if secret and hmac.compare_digest(expected, given):
            return None
    return Refused("the signature does not fit the body")


def read(delivery: Delivery, overrides: Overrides) -> Reading:
    """What a delivery says, by its topic; never raises.

    https://shopify.dev/docs/api/webhooks/2026-07
    """
    topic = delivery.topic
    if not topic.startswith(_KNOWN):
        return Notice("other", Change.NONE, message=f"nothing is done about {topic[:80]}")
    try:
        payload = decode(delivery.body)
    except DecodeError as error:
        return _unreadable(_why(str(error), delivery), str(error))
    if not isinstance(payload, dict):
        return _unreadable("shape", "the body is not an object")
    if topic == "graphql/order":
        return _from_graphql(payload, overrides, delivery.body)
    if topic.startswith("orders/"):
        order = payload if "line_items" in payload or "order" not in payload else payload["order"]
        if isinstance(order, dict) and isinstance(order.get("line_items"), list):
            return read_payload(order, overrides, delivery.body)
        payload = order if isinstance(order, dict) else payload
    return notice_of(topic, payload)


def unread(delivery: Delivery) -> list[str]:
    """Fields of a whole order that neither mapping reads or ignores; nothing for other bodies."""
    try:
        payload = decode(delivery.body)
    except DecodeError:
        return []
    if not isinstance(payload, dict) or not delivery.topic.startswith(("orders/", "graphql/order")):
        return []
    return unread_fields(payload, (PAYLOAD if "line_items" in payload else NODE).reads)


_KNOWN = (
    "orders/", "graphql/order", "pull/missing", "refunds/", "returns/", "order_transactions/",
    "fulfillments/", "fulfillment_events/", "fulfillment_orders/", "products/", "inventory_items/",
    "inventory_levels/", "app/uninstalled", "customers/redact", "customers/data_request", "shop/redact",
)  # fmt: skip


def _from_graphql(payload: dict[str, Any], overrides: Overrides, body: bytes) -> Reading:
    """An order as the Admin API gives it, alone or in the answer it came in."""
    data = payload.get("data")
    holder = data if isinstance(data, dict) else payload
    for name in ("order", "orderByIdentifier", "node"):
        if name in holder:
            node = holder[name]
            if node is None:
                return Notice("order", Change.GONE)
            return read_node(node, overrides, body) if isinstance(node, dict) else _no_order()
    return read_node(holder, overrides, body)


def _no_order() -> Unreadable:
    return _unreadable("shape", "the order is not an object")


def _why(message: str, delivery: Delivery) -> str:
    kind = delivery.headers.get("content-type", "")
    if kind.startswith(("application/x-www-form-urlencoded", "multipart/")):
        return "content_type"
    words = {"UTF-8": "encoding", "nested": "depth", "more than": "nodes"}
    return next((code for word, code in words.items() if word in message), "json")


def _unreadable(code: str, message: str) -> Unreadable:
    return Unreadable((Problem(code=code, pointer="", message=message),))


def subscribe(address: str, secret: str, topics: Sequence[str]) -> Flow[tuple[str, ...]]:  # noqa: ARG001 - Shopify signs with the app's own secret
    """Have every topic sent to *address*/TOPIC, leaving what is subscribed already. Returns the topics.

    https://shopify.dev/docs/api/admin-graphql/2026-07/mutations/webhookSubscriptionCreate
    """
    there = yield from _subscriptions()
    for topic in topics:
        word, uri = topic.upper().replace("/", "_"), f"{address.rstrip('/')}/{topic}"
        if (word, uri) in there:
            continue
        variables = {"topic": word, "uri": uri}
        data: dict[str, Any] = yield from ask("subscribe", variables, cost=_SUBSCRIBE_COST, reads=False)
        errors = inside(data, "webhookSubscriptionCreate").get("userErrors")
        said = _said(errors)
        if said and "already been taken" not in said:
            raise ChannelError(ErrorCode.REJECTED, f"{topic}: {said}")
    return tuple(topics)


def _said(errors: Any) -> str:
    if not isinstance(errors, list):
        raise ChannelError(ErrorCode.UNEXPECTED, "Shopify does not say whether it subscribed us")
    return "; ".join(str(error.get("message")) for error in errors if isinstance(error, dict))[:200]


def _subscriptions() -> Flow[set[tuple[Any, Any]]]:
    found: set[tuple[Any, Any]] = set()
    cursor: str | None = None
    while True:
        data: dict[str, Any] = yield from ask("subscriptions", {"after": cursor}, cost=_LIST_COST)
        listed = inside(data, "webhookSubscriptions")
        found |= {(node.get("topic"), node.get("uri")) for node in nodes(listed)}
        cursor = next_cursor(listed, cursor)
        if cursor is None:
            return found
