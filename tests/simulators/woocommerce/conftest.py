"""A shop with a settable clock, a hub that writes down what it is sent, and a merchant's REST client."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from woo_sim_rig import HOOK_SECRET, KEY, SECRET, Clock, Hub, Rest

from simulators.courier import Courier
from simulators.serving import serve
from simulators.woocommerce import Variation, WooCommerceSimulator


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    courier = Courier(random.Random(1))
    yield courier
    await courier.close()


@pytest.fixture
def shop(clock: Clock, courier: Courier) -> WooCommerceSimulator:
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
