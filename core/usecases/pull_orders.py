"""Pull orders: find what webhooks lost. The checkpoint moves in the transaction of the last page's rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.connector import PullsOrders, Window
from core.errors import ChannelError, ErrorCode
from core.hub import Hub
from core.net import drive
from core.store import connections, levels, runs, schedule
from core.store.database import Connection
from core.store.schedule import Lease, held
from core.usecases.lease import LostLease
from core.usecases.store_page import store_page

OVERLAP = timedelta(minutes=10)  # rows that become visible late, clocks that differ
FIRST_LOOK = timedelta(days=30)
MAX_PAGES = 10_000
UNSEEN_PATIENCE = timedelta(minutes=2)  # how long a sale seen only in a count may take to reach a pull


@dataclass(frozen=True, slots=True)
class Pulled:
    pages: int
    items: int
    new: int


async def pull_orders(hub: Hub, lease: Lease) -> Pulled:
    """Ask for everything that changed since the checkpoint, less an overlap; what we know already is dropped.

    Raises `ChannelError` where a page fails: pages before it are stored, the checkpoint stays.
    """
    account = await hub.account(lease.merchant_id, lease.connection_id)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
        line = await hub.line(tx, linked)
        checkpoint = await runs.checkpoint(tx, lease.merchant_id, lease.connection_id, "orders")
    if linked.status != "active" or not isinstance(account.connector, PullsOrders):
        return Pulled(0, 0, 0)
    until = hub.clock()
    since = checkpoint[0] - OVERLAP if checkpoint else min(until, linked.stock_since) - FIRST_LOOK
    window = Window(since=since, until=until + OVERLAP)
    cursor: str | None = None
    seen: set[str] = set()
    pages = items = new = 0
    while True:
        page = await drive(account.connector.pull_orders(window, cursor), line)
        pages, items = pages + 1, items + len(page.items)
        last = page.next_cursor is None
        async with hub.database.transaction([lease.merchant_id]) as tx:
            if not await held(tx, lease) or not await schedule.renew(tx, lease, hub.settings.lease_s):
                raise LostLease
            new += await store_page(tx, account, page, "pull", hub.clock())
            if last and not await _advance(hub, tx, lease, checkpoint, until):
                raise LostLease
        await hub.wake.ring("drain")
        if last:
            return Pulled(pages, items, new)
        cursor = page.next_cursor
        if cursor in seen or pages >= MAX_PAGES:
            raise ChannelError(ErrorCode.UNEXPECTED, "the channel's pages do not come to an end")
        seen.add(cursor or "")


async def _advance(
    hub: Hub,
    tx: Connection,
    lease: Lease,
    checkpoint: tuple[datetime, int] | None,
    until: datetime,
) -> bool:
    moved = await runs.advance(
        tx,
        lease.merchant_id,
        lease.connection_id,
        "orders",
        checkpoint[1] if checkpoint else 0,
        until,
        hub.clock(),
    )
    if moved and checkpoint:
        # A pull that began well after these units went missing has found no order for them.
        before = checkpoint[0] - UNSEEN_PATIENCE
        await levels.forget_unseen(tx, lease.merchant_id, lease.connection_id, before, hub.clock())
    return moved


async def next_pull(hub: Hub, _lease: Lease, _result: object) -> datetime:
    return hub.clock() + timedelta(seconds=hub.settings.pull_every_s)
