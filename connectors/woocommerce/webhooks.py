"""A shop's deliveries: is one authentic, what does it say, how to subscribe. Stores and fetches nothing."""

from __future__ import annotations

import hmac
import html
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from connectors.woocommerce.reading import read_woo_order
from connectors.woocommerce.wire import API, PAGE_SIZE, refuse_again, rows, write
from core.connector import (
    Answer,
    Change,
    Delivery,
    Notice,
    Overrides,
    Problem,
    Reading,
    Refused,
    Unreadable,
)
from core.flow import DecodeError, Flow, Request, decode
from mappings.transforms import identifier, unescaped

_PING = re.compile(rb"webhook_id=[0-9]{1,20}")
_SIGNATURE = "x-wc-webhook-signature"
_SPECIAL = re.compile(r"&(?:amp|lt|gt|quot|#0*(?:34|38|39|60|62)|#[xX]0*(?:22|26|27));")


def challenge(delivery: Delivery) -> Answer | None:
    """The form post a shop sends, unsigned, while a webhook is saved; only 200 stops it from coming again."""
    if _SIGNATURE not in delivery.headers and _PING.fullmatch(delivery.body):
        return Answer(200)
    return None


def verify(delivery: Delivery, secrets: Sequence[str], now: datetime) -> Refused | None:  # noqa: ARG001 - no signed time
    """Base64 HMAC-SHA256 over the raw body; there is no signed time, so an old delivery stays authentic.

    https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks
    """
    written = delivery.headers.get(_SIGNATURE)
    if not written:
        return Refused("there is no X-WC-Webhook-Signature header")
    try:
        given = b64decode(written, validate=True)
    except ValueError:
        return Refused("the signature is not one base64 text")
    if len(given) != 32 or b64encode(given).decode() != written:
        return Refused("the signature is not the base64 of 32 bytes")
    for secret in secrets:
        for key in _keys(secret):
            if hmac.compare_digest(hmac.digest(key, delivery.body, "sha256"), given):
                return None
    return Refused("the signature does not fit the body")


@lru_cache(maxsize=1_000)
def _keys(secret: str) -> tuple[bytes, ...]:
    """What a shop with *secret* may sign with: as it is, and as the shop's own pages would show it, entities resolved."""
    spellings = {secret, _decoded(secret)} - {""}
    return tuple(spelling.encode("utf-8", "surrogatepass") for spelling in spellings)


def _decoded(secret: str) -> str:
    """WordPress's wp_specialchars_decode: five characters, each once."""
    return _SPECIAL.sub(lambda match: html.unescape(match[0]), secret)


def read(delivery: Delivery, overrides: Overrides) -> Reading:
    """What a delivery says, by its topic; never raises.

    A `.deleted` is a hint: shops send product.deleted with the id of a coupon and the reverse.
    """
    topic = delivery.topic
    resource, _, event = topic.partition(".")
    if not (topic.startswith(("pull/", "action.")) or resource in ("order", "product")):
        return Notice("other", Change.NONE)
    try:
        payload = decode(delivery.body)
    except DecodeError as error:
        return _unreadable("json", str(error))
    if not isinstance(payload, dict):
        return _unreadable("shape", "the body is not an object")
    if resource == "product":
        return _product(event, payload)
    if _is_error(payload):
        return Notice("order", Change.NONE, message=unescaped(str(payload.get("message"))) or "")
    return _order(topic, _unwrapped(payload), overrides, delivery.body)


def _order(topic: str, payload: dict[str, Any], overrides: Overrides, body: bytes) -> Reading:
    whole = "id" in payload and "line_items" in payload
    if topic.startswith("action.") and not whole:
        return Notice("other", Change.NONE)
    order_id = _id(payload)
    if topic in ("pull/missing", "order.deleted"):
        change = Change.GONE if topic == "pull/missing" else Change.DELETED
        return Notice("order", change, order_id) if order_id else _no_id()
    if topic == "pull/order" or whole:
        return read_woo_order(payload, overrides, body)
    return Notice("order", Change.CHANGED, order_id) if order_id else _no_id()  # a part: look at the whole


def _product(event: str, payload: dict[str, Any]) -> Reading:
    if _is_error(payload):  # deleted before it was sent: the id is nowhere in it
        return Notice("product", Change.CHANGED)
    product_id = _id(payload)
    if product_id is None:
        return _no_id()
    return Notice("product", Change.DELETED if event == "deleted" else Change.CHANGED, product_id)


def _is_error(payload: dict[str, Any]) -> bool:
    return "id" not in payload and isinstance(payload.get("code"), str) and "message" in payload


def _unwrapped(payload: dict[str, Any]) -> dict[str, Any]:
    inner = payload.get("data")
    return inner if "id" not in payload and isinstance(inner, dict) else payload


def _id(payload: dict[str, Any]) -> str | None:
    try:
        return identifier(payload.get("id"))
    except ValueError:
        return None


def _no_id() -> Unreadable:
    return Unreadable((Problem(code="invalid_value", pointer="/id", message="no id can be read"),))


def _unreadable(code: str, message: str) -> Unreadable:
    return Unreadable((Problem(code=code, pointer="", message=message),))


def subscribe(address: str, secret: str, topics: Sequence[str]) -> Flow[tuple[str, ...]]:
    """Have every topic sent to *address*/TOPIC, switching on what was switched off. Returns the topics.

    https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks
    """
    there = yield from _webhooks()
    for topic in topics:
        url = f"{address.rstrip('/')}/{topic}"
        ours = [hook for hook in there if hook.get("topic") == topic and hook.get("delivery_url") == url]
        if not ours:
            hook = {"name": f"Fairway {topic}", "topic": topic, "delivery_url": url, "secret": secret}
            yield write("POST", "/webhooks", hook)
        elif all(hook.get("status") != "active" for hook in ours):
            yield write("PUT", f"/webhooks/{_id(ours[0])}", {"status": "active", "secret": secret})
    return tuple(topics)


def _webhooks() -> Flow[list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        query = (("per_page", str(PAGE_SIZE)), ("page", str(page)), ("orderby", "id"), ("order", "asc"))
        new = rows((yield Request("GET", f"{API}/webhooks", query=query)))
        refuse_again(new, found)
        found += new
        if len(new) < PAGE_SIZE:
            return found
        page += 1
