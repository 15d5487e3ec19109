"""What replays a recording: a shop that answers from it, and the running hub its webhooks are posted to."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import asyncpg
from aiohttp import web

from console.cli.orders import open_document
from core.connector import Delivery, OrderRead
from core.flow import decode, encode
from core.hub import Hub
from core.model.order import Order
from core.store import connections
from core.store.database import Database
from core.store.verify import verify
from jobs.work import Worker
from simulators.serving import serve
from tests.conftest import as_role
from webhooks.app import POOL_SIZE, create_app
from webhooks.server import listening

API = "/wp-json/wc/v3"
NO_SUCH_ORDER = encode(
    {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}
)
LOOKS = 40  # rounds of the worker within which a replay has to come to rest


@dataclass(frozen=True, slots=True)
class Sent:
    """One webhook as the shop sent it; *headers* hold the shop's own signature over *body*."""

    topic: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Recording:
    """One shop's traffic. *bodies* is what it last showed of an order it was asked for, None for one that is gone;
    *final* are the orders a whole GET was seen of after everything else had happened to them.
    """

    name: str
    secret: str
    sent: list[Sent] = field(default_factory=list)
    bodies: dict[str, bytes | None] = field(default_factory=dict)
    final: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Stored:
    """An order as the hub has it."""

    order: Order
    gone: bool


class Player:
    """Answers for the shop: single orders from the recording, every list with nothing in it."""

    def __init__(self, bodies: dict[str, bytes | None]) -> None:
        self._bodies = bodies
        self.asked: list[str] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get(API + "/orders/{order_id}", self._order)
        app.router.add_get(API + "/{list:.+}", self._nothing)
        return app

    async def _order(self, request: web.Request) -> web.Response:
        order_id = request.match_info["order_id"]
        self.asked.append(order_id)
        body = self._bodies.get(order_id)
        if body is None:
            return web.Response(status=404, body=NO_SUCH_ORDER, content_type="application/json")
        return web.Response(body=body, content_type="application/json")

    async def _nothing(self, _request: web.Request) -> web.Response:
        return web.json_response([])


@dataclass
class Running:
    """The hub's web application on a port and its worker, one round at a time."""

    hub: Hub
    admin: asyncpg.Connection[asyncpg.Record]
    session: aiohttp.ClientSession
    url: str
    merchants: list[int] = field(default_factory=list)

    async def link(self, name: str, base_url: str, secret: str) -> tuple[int, str]:
        """A merchant of its own with one WooCommerce shop at *base_url*; returns its connection and path token."""
        settings, now, token = self.hub.settings, self.hub.clock(), f"token-of-{name}"
        assert settings.outbound is not None
        async with self.hub.database.transaction([]) as tx:
            merchant_id = await connections.add_merchant(tx, name, settings.inbound, now)
        async with self.hub.database.transaction([merchant_id]) as tx:
            connection_id = await connections.add_connection(
                tx,
                merchant_id=merchant_id,
                channel="woocommerce",
                name=name,
                account=base_url,
                settings={"base_url": base_url},
                token=token,
                stock_since=now,
                now=now,
            )
            kept = {"consumer_key": "outbound", "consumer_secret": "outbound", "webhook_secret": "inbound"}
            for name_of, ring in kept.items():
                value = secret if ring == "inbound" else f"{name_of}-of-the-player"
                keys = settings.inbound if ring == "inbound" else settings.outbound
                await connections.put_credential(tx, merchant_id, connection_id, name_of, ring, value, keys)
        self.merchants.append(merchant_id)
        return connection_id, token

    async def post(self, token: str, sent: Sent) -> int:
        """Post one webhook; returns the status of the answer."""
        url = f"{self.url}/hooks/{token}/{sent.topic}"
        async with self.session.post(url, data=sent.body, headers=sent.headers) as answer:
            return answer.status

    async def work(self) -> None:
        """Let the worker look until nothing is left to drain or to fetch."""
        worker = Worker(self.hub)
        for _ in range(LOOKS):
            await worker.look()
            if not await self.admin.fetchval(
                "SELECT (SELECT count(*) FROM todo) + (SELECT count(*) FROM fetches)"
            ):
                return
        raise AssertionError(f"not at rest after {LOOKS} looks")

    async def stored(self, connection_id: int) -> dict[str, Stored]:
        """Every order of a connection out of its seal, by the channel's id."""
        rows = await self.admin.fetch("SELECT * FROM orders WHERE connection_id = $1", connection_id)
        found = {}
        for row in rows:
            account = await self.hub.account(row["merchant_id"], connection_id)
            document = open_document(account, row["document"], dict(row))
            order = Order.model_validate(document)
            assert row["channel_order_id"] not in found
            found[row["channel_order_id"]] = Stored(order, gone=row["gone_at"] is not None)
        return found

    async def violations(self) -> dict[str, int]:
        async with self.hub.database.transaction(self.merchants) as tx:
            found: dict[str, int] = (await verify(tx, at_rest=True, now=self.hub.clock()))["violations"]
            return found


