"""Webhooks as channels send them: how each signs, and a sample that is sure to be harmless."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime

from core.errors import UsageProblem
from core.flow import encode


def _mac(secret: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


# How each channel signs: (header with the signature, the signature, header with the topic), by its documentation.
SIGNERS: dict[str, tuple[str, Callable[[str, bytes], str], str]] = {
    "shopify": ("X-Shopify-Hmac-SHA256", lambda s, b: b64encode(_mac(s, b)).decode(), "X-Shopify-Topic"),
    "woocommerce": (
        "X-WC-Webhook-Signature",
        lambda s, b: b64encode(_mac(s, b)).decode(),
        "X-WC-Webhook-Topic",
    ),
    "easypost": (
        "X-Hmac-Signature",
        lambda s, b: f"hmac-sha256-hex={_mac(unicodedata.normalize('NFKD', s), b).hex()}",
        "",
    ),
}


def signed(channel: str, topic: str, body: bytes, secret: str) -> dict[str, str]:
    """The headers that *channel* would send."""
    name, sign, topic_header = SIGNERS[channel]
    headers = {"Content-Type": "application/json", "User-Agent": "fairway trigger", name: sign(secret, body)}
    return headers | ({topic_header: topic} if topic_header else {})


def sample(channel: str, topic: str, now: datetime) -> bytes:
    """An order that takes nothing off a shelf, as *channel* would send it; raises `UsageProblem` for other topics.

    Its number is the time in microseconds: no shop has come that far.
    """
    at, number = now.isoformat(timespec="seconds"), int(now.timestamp() * 1_000_000)
    if channel == "shopify" and topic.startswith("orders/"):
        return encode(
            {
                "id": number, "name": "fairway trigger", "created_at": at, "processed_at": at, "updated_at": at,
                "currency": "EUR", "financial_status": "paid", "fulfillment_status": None, "test": True,
                "source_name": "web", "total_price": "0.00", "subtotal_price": "0.00", "total_tax": "0.00",
                "total_discounts": "0.00", "note": "A sample of `fairway trigger`: nobody bought it.",
                "line_items": [
                    {"id": 1, "title": "Sample", "name": "Sample", "quantity": 1, "price": "0.00",
                     "gift_card": True, "requires_shipping": False, "total_discount": "0.00"},
                ],
            }
        )  # fmt: skip
    if channel == "woocommerce" and topic.startswith("order.") and topic != "order.deleted":
        return encode(
            {
                "id": number, "number": "fairway trigger", "status": "checkout-draft", "currency": "EUR",
                "date_created_gmt": at[:19], "date_modified_gmt": at[:19], "total": "0.00", "total_tax": "0.00",
                "discount_total": "0.00", "shipping_total": "0.00", "prices_include_tax": False,
                "customer_note": "A sample of `fairway trigger`: nobody bought it.",
                "line_items": [
                    {"id": 1, "name": "Sample", "product_id": 0, "variation_id": 0, "quantity": 0,
                     "subtotal": "0.00", "total": "0.00", "total_tax": "0.00"},
                ],
            }
        )  # fmt: skip
    raise UsageProblem(
        f"There is no sample of {topic!r} that is sure to be harmless.", fix="Give the body with --body FILE."
    )
