"""How WooCommerce is measured: its signature, its documented bodies, and the simulated shop."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from conformance.kit import BERLIN, NOW, ChannelKit, Clock, Sold, Vector, mentions
from conformance.wire import Wire, carrier_of
from connectors.woocommerce import CONNECTOR
from core.connector import Delivery
from core.flow import encode
from core.net import Line, open_client
from simulators.courier import Courier
from simulators.serving import serve
from simulators.woocommerce import WooCommerceSimulator

KEY, KEY_SECRET = "ck_key_of_the_kit", "cs_secret_of_the_kit"
SECRET = "webhook_secret_of_the_kit"
CREDENTIALS = {"consumer_key": KEY, "consumer_secret": KEY_SECRET}
SETTINGS = {"base_url": "https://shop.example"}
PLACES = {
    "id": "id",
    "status": "status",
    "currency": "currency",
    "total": "total",
    "changed_at": "date_modified_gmt",
    "quantity": "line_items.0.quantity",
    "sku": "line_items.0.sku",
    "title": "line_items.0.name",
}


class WooCommerceKit(ChannelKit):
    connector = CONNECTOR
    credentials = CREDENTIALS
    settings = SETTINGS
    topic = "order.updated"
    signature_header = "x-wc-webhook-signature"
    answer = b"[]"
    # openssl dgst -sha256 -hmac SECRET -binary | base64; the shop signs with entities resolved
    vectors = (
        Vector("hush", b'{"id":820982911946154508}', "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I="),
        Vector(
            "it&quot;s a &amp; secret",
            b'{"id":820982911946154508}',
            "OAqHSb074tjGXPXg2BHlzMLIuzwziL0wPXONQnow15Q=",
        ),
    )
    places = PLACES

    def sign(self, body: bytes, secret: str) -> dict[str, str]:
        """https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks"""
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
        """https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties"""
        gmt, local = (
            changed_at.astimezone(at).replace(tzinfo=None).isoformat(timespec="seconds") for at in (UTC, zone)
        )
        address = {"first_name": "Mia", "last_name": "Sommer", "city": "Bonn", "country": "DE"}
        return {
            "id": order_id,
            "number": "1001",
            "status": "processing",
            "currency": currency,
            "date_created": local,
            "date_created_gmt": gmt,
            "date_modified": local,
            "date_modified_gmt": gmt,
            "date_paid": local,
            "date_paid_gmt": gmt,
            "discount_total": "0.00",
            "shipping_total": "0.00",
            "total_tax": "0.00",
            "total": format(sum(line.price * line.quantity for line in lines), "f"),
            "billing": address | {"email": "mia@example.org"},
            "shipping": address,
            "line_items": [
                {
                    "id": 71 + place,
                    "name": "Mug",
                    "product_id": 34,
                    "variation_id": 0,
                    "quantity": line.quantity,
                    "sku": line.sku,
                    "subtotal": format(line.price * line.quantity, "f"),
                    "total": format(line.price * line.quantity, "f"),
                    "total_tax": "0.00",
                    "meta_data": [],
                }
                for place, line in enumerate(lines)
            ],
            "refunds": [],
            "meta_data": [],
        }

    def deleted(self, order_id: int) -> Delivery:
        return Delivery("order.deleted", {}, encode({"id": order_id}))

    @asynccontextmanager
    async def open(self, *, listed: int = 0) -> AsyncIterator[WooCommerceShop]:
        clock = Clock()
        simulator = WooCommerceSimulator(
            consumer_key=KEY,
            consumer_secret=KEY_SECRET,
            webhook_secret=SECRET,
            seed=7,
            courier=Courier(random.Random(1)),
            now=clock,
        )
        served = await serve(simulator.app())
        try:
            async with open_client(allow_private_hosts=True) as client:
                line = Line(
                    self.connector, {"base_url": served.url}, self.credentials, carrier_of(client), clock
                )
                yield WooCommerceShop(simulator, Wire(line), clock, listed, served.url)
        finally:
            await served.close()


class WooCommerceShop:
    missing_order = "99999999"
    currency = "EUR"

    def __init__(
        self, simulator: WooCommerceSimulator, wire: Wire, clock: Clock, listed: int, address: str
    ) -> None:
        self.simulator, self.wire, self.clock, self.account = simulator, wire, clock, address
        self.skus = ("MUG", "LAMP", *(f"ITEM-{number}" for number in range(listed)))
        for sku in self.skus:
            quantity = {"LAMP": 100_000}.get(sku, 10)
            simulator.add_product(sku=sku, name=sku.title(), price="12.50", quantity=quantity)

    def sell(self, sku: str = "LAMP", quantity: int = 1) -> str:
        order = self.simulator.checkout([(sku, quantity)])
        assert order is not None
        return str(order.order_id)

    def change(self, order_id: str) -> None:
        status = self.simulator.orders[int(order_id)].status
        self.simulator.set_status(int(order_id), "on-hold" if status == "processing" else "processing")

    def cancel(self, order_id: str) -> None:
        self.simulator.set_status(int(order_id), "cancelled")

    def shown(self, sku: str) -> int:
        shown = self.simulator.stock_of(sku)
        assert shown is not None
        return shown

    def told(self, order_id: str) -> Delivery:
        payload = self.simulator.order_payload(self.simulator.orders[int(order_id)])
        return Delivery("order.updated", {}, encode(payload))

    def subscriptions(self) -> list[tuple[str, str]]:
        return [(hook.topic, hook.url) for hook in self.simulator.hooks.hooks.values()]

    def told_of(self, order_id: str, tracking_number: str) -> int:
        return mentions(self.simulator.books, order_id, tracking_number)

    def noted(self) -> int:
        return len(self.simulator.books.noted)
