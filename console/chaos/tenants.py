"""Merchants with a shop each, whose webhooks are made up here: orders by the thousand, some of them poison."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from core.clock import wall_clock
from core.flow import decode, encode
from core.hub import Hub
from core.store import connections, listings
from core.usecases.count_stock import Counted, count_stock
from simulators.courier import Courier, Webhook
from simulators.woocommerce import WooCommerceSimulator

SECRET = "pressure-webhook-secret"  # noqa: S105 - of shops that are made up
SKUS = 100
SAMPLES = 40  # different orders that all others are written after


@dataclass(frozen=True, slots=True)
class Tenant:
    """One merchant's connection; *token* is the secret part of its webhook address."""

    merchant_id: int
    connection_id: int
    token: str


@dataclass(slots=True, eq=False)
class Sent:
    """One delivery of an order and what became of it; times are seconds of `time.monotonic`, 0 until it is so.

    *at_s* is when it is to be sent, from the beginning. *poison* says what applying it does: "", "raise" or "kill".
    """

    tenant: Tenant
    order_id: int
    at_s: float
    poison: str = ""
    sent: float = 0.0
    status: int = 0
    retry_after: str | None = None
    answered: float = 0.0
    visible: float = 0.0

    @property
    def key(self) -> tuple[int, int, str]:
        """Its order: merchant, connection, the channel's id."""
        return (self.tenant.merchant_id, self.tenant.connection_id, str(self.order_id))


@dataclass(slots=True)
class Orders:
    """Makes deliveries: every one a new order. The same seed, the same orders at the same instants."""

    rng: random.Random
    samples: Sequence[Mapping[str, Any]]
    _ids: count[int] = field(default_factory=lambda: count(1_000))

    def plan(
        self, rates: Mapping[Tenant, float], seconds: float, poison: Sequence[str] = (), share: float = 0.0
    ) -> list[Sent]:
        """What is sent within *seconds* at so many orders a second of each tenant, by time. A *share* of them is poison,
        of the kinds of *poison* in turn.
        """
        made = []
        for tenant, rate in rates.items():
            at_s = self.rng.expovariate(rate)
            while at_s < seconds:
                made.append(Sent(tenant, next(self._ids), at_s))
                at_s += self.rng.expovariate(rate)
        made.sort(key=lambda one: one.at_s)
        bad = self.rng.sample(made, round(len(made) * share))
        for number, one in enumerate(bad):
            one.poison = poison[number % len(poison)]
        return made

    def body(self, one: Sent, padding: int = 0) -> bytes:
        """The order as its shop writes it, with a note of *padding* characters."""
        number = f"POISON-{one.poison}-{one.order_id}" if one.poison else f"W-{one.order_id}"
        sample = self.samples[one.order_id % len(self.samples)]
        return encode({**sample, "id": one.order_id, "number": number, "customer_note": "x" * padding})

    def units(self, one: Sent) -> int:
        """How many units it is about."""
        return sum(line["quantity"] for line in self.samples[one.order_id % len(self.samples)]["line_items"])


def make_orders(seed: int) -> Orders:
    """The samples come from a simulated shop."""
    kept: list[bytes] = []

    class Keeps(Courier):
        def post(self, webhook: Webhook) -> None:
            kept.append(webhook.body)

    rng = random.Random(seed)  # noqa: S311 - a run that can be told again
    shop = WooCommerceSimulator(
        consumer_key="ck",
        consumer_secret="cs",  # noqa: S106 - of a shop that lives for a moment
        webhook_secret="s",  # noqa: S106
        seed=seed,
        courier=Keeps(rng),
        now=wall_clock,
    )
    for number in range(SKUS):
        shop.add_product(sku=f"SKU-{number}", name=f"Thing {number}", price="19.90", quantity=SAMPLES * 10)
    shop.subscribe("order.created", "http://127.0.0.1:1/")
    for _ in range(SAMPLES):
        shop.checkout([(f"SKU-{rng.randrange(SKUS)}", 1), (f"SKU-{rng.randrange(SKUS)}", 2)])
    return Orders(rng, [decode(body) for body in kept])


async def open_tenants(hub: Hub, names: Sequence[str]) -> list[Tenant]:
    """New merchants with full shelves. Their shops send webhooks; there is nobody to ask or to tell."""
    made = []
    for name in names:
        now = hub.clock()
        async with hub.database.transaction([]) as tx:
            merchant_id = await connections.add_merchant(tx, name, hub.settings.inbound, now)
        async with hub.database.transaction([merchant_id]) as tx:
            connection_id = await connections.add_connection(
                tx, merchant_id=merchant_id, channel="woocommerce", name="shop", account=name,
                settings={"base_url": "http://127.0.0.1:1"}, token=name, stock_since=now, now=now, kinds=(),
            )  # fmt: skip
            await connections.put_credential(
                tx, merchant_id, connection_id, "webhook_secret", "inbound", SECRET, hub.settings.inbound
            )
            await listings.default_location(tx, merchant_id)
        full = [Counted(f"SKU-{number}", 1_000_000) for number in range(SKUS)]
        await count_stock(hub, merchant_id, full, cause="pressure")
        made.append(Tenant(merchant_id, connection_id, name))
    return made
