"""A channel with a real token bucket on loopback, its connector, and a worker that dies with its chunk."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from core.clock import wall_clock
from core.connector import (
    Account,
    BudgetTold,
    Connector,
    Credentials,
    Delivery,
    Limits,
    Manifest,
    Overrides,
    Reading,
    Refused,
    Settings,
    Unreadable,
)
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, Response
from core.hub import Hub
from core.meter import Meter
from core.net import Line, drive
from core.store import connections
from core.store.database import Database

CALL = Request("GET", "/call")


@dataclass
class Till:
    """The channel. *points* refill by *rate* a second up to *burst*; *status* other than 200 is what it answers
    instead. *retry_after* is what a 429 asks for.
    """

    rate: float
    burst: float
    url: str = ""
    status: int = 200
    retry_after: float = 1.0
    accepted: int = 0
    throttled: int = 0
    failed: int = 0
    points: float = field(init=False)
    at: float = field(default_factory=time.monotonic)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.points = self.burst
        self.hold.set()

    async def answer(self, _request: web.Request) -> web.Response:
        await self.hold.wait()
        if self.status != 200:
            self.failed += 1
            return web.Response(status=self.status)
        self.refill()
        if self.points < 1:
            self.throttled += 1
            return web.Response(status=429, headers={"Retry-After": str(self.retry_after), **self._told()})
        self.points -= 1
        self.accepted += 1
        return web.Response(text="fine", headers=self._told())

    def refill(self) -> None:
        now = time.monotonic()
        self.points = min(self.burst, self.points + (now - self.at) * self.rate)
        self.at = now

    def _told(self) -> dict[str, str]:
        return {"X-Left": str(self.points), "X-Rate": str(self.rate), "X-Burst": str(self.burst)}


@dataclass
class TillConnector:
    """Its connector, with what the manifest believes: that need not be what the channel does."""

    limits: Limits
    manifest: Manifest = field(init=False)

    def __post_init__(self) -> None:
        self.manifest = Manifest(
            slug="till",
            kind="carrier",
            name="Till",
            documentation="",
            api_version="1",
            capabilities=(),
            credentials=(),
            hosts=(),
            limits={"api": self.limits, "bulk": self.limits},
            idempotency_keys=False,
            data_use="none",
            tier="draft",
        )

    def base_url(self, settings: Settings) -> str:
        return settings["base_url"]

    def authorize(
        self, request: Request, credentials: Credentials, base_url: str, now: datetime, nonce: str
    ) -> Request:
        return request

    def classify(self, response: Response) -> ChannelError | None:
        if response.status == 429:
            pause = float(response.headers["retry-after"])
            return ChannelError(ErrorCode.RATE_LIMITED, "too fast", retry_after_s=pause)
        codes = {404: ErrorCode.NOT_FOUND, 401: ErrorCode.UNAUTHORIZED, 422: ErrorCode.REJECTED}
        if response.status >= 500:
            return ChannelError(ErrorCode.UNAVAILABLE, f"HTTP {response.status}")
        return ChannelError(codes[response.status]) if response.status in codes else None

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> Refused | None:
        return None

    def read(self, delivery: Delivery, overrides: Overrides) -> Reading:
        return Unreadable(())

    def check_account(self) -> Flow[Account]:
        yield CALL
        return Account("till", "Till")


class TellingConnector(TillConnector):
    """Reads what the channel says about its bucket."""

    def budget(self, response: Response) -> BudgetTold | None:
        if "x-left" not in response.headers:
            return None
        left, rate, burst = (float(response.headers[name]) for name in ("x-left", "x-rate", "x-burst"))
        return BudgetTold("api", left, rate, burst)


def call(*, reads: bool = False) -> Flow[int]:
    """One call; as a write it is never repeated."""
    answer = yield Request("GET", "/call", reads=reads)
    return answer.status


async def outcome(line: Line) -> str:
    """What one call came to: its status or the code of the refusal."""
    try:
        return str(await drive(call(), line))
    except ChannelError as error:
        return error.code


async def link(hub: Hub, url: str, *, merchant: str = "Mia") -> tuple[int, int]:
    """(merchant, connection) of a new account at the till."""
    async with hub.database.transaction([]) as tx:
        merchant_id = await connections.add_merchant(tx, merchant, hub.settings.inbound, hub.clock())
    async with hub.database.transaction([merchant_id]) as tx:
        connection_id = await connections.add_connection(
            tx,
            merchant_id=merchant_id,
            channel="till",
            name="till",
            account=merchant,
            settings={"base_url": url},
            token=f"token-of-{merchant}",
            stock_since=hub.clock(),
            now=hub.clock(),
            kinds=(),
        )
    return merchant_id, connection_id


async def line_of(hub: Hub, account: tuple[int, int]) -> Line:
    async with hub.database.transaction([account[0]]) as tx:
        return await hub.line(tx, await connections.linked(tx, *account))


async def _call_once_and_die(url: str, merchant_id: int, connection_id: int, connector: Connector) -> None:
    database = await Database.connect(url, size=1)
    await Meter(database, wall_clock).gate(merchant_id, connection_id, connector, {}).allow(CALL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    address, merchant, connection, per_second, most = sys.argv[1:]
    limited = TillConnector(Limits(points_per_s=float(per_second), burst=float(most)))
    asyncio.run(_call_once_and_die(address, int(merchant), int(connection), limited))