@asynccontextmanager
async def run_hub(hub: Hub, admin_url: str) -> AsyncIterator[Running]:
    """The web application of *hub*'s database on a free port, with what a test asks of it."""
    settings = replace(hub.settings, database_url=as_role(admin_url, "fairway_web"), outbound=None)
    database = await Database.connect(settings.database_url, size=POOL_SIZE)
    admin = await asyncpg.connect(admin_url)
    app = create_app(settings, database=database, registry=hub.registry, clock=hub.clock, ring=hub.wake.ring)
    try:
        async with listening(app, settings) as port, aiohttp.ClientSession() as session:
            yield Running(hub, admin, session, f"http://127.0.0.1:{port}")
    finally:
        await admin.close()
        await database.close()


async def replay(running: Running, recordings: Sequence[Recording], rng: random.Random) -> list[str]:
    """Post every webhook of *recordings* twice in a random order, working now and then; returns what ended wrong."""
    served = [await serve(Player(recording.bodies).app()) for recording in recordings]
    try:
        links = [
            await running.link(recording.name, shop.url, recording.secret)
            for recording, shop in zip(recordings, served, strict=True)
        ]
        deck = [
            (token, sent)
            for recording, (_, token) in zip(recordings, links, strict=True)
            for sent in recording.sent * 2
        ]
        rng.shuffle(deck)
        for number, (token, sent) in enumerate(deck):
            assert await running.post(token, sent) == 200
            if number % 25 == rng.randrange(25):
                await running.work()
        await running.work()
        wrong = []
        for recording, (connection_id, _) in zip(recordings, links, strict=True):
            wrong += _differences(recording, await running.stored(connection_id), running.hub)
        return wrong
    finally:
        for shop in served:
            await shop.close()


def _differences(recording: Recording, stored: dict[str, Stored], hub: Hub) -> list[str]:
    wrong = []
    for order_id in sorted(recording.final):
        place, ours = f"{recording.name}: order {order_id}", stored.get(order_id)
        last = recording.bodies[order_id]
        if last is None:
            if ours is None or not ours.gone:
                wrong.append(f"{place} is not known to be gone")
            continue
        reading = hub.connector("woocommerce").read(Delivery("pull/order", {}, last), {})
        assert isinstance(reading, OrderRead)
        if ours is None or ours.gone:
            wrong.append(f"{place} is missing")
        elif ours.order != reading.order:
            wrong.append(f"{place} differs in {_fields(ours.order, reading.order)}")
    return wrong


def _fields(ours: Order, theirs: Order) -> list[str]:
    return [name for name in Order.model_fields if getattr(ours, name) != getattr(theirs, name)]


def is_whole_order(body: bytes) -> bool:
    """Whether *body* is an order with all its fields."""
    value = decode(body)
    return isinstance(value, dict) and {"id", "status", "total", "line_items", "meta_data"} <= value.keys()
