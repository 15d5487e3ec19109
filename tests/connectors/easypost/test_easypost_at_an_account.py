"""The connector at a simulated account, over HTTP: two readings of the same documentation agree."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from connectors.easypost import CONNECTOR
from core.connector import Delivery, TrackingRead
from core.errors import ChannelError, ErrorCode
from core.model.fulfillment import TrackerWanted
from core.model.tracking import TrackingStatus
from core.net import Line, drive, open_client, sender
from core.rules.tracking import Standing, after
from simulators.courier import Courier, Faults
from simulators.easypost import EasyPostSimulator
from simulators.serving import serve

SECRET = "gehe\u00efm"
ENDS = {"delivered": TrackingStatus.DELIVERED, "return_to_sender": TrackingStatus.RETURN_TO_SENDER}


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    now: datetime = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Account:
    """A simulated account, a line to it, and what it has sent to us."""

    simulator: EasyPostSimulator
    courier: Courier
    line: Line
    clock: Clock
    address: str
    received: list[Delivery]


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    clock = Clock()
    received: list[Delivery] = []

    async def receive(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        topic = request.path.rsplit("/", 1)[-1]
        received.append(Delivery(topic, headers, await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hooks/t0ken/{topic}", receive)
    ours = await serve(app)
    courier = Courier(random.Random(1), Faults(copies=2, reordered=0.4, delay_s=0.05))
    simulator = EasyPostSimulator(api_key="EZAKx", webhook_secret="-", seed=11, courier=courier, now=clock)
    theirs = await serve(simulator.app())
    async with open_client(allow_private_hosts=True) as client:
        line = Line(
            CONNECTOR,
            {"base_url": theirs.url},
            {"api_key": "EZAKx"},
            sender(client, allow_private_hosts=True, deadline_s=5),
            clock,
        )
        yield Account(simulator, courier, line, clock, f"{ours.url}/hooks/t0ken", received)
    await courier.close()
    await theirs.close()
    await ours.close()


def wanted(number: str, carrier: str = "ups", *, look_first: bool = False) -> TrackerWanted:
    return TrackerWanted(key="k", tracking_number=number, carrier=carrier, look_first=look_first)


async def test_parcels_end_where_easypost_says_whatever_order_its_callbacks_come_in(account: Account) -> None:
    numbers = [f"1Z999AA1{n:010d}" for n in range(40)]
    await drive(CONNECTOR.subscribe(account.address, SECRET, ("callback",)), account.line)
    for number in numbers:
        await drive(CONNECTOR.create_tracker(wanted(number)), account.line)
    moving = list(numbers)
    while moving:
        account.clock.now += timedelta(hours=3)
        moving = [number for number in moving if account.simulator.advance(number)]
    await account.courier.settled()

    standing: dict[str, Standing] = {}
    last_word: dict[str, TrackingStatus] = {}
    for delivery in account.received:
        assert CONNECTOR.verify(delivery, [SECRET], account.clock()) is None
        reading = CONNECTOR.read(delivery, {})
        assert isinstance(reading, TrackingRead)
        assert CONNECTOR.unread(delivery) == []
        (told,) = reading.trackings
        assert told.flags == ()
        news = Standing(told.status, told.incident, told.status_at)
        last_word[told.tracking_number] = told.status
        standing[told.tracking_number] = after(standing.get(told.tracking_number), news)

    truth = account.simulator.truth()
    assert {number: standing[number].status for number in numbers} == {
        number: ENDS[truth[number]] for number in numbers
    }
    assert all(one.incident is None for one in standing.values())
    assert last_word != {
        number: one.status for number, one in standing.items()
    }  # they were out of order indeed
    assert set(truth.values()) == set(ENDS)


async def test_the_account_is_named_and_only_its_own_key_opens_it(account: Account) -> None:
    found = await drive(CONNECTOR.check_account(), account.line)
    assert found.account == account.simulator.user_id

    account.simulator.revoke_key()
    with pytest.raises(ChannelError) as raised:
        await drive(CONNECTOR.check_account(), account.line)
    assert raised.value.code is ErrorCode.UNAUTHORIZED


async def test_subscribing_again_keeps_one_webhook_and_changes_its_secret(account: Account) -> None:
    for secret in ("first", SECRET):
        await drive(CONNECTOR.subscribe(account.address, secret, ("callback",)), account.line)

    (hook,) = account.simulator.callbacks.hooks.values()
    assert hook.url == f"{account.address}/callback"
    await drive(CONNECTOR.create_tracker(wanted("1Z999AA10123456784")), account.line)
    await account.courier.settled()
    assert any(CONNECTOR.verify(one, [SECRET], account.clock()) is None for one in account.received)
    assert all(CONNECTOR.verify(one, ["first"], account.clock()) for one in account.received)


async def test_looking_first_finds_even_a_tracker_that_easypost_would_make_anew(account: Account) -> None:
    first = await drive(CONNECTOR.create_tracker(wanted("1Z999AA10123456784")), account.line)
    again = await drive(CONNECTOR.create_tracker(wanted("1Z999AA10123456784", "UPS")), account.line)
    account.clock.now += timedelta(days=120)
    looked = await drive(
        CONNECTOR.create_tracker(wanted("1Z999AA10123456784", look_first=True)), account.line
    )

    assert first.items == again.items == looked.items
    assert len(account.simulator.trackers_made) == 1
