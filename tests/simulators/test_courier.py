"""The courier: what it loses, copies, overtakes and tries again, on real HTTP."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from itertools import count

import pytest
from aiohttp import web

from simulators.courier import Courier, Faults, Webhook
from simulators.serving import serve


@dataclass
class Receiver:
    """Writes down what comes and answers the *statuses* one after another, then 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.signed.append(request.headers["X-Signed"])
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{name}", receiver.take)
    served = await serve(app)
    receiver.url = f"{served.url}/hook"
    yield receiver
    await served.close()


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    courier = Courier(random.Random(1))
    yield courier
    await courier.close()


def signed_by(_: bytes, secret: str) -> dict[str, str]:
    return {"X-Signed": secret}


def webhook(url: str, body: bytes, *retry_after_s: float, **more: Callable[..., None]) -> Webhook:
    return Webhook(url, body, "secret", signed_by, retry_after_s=retry_after_s, **more)


async def test_a_sender_that_retries_tries_the_same_bytes_and_headers_until_they_are_taken(
    receiver: Receiver, courier: Courier
) -> None:
    receiver.statuses = [503, 401, 302]
    heard: list[int | None] = []
    stamps = count()

    courier.post(
        Webhook(
            receiver.url,
            b"as it was",
            "secret",
            lambda _, secret: {"X-Signed": f"{secret} {next(stamps)}"},
            heard.append,
            (0.01, 0.01, 0.01, 0.01),
        )
    )
    await courier.settled()

    assert heard == [503, 401, 302, 200]
    assert receiver.bodies == [b"as it was"] * 4
    assert receiver.signed == ["secret 0"] * 4
    assert courier.counts == {"sent": 4, "retried": 3, "accepted": 1, "rejected": 1, "failed": 2}


async def test_any_2xx_is_taken(receiver: Receiver, courier: Courier) -> None:
    receiver.statuses = [204]

    courier.post(webhook(receiver.url, b"x", 0.0))
    await courier.settled()

    assert receiver.bodies == [b"x"]


async def test_it_gives_up_after_the_last_try(courier: Courier) -> None:
    heard: list[int | None] = []

    courier.post(webhook("http://127.0.0.1:9/hook", b"x", 0.0, 0.0, answered=heard.append))
    await courier.settled()

    assert heard == [None, None, None]


async def test_a_sender_that_does_not_retry_tries_once(receiver: Receiver, courier: Courier) -> None:
    receiver.statuses = [500]

    courier.post(webhook(receiver.url, b"x"))
    await courier.settled()

    assert receiver.bodies == [b"x"]


async def test_a_retry_that_waits_when_the_courier_closes_is_dropped(receiver: Receiver) -> None:
    courier, tried = Courier(random.Random(1)), asyncio.Event()
    receiver.statuses = [500]

    courier.post(webhook(receiver.url, b"x", 3600, answered=lambda _: tried.set()))
    await asyncio.wait_for(tried.wait(), 10)
    await courier.close()
    await courier.settled()

    assert receiver.bodies == [b"x"]


async def test_a_reordered_webhook_is_overtaken_by_a_later_one(receiver: Receiver, courier: Courier) -> None:
    courier.faults = Faults(reordered=1.0, delay_s=30)
    courier.post(webhook(receiver.url, b"first"))
    courier.post(webhook(receiver.url, b"second"))
    courier.faults = Faults()
    courier.post(webhook(f"{receiver.url}-of-another", b"elsewhere"))
    courier.post(webhook(receiver.url, b"third"))
    await asyncio.wait_for(courier.settled(), 10)

    by_url = [body for body in receiver.bodies if body != b"elsewhere"]
    assert by_url[0] == b"third"
    assert sorted(by_url[1:]) == [b"first", b"second"]


async def test_a_reordered_webhook_that_nobody_overtakes_comes_after_the_longest_delay(
    receiver: Receiver, courier: Courier
) -> None:
    courier.faults = Faults(reordered=1.0, delay_s=0.05)

    courier.post(webhook(receiver.url, b"alone"))
    await courier.settled()

    assert receiver.bodies == [b"alone"]


async def test_copies_are_each_sent_and_a_wrong_signature_is_wrong_on_all_of_them(
    receiver: Receiver, courier: Courier
) -> None:
    courier.faults = Faults(copies=3, bad_signature=1.0, delay_s=0.01)

    courier.post(webhook(receiver.url, b"x"))
    await courier.settled()

    assert receiver.signed == ["secret-wrong"] * 3


async def outcome(receiver: Receiver, seed: int) -> tuple[list[tuple[bytes, str]], int]:
    receiver.bodies, receiver.signed = [], []
    courier = Courier(random.Random(seed), Faults(lost=0.3, bad_signature=0.3, reordered=0.3, delay_s=0.01))
    for number in range(40):
        courier.post(webhook(receiver.url, str(number).encode()))
    await courier.settled()
    await courier.close()
    return sorted(zip(receiver.bodies, receiver.signed, strict=True)), courier.counts["lost"]


async def test_the_same_seed_loses_and_spoils_the_same_webhooks(receiver: Receiver) -> None:
    first, again, other = [await outcome(receiver, seed) for seed in (5, 5, 6)]

    assert first == again
    assert first != other
    assert 0 < first[1] < 40
