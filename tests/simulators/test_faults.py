"""Calls that are spoilt on their way, over a real server."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web

from simulators.faults import NO_FAULTS, CallFaults, faulty
from simulators.serving import serve


@dataclass
class Shop:
    """Counts each effect and says how many there were."""

    url: str = ""
    faults: CallFaults = NO_FAULTS
    effects: int = 0

    async def write(self, request: web.Request) -> web.Response:
        await request.read()
        self.effects += 1
        return web.json_response({"effects": self.effects})


async def served(shop: Shop, seed: int) -> web.AppRunner:
    app = web.Application(middlewares=[faulty(lambda: shop.faults, random.Random(seed))])
    app.router.add_post("/", shop.write)
    running = await serve(app)
    shop.url = running.url
    return running.runner


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    shop = Shop()
    runner = await served(shop, 1)
    yield shop
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def fate(session: aiohttp.ClientSession, shop: Shop) -> int | None:
    """The status of a call's answer, None where the connection was cut."""
    try:
        async with session.post(shop.url, data=b"x") as answer:
            return answer.status
    except aiohttp.ServerDisconnectedError:
        return None


async def test_a_lost_reply_had_its_effect_and_is_a_cut_connection_without_noise(
    session: aiohttp.ClientSession, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.faults = CallFaults(lost_replies=1.0)

    with caplog.at_level(logging.DEBUG, "aiohttp"):
        fates = [await fate(session, shop) for _ in range(5)]

    assert fates == [None] * 5
    assert shop.effects == 5
    assert caplog.messages == []


async def test_a_refused_call_has_no_effect(session: aiohttp.ClientSession, shop: Shop) -> None:
    shop.faults = CallFaults(refused=1.0, lost_replies=1.0)

    assert await fate(session, shop) == 503
    assert shop.effects == 0


async def test_a_delay_comes_before_the_effect(session: aiohttp.ClientSession, shop: Shop) -> None:
    luck = random.Random(1)
    expected = [luck.random() for _ in range(3)][2] * 0.2
    shop.faults = CallFaults(delay_s=0.2)

    started = time.monotonic()
    answered = await fate(session, shop)

    assert (answered, shop.effects) == (200, 1)
    assert time.monotonic() - started >= expected > 0.1


async def test_faults_can_be_switched_off_while_the_server_runs(
    session: aiohttp.ClientSession, shop: Shop
) -> None:
    shop.faults = CallFaults(lost_replies=1.0)
    cut = await fate(session, shop)
    shop.faults = NO_FAULTS

    assert (cut, await fate(session, shop)) == (None, 200)


async def fates(session: aiohttp.ClientSession, seed: int, faults: CallFaults) -> list[int | None]:
    shop = Shop(faults=faults)
    runner = await served(shop, seed)
    found = [await fate(session, shop) for _ in range(40)]
    await runner.cleanup()
    assert shop.effects == len([status for status in found if status != 503])
    return found


async def test_the_same_seed_spoils_the_same_calls(session: aiohttp.ClientSession) -> None:
    faults = CallFaults(lost_replies=0.3, refused=0.3)

    first, again, other = [await fates(session, seed, faults) for seed in (5, 5, 6)]

    assert first == again != other
    assert set(first) == {None, 200, 503}


async def test_what_befalls_a_call_does_not_depend_on_the_faults_of_those_before(
    session: aiohttp.ClientSession,
) -> None:
    calm = await fates(session, 5, CallFaults(lost_replies=0.3))
    rough = await fates(session, 5, CallFaults(lost_replies=0.3, refused=0.3))

    assert [status for status in rough if status is None] != []
    assert all(mild == status for mild, status in zip(calm, rough, strict=True) if status != 503)
