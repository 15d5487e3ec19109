"""Pull orders: find what webhooks lost. The checkpoint moves in the transaction of the last page's rows.

What a channel's limits put off half-way, or a failing network, goes on with the page it was at: a long pull that began anew
would use up the budget with the same pages again, and never end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.connector import Page, PullsOrders, Window
from core.errors import ChannelError, ErrorCode
from core.failpoints import reach
from core.hub import Hub
from core.log import get_log
from core.net import drive
from core.store import connections, runs, schedule
from core.store.database import Connection
from core.store.schedule import Lease, held
from core.usecases.lease import LostLease
from core.usecases.reconcile import watch_reconcile
from core.usecases.store_page import store_page
from core.usecases.their_clock import with_their_clock

OVERLAP = timedelta(minutes=10)  # rows that become visible late, clocks that differ
FIRST_LOOK = timedelta(days=30)
MAX_PAGES = 10_000

# Errors that say nothing about the page that was asked for.
_PASSING = frozenset(
    {ErrorCode.RATE_LIMITED, ErrorCode.PAUSED, ErrorCode.UNAVAILABLE, ErrorCode.TIMEOUT, ErrorCode.NOT_SENT}
)

log = get_log("pull")


@dataclass(frozen=True, slots=True)
class Pulled:
    pages: int
    items: int
    new: int


async def pull_orders(hub: Hub, lease: Lease) -> Pulled:
    """Ask for everything that changed since the checkpoint, less an overlap; what we know already is dropped.

    Raises `ChannelError` where a page fails: pages before it are stored, the checkpoint stays, and the next pull goes on
    there unless the channel refused the page itself.
    """
    try:
        return await _pull(hub, lease)
    except ChannelError as error:
        if error.code not in _PASSING:  # the cursor may be what is wrong
            async with hub.database.transaction([lease.merchant_id]) as tx:
                if await held(tx, lease):
                    await runs.forget_place(tx, lease.merchant_id, lease.connection_id)
        raise


async def _pull(hub: Hub, lease: Lease) -> Pulled:
    account = await hub.account(lease.merchant_id, lease.connection_id)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
        line = await hub.line(tx, linked)
        checkpoint = await runs.checkpoint(tx, lease.merchant_id, lease.connection_id, "orders")
        place = await runs.under_way(tx, lease.merchant_id, lease.connection_id)
    if linked.status != "active" or not isinstance(account.connector, PullsOrders):
        return Pulled(0, 0, 0)
    line, theirs = with_their_clock(line, hub)
    until = hub.clock()
    since = checkpoint[0] - OVERLAP if checkpoint else min(until, linked.stock_since) - FIRST_LOOK
    window = Window(since=since, until=until + OVERLAP)
    cursor: str | None = None
    if place:
        window, until, cursor = Window(place["since"], place["until"]), place["begun_at"], place["cursor"]
    seen: set[str] = set()
    before: Page | None = None
    pages = items = new = 0
    while True:
        page = await drive(account.connector.pull_orders(window, cursor), line)
        await reach("pull.called")
        until = min([until, *theirs[:1]])
        if before is None and cursor is None and until - OVERLAP < window.since:
            # Their clock was set back: what changes now is dated before all that we have seen.
            window = replace(window, since=until - OVERLAP)
            continue
        _check_progress(page, before)
        before, pages, items = page, pages + 1, items + len(page.items)
        last = page.next_cursor is None
        async with hub.database.transaction([lease.merchant_id]) as tx:
            if not await held(tx, lease) or not await schedule.renew(tx, lease, hub.settings.lease_s):
                raise LostLease
            fresh = await store_page(tx, account, page, "pull", hub.clock())
            await _keep_place(tx, lease, window, until, page.next_cursor)
            if last and not await _advance(hub, tx, lease, checkpoint, until):
                raise LostLease
            await reach("pull.storing")
        await reach("pull.stored")
        new += fresh
        log.info(
            "a page was stored",
            extra={
                "fields": {
                    "merchant": lease.merchant_id,
                    "connection": lease.connection_id,
                    "page": pages,
                    "items": len(page.items),
                    "new": fresh,
                }
            },
        )
        await hub.wake.ring("drain", [lease.merchant_id])
        if last:
            await watch_reconcile(hub, lease)
            return Pulled(pages, items, new)
        cursor = page.next_cursor
        if cursor in seen or pages >= MAX_PAGES:
            raise ChannelError(ErrorCode.UNEXPECTED, "the channel's pages do not come to an end")
        seen.add(cursor or "")


async def _keep_place(
    tx: Connection, lease: Lease, window: Window, until: datetime, cursor: str | None
) -> None:
    where = (lease.merchant_id, lease.connection_id)
    if cursor is None:
        await runs.forget_place(tx, *where)
    else:
        await runs.keep_place(tx, *where, (window.since, window.until), until, cursor)


def _check_progress(page: Page, before: Page | None) -> None:
    if page.next_cursor is None:
        return
    if not page.items:
        raise ChannelError(ErrorCode.UNEXPECTED, "the channel's page is empty, yet it is not the last one")
    if before and page.items == before.items:
        raise ChannelError(ErrorCode.UNEXPECTED, "the channel gives the same page again")


async def _advance(
    hub: Hub,
    tx: Connection,
    lease: Lease,
    checkpoint: tuple[datetime, int] | None,
    until: datetime,
) -> bool:
    return await runs.advance(
        tx,
        lease.merchant_id,
        lease.connection_id,
        "orders",
        checkpoint[1] if checkpoint else 0,
        until,
        hub.clock(),
    )


async def next_pull(hub: Hub, _lease: Lease, _result: object) -> datetime:
    return hub.clock() + timedelta(seconds=hub.settings.pull_every_s)
