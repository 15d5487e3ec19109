"""What the edge's tests share: a small channel, tenants, and a sender that speaks HTTP or worse."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import web

from core.connector import Answer, Connector, Delivery, Refused
from core.sealing import Keyring
from core.settings import Settings
from core.store import connections
from core.store.database import Database
from webhooks.app import POOL_SIZE, create_app
from webhooks.server import listening

DEADLINE_S = 0.6  # for heads and bodies, so that the slow ones are cut off soon
CAP = 256 * 1024  # bytes of a body
SIGNATURE = "X-Penny-Signature"
_numbers = itertools.count(1)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class PennyPost:
    """A channel that signs as most do: base64 HMAC-SHA256 over the raw body. Its ping is unsigned."""

    manifest = SimpleNamespace(webhook_secrets=("webhook_secret",))

    def challenge(self, delivery: Delivery) -> Answer | None:
        return Answer(200, b"pong") if delivery.body == b"ping" else None

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> Refused | None:
        written = delivery.headers.get(SIGNATURE.lower(), "")
        try:
            given = base64.b64decode(written, validate=True)
        except ValueError:
            return Refused("not base64")
        if base64.b64encode(given).decode() != written:
            return Refused("not canonical")
        if any(hmac.compare_digest(_mac(secret, delivery.body), given) for secret in secrets):
            return None
        return Refused("does not fit")


def _mac(secret: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


def sign(secret: str, body: bytes) -> str:
    return base64.b64encode(_mac(secret, body)).decode()


def ring_of_tests() -> Keyring:
    return Keyring.parse(Keyring.generate("test"))


@dataclass(frozen=True)
class Hook:
    """A linked connection and what its channel knows."""

    merchant_id: int
    connection_id: int
    token: str
    secret: str


@dataclass
class Tenants:
    """Makes merchants and looks at what is stored for them, as administrator."""

    database: Database
    ring: Keyring
    clock: Clock

    async def link(self, channel: str, secret: str = "s3cret", field: str = "webhook_secret") -> Hook:
        number = next(_numbers)
        token = f"token-{number}-{channel}"
        async with self.database.transaction([]) as tx:
            merchant = await connections.add_merchant(tx, f"Merchant {number}", self.ring, self.clock())
            connection = await connections.add_connection(
                tx,
                merchant_id=merchant,
                channel=channel,
                name="shop",
                account=f"shop-{number}",
                settings={},
                token=token,
                stock_since=self.clock(),
                now=self.clock(),
            )
        hook = Hook(merchant, connection, token, secret)
        await self.change_secret(hook, secret, field)
        return hook

    async def change_secret(self, hook: Hook, secret: str, field: str = "webhook_secret") -> None:
        async with self.database.transaction([hook.merchant_id]) as tx:
            await connections.put_credential(
                tx, hook.merchant_id, hook.connection_id, field, "inbound", secret, self.ring
            )

    async def retire_old_secret(self, hook: Hook) -> None:
        async with self.database.transaction([hook.merchant_id]) as tx:
            await tx.execute(
                """UPDATE credentials SET not_after = $3
                   WHERE merchant_id = $1 AND connection_id = $2 AND position = 1""",
                hook.merchant_id,
                hook.connection_id,
                self.clock(),
            )

    async def stored(self, hook: Hook) -> list[Mapping[str, Any]]:
        """The merchant's deliveries, oldest first."""
        async with self.database.transaction([hook.merchant_id]) as tx:
            rows: list[Mapping[str, Any]] = await tx.fetch(
                "SELECT * FROM deliveries WHERE merchant_id = $1 ORDER BY delivery_id", hook.merchant_id
            )
            return rows

    async def counted(self, hook: Hook) -> tuple[int, int, int]:
        """Accepted, duplicate, rejected."""
        async with self.database.transaction([hook.merchant_id]) as tx:
            row = await tx.fetchrow(
                """SELECT coalesce(sum(accepted), 0), coalesce(sum(duplicate), 0), coalesce(sum(rejected), 0)
                   FROM intake_counts WHERE merchant_id = $1""",
                hook.merchant_id,
            )
            assert row is not None
            return int(row[0]), int(row[1]), int(row[2])


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def slug(self) -> str:
        """The kind of problem; fails when the answer is not a problem in our form."""
        assert self.headers["Content-Type"] == "application/problem+json"
        told = json.JSONDecoder().decode(self.body.decode())
        assert told["status"] == self.status
        return str(told["type"]).removeprefix("urn:fairway:problem:")


@dataclass
class Edge:
    """A running edge and a sender to it."""

    app: web.Application
    port: int
    hook: Hook
    tenants: Tenants
    clock: Clock
    session: aiohttp.ClientSession
    rung: list[str] = field(default_factory=list)

    def path(self, topic: str = "orders/create", token: str | None = None) -> str:
        return f"/hooks/{token or self.hook.token}/{topic}"

    async def post(
        self,
        body: bytes = b'{"id":1}',
        *,
        topic: str = "orders/create",
        token: str | None = None,
        signature: str | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> Reply:
        """Send one delivery, rightly signed unless told otherwise ("" for no signature at all)."""
        signature = sign(self.hook.secret, body) if signature is None else signature
        return await self.send(
            method,
            self.path(topic, token),
            body,
            {**({SIGNATURE: signature} if signature else {}), **(headers or {})},
        )

    async def send(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, data=body, headers=headers) as answer:
            return Reply(answer.status, answer.headers.copy(), await answer.read())

    async def raw(self, request: bytes, *, patience_s: float = 5.0) -> bytes:
        """Send *request* as it is; returns all that comes back until the connection ends."""
        async with asyncio.timeout(patience_s), self.dial() as (reader, writer):
            writer.write(request)
            return await reader.read()

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A bare connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def head(self, *lines: str, topic: str = "orders/create", version: str = "1.1") -> bytes:
        """A request head that asks for the connection to be closed after it."""
        start = f"POST {self.path(topic)} HTTP/{version}"
        return "\r\n".join([start, "Host: edge", "Connection: close", *lines, "", ""]).encode()


@asynccontextmanager
async def run_edge(
    tenants: Tenants,
    url: str,
    clock: Clock,
    hook: Hook,
    *,
    session: aiohttp.ClientSession,
    registry: Mapping[str, Connector] | None = None,
) -> AsyncIterator[Edge]:
    """Serve on a free port while the block runs."""
    settings = Settings(
        database_url=url,
        redis_url=None,
        inbound=tenants.ring,
        outbound=None,
        port=0,
        max_body=CAP,
        read_deadline_s=DEADLINE_S,
    )
    rung: list[str] = []

    async def ring(kind: str, _merchants: object) -> None:
        rung.append(kind)

    database = await Database.connect(url, size=POOL_SIZE)
    channels: Any = {"penny-post": PennyPost()} if registry is None else registry
    app = create_app(settings, database=database, registry=channels, clock=clock, ring=ring)
    try:
        async with listening(app, settings) as port:
            yield Edge(app, port, hook, tenants, clock, session, rung)
    finally:
        await database.close()
