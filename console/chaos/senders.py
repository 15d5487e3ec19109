"""Sends planned deliveries at their instants, whatever became of those before, and watches orders become visible."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Sequence

import aiohttp

from console.chaos.tenants import SECRET, Orders, Sent
from console.demo.stage import insist
from core.hub import Hub
from core.store import pressure
from simulators.woocommerce.webhooks import signature

PATIENCE_S = 5.0  # how long a sender waits for an answer, as channels do
LOOK_S = 0.01


async def send(door: str, plan: Sequence[Sent], orders: Orders) -> None:
    """Send all of *plan* at their times; each then knows how it was answered (status 0: not at all)."""
    limits = aiohttp.TCPConnector(limit=0)
    patience = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with (
        aiohttp.ClientSession(connector=limits, timeout=patience) as session,
        asyncio.TaskGroup() as group,
    ):
        begun = time.monotonic()
        for one in plan:
            await asyncio.sleep(max(0.0, begun + one.at_s - time.monotonic()))
            group.create_task(post(session, door, one, orders.body(one)))


async def post(session: aiohttp.ClientSession, door: str, one: Sent, body: bytes) -> None:
    """Send *one*, which then knows how it was answered."""
    headers = {"X-WC-Webhook-Signature": signature(body, SECRET), "Content-Type": "application/json"}
    one.sent = time.monotonic()
    try:
        address = f"{door}/hooks/{one.tenant.token}/order.created"
        async with session.post(address, data=body, headers=headers) as answer:
            one.status, one.retry_after = answer.status, answer.headers.get("Retry-After")
    except (aiohttp.ClientError, TimeoutError):
        pass  # a status of 0 says so
    one.answered = time.monotonic()


async def watch(hub: Hub, sent: Collection[Sent], ended: asyncio.Event) -> None:
    """Look all the time which of the accepted orders are visible, until all has *ended*."""
    while not ended.is_set():
        await look(hub, sent)
        await asyncio.sleep(LOOK_S)


async def look(hub: Hub, sent: Iterable[Sent]) -> int:
    """Look once; returns how many accepted orders are not visible yet."""
    waiting = {one.key: one for one in sent if one.status == 200 and not one.visible}
    if not waiting:
        return 0

    async def ask() -> list[tuple[int, int, str]]:
        async with hub.database.transaction({key[0] for key in waiting}) as tx:
            return await pressure.visible(tx, list(waiting))

    found = await insist(ask)
    now = time.monotonic()
    for key in found:
        waiting[key].visible = now
    return len(waiting) - len(found)


def slowest(sent: Iterable[Sent], share: float = 0.99) -> float:
    """Milliseconds from a 200 to the visible order, which *share* of the good deliveries stay within."""
    found = sorted(one.visible - one.answered for one in sent if one.visible and not one.poison)
    return max(0.0, found[min(len(found) - 1, int(len(found) * share))]) * 1000 if found else float("inf")
