"""Shops that send again what was not answered 200, as shops do, at a steady rate. Knows nothing of what is struck."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from console.chaos.figures import Figure
from console.chaos.senders import PATIENCE_S, post
from console.chaos.tenants import Orders, Sent, Tenant
from core.errors import FairwayError

SLICE_S = 2.0  # of the load, planned at a time
AGAIN_S = 1.0  # before a shop sends again; real ones wait longer
GIVE_UP_S = 60.0


@dataclass(slots=True)
class Load:
    """*sent* are the deliveries, *said* each answer to each try: when it was sent (monotonic seconds), and the status."""

    orders: Orders
    sent: list[Sent] = field(default_factory=list)
    said: list[tuple[float, int]] = field(default_factory=list)

    async def next_yes(self, since: float, patience_s: float) -> float:
        """Wait until something that was sent after *since* is answered 200; returns the seconds since then."""
        while not any(status == 200 and at > since for at, status in reversed(self.said)):
            if time.monotonic() > since + patience_s:
                raise FairwayError(f"Waited {patience_s:.0f} s for a webhook to be answered 200.")
            await asyncio.sleep(0.02)
        return time.monotonic() - since

    def answers(self) -> list[Figure]:
        statuses = [status for _, status in self.said]
        other = len(statuses) - sum(statuses.count(one) for one in (200, 503, 0))
        return [
            Figure("webhooks answered 200", statuses.count(200), 1, least=True),
            Figure("answered 503, and sent again", statuses.count(503), None),
            Figure("not answered, and sent again", statuses.count(0), None),
            Figure("answered anything else", other, 0),
            Figure("never accepted", sum(one.status != 200 for one in self.sent), 0),
        ]


@asynccontextmanager
async def sending(door: str, load: Load, rates: Mapping[Tenant, float]) -> AsyncIterator[None]:
    """Send while the block runs; at its end all are accepted or given up."""
    ended = asyncio.Event()
    task = asyncio.create_task(_send(door, load, rates, ended))
    try:
        yield
    finally:
        ended.set()
        await task


async def _send(door: str, load: Load, rates: Mapping[Tenant, float], ended: asyncio.Event) -> None:
    limits = aiohttp.TCPConnector(limit=0)
    patience = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with (
        aiohttp.ClientSession(connector=limits, timeout=patience) as session,
        asyncio.TaskGroup() as group,
    ):
        while not ended.is_set():
            plan, begun = load.orders.plan(rates, SLICE_S), time.monotonic()
            load.sent.extend(plan)
            for one in plan:
                await asyncio.sleep(max(0.0, begun + one.at_s - time.monotonic()))
                group.create_task(_until_taken(session, door, load, one))
            await asyncio.sleep(max(0.0, begun + SLICE_S - time.monotonic()))


async def _until_taken(session: aiohttp.ClientSession, door: str, load: Load, one: Sent) -> None:
    body, end = load.orders.body(one), time.monotonic() + GIVE_UP_S
    while time.monotonic() < end:
        one.status = 0
        await post(session, door, one, body)
        load.said.append((one.sent, one.status))
        if one.status == 200:
            return
        await asyncio.sleep(AGAIN_S)
