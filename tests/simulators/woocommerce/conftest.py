"""A shop with a settable clock, a hub that writes down what it is sent, and a merchant's REST client."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from simulators.serving import serve
from simulators.woocommerce import StoreCourier, Variation, WooCommerceSimulator

KEY, SECRET, HOOK_SECRET = "ck_test", "cs_test", "whsec-test"
HTTPS = {"X-Forwarded-Proto": "https"}


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    at: datetime = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def tick(self, seconds: float = 1) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Hub:
    """Receives webhooks and answers *status*."""

    url: str = ""
    status: int = 200
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def topics(self) -> list[str]:
        return [headers.get("X-WC-Webhook-Topic", "ping") for headers, _ in self.received]


@dataclass
class Rest:
    """Calls the shop as a merchant's tool does behind a TLS proxy."""

    session: aiohttp.ClientSession
    base: str

    async def __call__(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any, Any]:
        headers = HTTPS | {"Authorization": aiohttp.encode_basic_auth(KEY, SECRET)}
        async with self.session.request(
            method,
            f"{self.base}/wp-json/wc/v3/{path}",
            json=body,
            params=query,
            headers=headers,
        ) as answer:
            return answer.status, await answer.json(), answer.headers


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def courier() -> AsyncIterator[StoreCourier]:
    courier = StoreCourier(random.Random(1))
    yield courier
    await courier.close()


@pytest.fixture
def shop(clock: Clock, courier: StoreCourier) -> WooCommerceSimulator:
    """A mug (5 counted), an uncounted poster, shirts counted by variation, socks counted at the parent."""
    shop = WooCommerceSimulator(
        consumer_key=KEY,
        consumer_secret=SECRET,
        webhook_secret=HOOK_SECRET,
        seed=7,
        courier=courier,
        now=clock,
    )
    shop.add_product(sku="MUG", name="Coffee mug", price="12.90", quantity=5, gtin="4006381333931")
    shop.add_product(sku="POSTER", name="Poster", price="9.00", quantity=None)
    shop.add_variable_product(
        sku="SHIRT",
        name="Shirt",
        price="24.90",
        variations=[
            Variation({"Size": "S", "Farbe": "Blau"}, sku="SHIRT-S", quantity=4),
            Variation({"Size": "L", "Farbe": "Grün"}, sku="SHIRT-L"),
        ],
    )
    shop.add_variable_product(
        sku="SOCK",
        name="Socks",
        price="6.00",
        quantity=10,
        variations=[Variation({"Pair": "Red"}, sku="SOCK-RED"), Variation({"Pair": "Any"})],
    )
    shop.add_coupon("WELCOME10", 10)
    return shop


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()

    async def receive(request: web.Request) -> web.Response:
        hub.received.append((dict(request.headers), await request.read()))
        return web.Response(status=hub.status)

    app = web.Application()
    app.router.add_post("/hook", receive)
    served = await serve(app)
    hub.url = f"{served.url}/hook"
    yield hub
    await served.close()


@pytest.fixture
async def address(shop: WooCommerceSimulator) -> AsyncIterator[str]:
    served = await serve(shop.app())
    yield served.url
    await served.close()


@pytest.fixture
async def rest(address: str) -> AsyncIterator[Rest]:
    async with aiohttp.ClientSession() as session:
        yield Rest(session, address)
