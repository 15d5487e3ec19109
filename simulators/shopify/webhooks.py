"""Signs and addresses a simulated shop's webhooks; what they say is rendered elsewhere.

See https://shopify.dev/docs/apps/build/webhooks/delivery-structure.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

API_VERSION = "2026-07"

# Most topics are the enum's name with a slash for its last underscore.
_UNLIKE = {
    "APP_SCOPES_UPDATE": "app/scopes_update",
    "ORDERS_PARTIALLY_FULFILLED": "orders/partially_fulfilled",
    "FULFILLMENT_ORDERS_ORDER_ROUTING_COMPLETE": "fulfillment_orders/order_routing_complete",
}


def topic_of(enum_value: str) -> str:
    """The topic as headers spell it: "orders/create" for ORDERS_CREATE."""
    resource, _, event = enum_value.lower().rpartition("_")
    return _UNLIKE.get(enum_value, f"{resource}/{event}")


def signature(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode("ascii")


def header_maker(
    topic: str, shop: str, rng: random.Random, at: datetime
) -> Callable[[bytes, str], dict[str, str]]:
    """Makes the headers of one webhook: all its copies have the same ids."""
    webhook_id, event_id = (str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(2))
    triggered_at = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"

    def headers(body: bytes, secret: str) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-SHA256": signature(secret, body),
            "X-Shopify-Shop-Domain": shop,
            "X-Shopify-API-Version": API_VERSION,
            "X-Shopify-Webhook-Id": webhook_id,
            "X-Shopify-Event-Id": event_id,
            "X-Shopify-Triggered-At": triggered_at,
        }

    return headers
