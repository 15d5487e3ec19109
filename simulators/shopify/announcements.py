"""Turns what happens in a simulated shop into webhooks and hands them to the courier, as long as somebody subscribed.

A delivery that fails is tried again with the bytes it had; see
https://shopify.dev/docs/apps/build/webhooks/subscribe/https#retries.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from simulators.courier import Courier, Webhook
from simulators.shopify import payload, payload_outcomes
from simulators.shopify.render import body_of
from simulators.shopify.shop import Shop
from simulators.shopify.subscriptions import Subscriptions
from simulators.shopify.things import SimOrder
from simulators.shopify.webhooks import header_maker

# Documented are the 8 tries within 4 hours and that the pauses grow exponentially, not how long each is.
RETRY_AFTER_S = tuple(4 * 3600 * 2**place / (2**8 - 1) for place in range(8))


@dataclass(slots=True)
class Announcer:
    """*retry_after_s*: the pauses before each further try, in seconds."""

    shop: Shop
    subscriptions: Subscriptions
    courier: Courier
    secret: str
    retry_after_s: tuple[float, ...]
    hook_ids: random.Random
    _rendered: tuple[int, int, bytes] = field(default=(0, 0, b""))

    def tell(self, topic: str, subject: Any) -> None:
        address = self.subscriptions.addresses.get(topic)
        if address is None:
            return
        self.courier.post(
            Webhook(
                url=address,
                body=self._body(topic, subject),
                secret=self.secret,
                headers=header_maker(topic, self.shop.domain, self.hook_ids, self.shop.now()),
                answered=partial(self.subscriptions.answered, topic, self.subscriptions.number(topic)),
                retry_after_s=self.retry_after_s,
            )
        )

    def order(self, order: SimOrder) -> bytes:
        """The body that `orders/*` webhooks of *order* have now."""
        if self._rendered[:2] != (order.order_id, order.version):
            body = body_of(payload.order_payload(order, self.shop))
            self._rendered = (order.order_id, order.version, body)
        return self._rendered[2]

    def _body(self, topic: str, subject: Any) -> bytes:
        shop = self.shop
        if topic == "orders/edited":
            order, line, difference = subject
            return body_of(payload.edit_payload(order, line, difference, shop.next_id()))
        if topic == "refunds/create":
            order, made = subject
            return body_of(payload_outcomes.refund(made, order, shop.currency))
        if topic in ("fulfillments/create", "fulfillments/update"):
            order, made = subject
            return body_of(payload_outcomes.fulfillment_payload(made, order, shop.currency))
        if topic == "fulfillment_events/create":
            order, made, event = subject
            return body_of(payload_outcomes.event_payload(event, made, order, shop.shop_id))
        if topic == "inventory_levels/update":
            return body_of(payload.level_payload(subject))
        return self.order(subject)
