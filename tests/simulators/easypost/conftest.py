"""An EasyPost account with a settable clock, a hub that writes down what it is sent, and an API client."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from easypost_sim_rig import HOOK_SECRET, KEY, Api, Clock, Hub

from simulators.courier import Courier
from simulators.easypost import EasyPostSimulator
from simulators.serving import serve


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    courier = Courier(random.Random(1))
    yield courier
    await courier.close()


@pytest.fixture
def easypost(clock: Clock, courier: Courier) -> EasyPostSimulator:
    return EasyPostSimulator(
        api_key=KEY,
        webhook_secret=HOOK_SECRET,
        seed=7,
        courier=courier,
        now=clock,
        retry_after_s=(0.01, 0.01),
    )


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
async def address(easypost: EasyPostSimulator) -> AsyncIterator[str]:
    served = await serve(easypost.app())
    yield served.url
    await served.close()


@pytest.fixture
async def api(address: str) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        yield Api(session, address)
