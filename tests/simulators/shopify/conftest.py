"""A shop with a settable clock and three things on sale, a hub that writes down, the shop's HTTP address."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from shopify_sim_rig import CLIENT_SECRET, DOMAIN, TOKEN, Clock, Hub

from simulators.courier import Courier
from simulators.serving import serve
from simulators.shopify import ShopifySimulator, SimOrder


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    courier = Courier(random.Random(1))
    yield courier
    await courier.close()


@pytest.fixture
def shop(clock: Clock, courier: Courier) -> ShopifySimulator:
    """A mug (5 units), a lamp (50), an untracked voucher."""
    shop = ShopifySimulator(
        shop=DOMAIN, access_token=TOKEN, client_secret=CLIENT_SECRET, seed=7, courier=courier, now=clock
    )
    shop.add_variant(sku="MUG", title="Mug <blue> & white", price="12.50", quantity=5, gtin="4006381333931")
    shop.add_variant(sku="LAMP", title="Lamp", price="49.99", quantity=50)
    shop.add_variant(sku="VOUCHER", title="Voucher", price="10.00", quantity=0, tracked=False)
    return shop


@pytest.fixture
def order(shop: ShopifySimulator) -> SimOrder:
    """Three mugs and a lamp."""
    order = shop.checkout([("MUG", 3), ("LAMP", 1)])
    assert order is not None
    return order


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()

    async def receive(request: web.Request) -> web.Response:
        hub.received.append((dict(request.headers), await request.read()))
        return web.Response(status=hub.failures.pop() if hub.failures else hub.status)

    app = web.Application()
    app.router.add_post("/hooks/{topic:.*}", receive)
    served = await serve(app)
    hub.url = f"{served.url}/hooks"
    yield hub
    await served.close()


@pytest.fixture
async def graphql_url(shop: ShopifySimulator) -> AsyncIterator[str]:
    served = await serve(shop.app())
    yield f"{served.url}/admin/api/2026-07/graphql.json"
    await served.close()
