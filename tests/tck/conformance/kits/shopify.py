"""How Shopify is measured: its signature, its documented bodies, and the simulated shop."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from conformance.kit import BERLIN, NOW, ChannelKit, Clock, Sold, Vector, mentions
from conformance.wire import Wire, carrier_of
from connectors.shopify import CONNECTOR
from core.connector import Delivery
from core.flow import encode
from core.net import Line, open_client
from simulators.courier import Courier
from simulators.serving import serve
from simulators.shopify import ShopifySimulator

DOMAIN = "kit.myshopify.com"
TOKEN, SECRET = "shpat_token_of_the_kit", "client_secret_of_the_kit"
CREDENTIALS = {"access_token": TOKEN, "client_secret": SECRET}
SETTINGS = {"shop": DOMAIN}
PLACES = {
    "id": "id",
    "status": "financial_status",
    "currency": "currency",
    "total": "total_price",
    "changed_at": "updated_at",
    "quantity": "line_items.0.quantity",
    "sku": "line_items.0.sku",
    "title": "line_items.0.title",
}


class ShopifyKit(ChannelKit):
    connector = CONNECTOR
    credentials = CREDENTIALS
    settings = SETTINGS
    topic = "orders/updated"
    signature_header = "x-shopify-hmac-sha256"
    answer = b'{"data": {"shop": null}}'
    # openssl dgst -sha256 -hmac SECRET -binary | base64
    vectors = (
        Vector("hush", b'{"id":820982911946154508}', "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I="),
        Vector("hush", '{"name":"Zoë"}'.encode(), "lgDdsgqepI0Ozdt6SijWu/W/85kto6UMrzgCqScu4ZM="),
    )
    places = PLACES

    def sign(self, body: bytes, secret: str) -> dict[str, str]:
        """https://shopify.dev/docs/apps/build/webhooks/verify-deliveries"""
        digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        return {self.signature_header: base64.b64encode(digest).decode()}

    def order(
        self,
        lines: Sequence[Sold] = (Sold(),),
        *,
        order_id: int = 501,
        currency: str = "EUR",
        changed_at: datetime = NOW,
        zone: ZoneInfo = BERLIN,
    ) -> dict[str, Any]:
        """https://shopify.dev/docs/api/admin-rest/latest/resources/order"""
        total = format(sum(line.price * line.quantity for line in lines), "f")
        written = changed_at.astimezone(zone).isoformat(timespec="seconds")
        return {
            "id": order_id,
            "name": "#1001",
            "created_at": written,
            "updated_at": written,
            "currency": currency,
            "financial_status": "paid",
            "shipping_address": {
                "name": "Mia Sommer",
                "address1": "Hauptstr. 3",
                "city": "Bonn",
                "country_code": "DE",
            },
            "total_line_items_price": total,
            "total_discounts": "0.00",
            "total_tax": "0.00",
            "total_price": total,
            "taxes_included": True,
            "line_items": [
                {
                    "id": 71 + place,
                    "variant_id": 34,
                    "product_id": 3,
                    "sku": line.sku,
                    "title": "Mug",
                    "quantity": line.quantity,
                    "price": format(line.price, "f"),
                }
                for place, line in enumerate(lines)
            ],
            "shipping_lines": [],
            "refunds": [],
            "fulfillments": [],
        }

    def deleted(self, order_id: int) -> Delivery:
        return Delivery("orders/delete", {}, encode({"id": order_id}))

    def of_account(self, account: str) -> Delivery:
        page = f"https://{DOMAIN}/{account}/orders/0123abcd/authenticate?key=k"
        return Delivery(self.topic, {}, encode(self.order() | {"order_status_url": page}))

    @asynccontextmanager
    async def open(self, *, listed: int = 0) -> AsyncIterator[ShopifyShop]:
        clock = Clock()
        simulator = ShopifySimulator(
            shop=DOMAIN,
            access_token=TOKEN,
            client_secret=SECRET,
            seed=7,
            courier=Courier(random.Random(1)),
            now=clock,
            cost_bucket=(1e9, 1e6),
        )
        served = await serve(simulator.app())
        try:
            async with open_client(allow_private_hosts=True) as client:
                settings = {"shop": DOMAIN, "base_url": served.url}
                line = Line(self.connector, settings, self.credentials, carrier_of(client), clock)
                yield ShopifyShop(simulator, Wire(line), clock, listed)
        finally:
            await served.close()


class ShopifyShop:
    missing_order = "999"
    account = DOMAIN
    currency = "EUR"

    def __init__(self, simulator: ShopifySimulator, wire: Wire, clock: Clock, listed: int) -> None:
        self.simulator, self.wire, self.clock = simulator, wire, clock
        self.skus = ("MUG", "LAMP", *(f"ITEM-{number}" for number in range(listed)))
        for sku in self.skus:
            quantity = {"LAMP": 100_000}.get(sku, 10)
            simulator.add_variant(sku=sku, title=sku.title(), price="12.50", quantity=quantity)

    def sell(self, sku: str = "LAMP", quantity: int = 1) -> str:
        order = self.simulator.checkout([(sku, quantity)])
        assert order is not None
        return order.key

    def change(self, order_id: str) -> None:
        (line,) = self.simulator.orders[order_id].lines[:1]
        self.simulator.edit(order_id, line.variant.sku, line.open_quantity + 1)

    def cancel(self, order_id: str) -> None:
        self.simulator.cancel(order_id)

    def shown(self, sku: str) -> int:
        return self.simulator.available(sku)

    def told(self, order_id: str) -> Delivery:
        return Delivery("orders/updated", {}, self.simulator.webhook_payload(self.simulator.orders[order_id]))

    def subscriptions(self) -> list[tuple[str, str]]:
        return list(self.simulator.subscriptions.items())

    def told_of(self, order_id: str, tracking_number: str) -> int:
        return mentions(self.simulator.books, order_id, tracking_number)

    def noted(self) -> int:
        return len(self.simulator.books.noted)
