"""Webhook subscriptions of a simulated shop, one per topic, the mutations that change them, and how one is lost.

See https://shopify.dev/docs/api/admin-graphql/2026-07/mutations/webhookSubscriptionCreate and, for the loss,
https://shopify.dev/docs/apps/build/webhooks/troubleshooting-webhooks.
Shopify wants HTTPS addresses; this one takes any, since everything runs on one machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulators.shopify.goods import gid
from simulators.shopify.paging import listed
from simulators.shopify.render import Json
from simulators.shopify.shop import Shop
from simulators.shopify.values import instant
from simulators.shopify.webhooks import API_VERSION, topic_of

MAX_FAILURES = 8  # in a row, then a subscription that was made through the Admin API is removed


@dataclass(slots=True)
class Made:
    """When and under which number a topic was subscribed to, by the app through the Admin API or by hand; and its
    failed tries since the last that succeeded.
    """

    number: int
    topic: str
    at: datetime
    by_api: bool
    failures: int = 0


@dataclass(slots=True)
class Subscriptions:
    """*addresses* is topic ("orders/create") to the full address its webhooks are posted to."""

    shop: Shop
    addresses: dict[str, str] = field(default_factory=dict)
    _made: dict[str, Made] = field(default_factory=dict)

    def add(self, name: str, uri: str, *, by_api: bool = False) -> None:
        self.addresses[name] = uri
        enum_value = name.upper().replace("/", "_")
        self._made[name] = Made(self.shop.next_id(), enum_value, self.shop.moment(), by_api)

    def number(self, name: str) -> int:
        return self._made[name].number

    def answered(self, name: str, number: int, status: int | None) -> None:
        """Hear what a try of a webhook for subscription *number* was answered, None for not at all."""
        made = self._made.get(name)
        if made is None or made.number != number:
            return
        made.failures = 0 if status is not None and 200 <= status < 300 else made.failures + 1
        if made.by_api and made.failures >= MAX_FAILURES:
            del self.addresses[name], self._made[name]

    def create(self, *, topic: str, wanted: Mapping[str, Any]) -> Json:
        name, uri = topic_of(topic), wanted.get("uri") or wanted.get("callbackUrl")
        if not uri:
            return _refusal("Address can't be blank")
        if self.addresses.get(name) == uri:
            return _refusal("Address for this topic has already been taken")
        self.add(name, uri, by_api=True)
        return {"webhookSubscription": self._shown(name), "userErrors": []}

    def update(self, *, subscription_id: str, wanted: Mapping[str, Any]) -> Json:
        name, uri = self._named(subscription_id), wanted.get("uri") or wanted.get("callbackUrl")
        if name is None:
            return _refusal("Webhook subscription does not exist", "id")
        if uri:
            self.addresses[name] = uri
        return {"webhookSubscription": self._shown(name), "userErrors": []}

    def delete(self, *, subscription_id: str) -> Json:
        name = self._named(subscription_id)
        if name is None:
            return {"deletedWebhookSubscriptionId": None} | _refusal(
                "Webhook subscription does not exist", "id"
            )
        del self.addresses[name], self._made[name]
        return {"deletedWebhookSubscriptionId": subscription_id, "userErrors": []}

    def page(
        self, info: object, *, topics: list[str] | None = None, uri: str | None = None, **asked: Any
    ) -> Json:
        shown = [
            (made.number, self._shown(name))
            for name, made in self._made.items()
            if (topics is None or made.topic in topics) and uri in (None, self.addresses[name])
        ]
        return listed(lambda: shown)(info, **asked)

    def _named(self, subscription_id: str) -> str | None:
        return next(
            (
                name
                for name, made in self._made.items()
                if gid("WebhookSubscription", made.number) == subscription_id
            ),
            None,
        )

    def _shown(self, name: str) -> Json:
        made, address = self._made[name], self.addresses[name]
        return {
            "id": gid("WebhookSubscription", made.number),
            "legacyResourceId": str(made.number),
            "topic": made.topic,
            "uri": address,
            "callbackUrl": address,
            "format": "JSON",
            "filter": None,
            "includeFields": [],
            "metafieldNamespaces": [],
            "name": None,
            "apiVersion": {"handle": API_VERSION, "displayName": API_VERSION, "supported": True},
            "createdAt": instant(made.at),
            "updatedAt": instant(made.at),
        }


def _refusal(message: str, argument: str | None = None) -> Json:
    place = [argument] if argument else ["webhookSubscription", "callbackUrl"]
    return {"webhookSubscription": None, "userErrors": [{"field": place, "message": message}]}
