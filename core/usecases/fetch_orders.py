"""Fetch orders that a delivery could not settle by itself: look at the channel and store what is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.connector import PullsOrders
from core.errors import ChannelError, ErrorCode
from core.failpoints import reach
from core.hub import Hub
from core.log import get_log
from core.net import drive
from core.rules.backoff import pause_after
from core.store import connections, fetches
from core.store.schedule import Lease, held
from core.usecases.lease import NEVER, LostLease
from core.usecases.store_page import store_page

BATCH = 50

log = get_log("fetch")

# Refusals that say nothing about one order: the line itself has to wait.
_LINE_DOWN = (
    ErrorCode.RATE_LIMITED,
    ErrorCode.PAUSED,
    ErrorCode.UNAUTHORIZED,
    ErrorCode.UNAVAILABLE,
    ErrorCode.TIMEOUT,
    ErrorCode.NOT_SENT,
)


@dataclass(slots=True)
class Fetched:
    looked: int = 0
    failed: int = 0


async def fetch_orders(hub: Hub, lease: Lease) -> Fetched:
    """Look at every order that is wanted now; raises `ChannelError` when the line itself is down."""
    account = await hub.account(lease.merchant_id, lease.connection_id)
    done = Fetched()
    while True:
        async with hub.database.transaction([lease.merchant_id]) as tx:
            linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
            if linked.status != "active" or not isinstance(account.connector, PullsOrders):
                return done
            line = await hub.line(tx, linked)
            wanted = await fetches.due(tx, lease.merchant_id, lease.connection_id, hub.clock(), BATCH)
        if not wanted:
            return done
        for want in wanted:
            try:
                page = await drive(account.connector.fetch_order(want.channel_order_id), line)
                await reach("fetch.called")
            except ChannelError as error:
                if error.code in _LINE_DOWN:
                    raise
                done.failed += 1
                pause = pause_after(error, want.attempts)
                log.warning(
                    "an order could not be fetched",
                    extra={
                        "fields": {
                            "merchant": lease.merchant_id,
                            "connection": lease.connection_id,
                            "order": want.channel_order_id,
                            "attempt": want.attempts,
                            "code": error.code,
                            "channel_says": error.message,
                            "again_in_s": pause.total_seconds(),
                        }
                    },
                )
                async with hub.database.transaction([lease.merchant_id]) as tx:
                    await fetches.put_off(tx, lease, want, hub.clock() + pause, str(error))
                continue
            async with hub.database.transaction([lease.merchant_id]) as tx:
                if not await held(tx, lease):
                    raise LostLease
                await store_page(tx, account, page, "fetch", hub.clock())
                await fetches.served(tx, lease, want)
                await reach("fetch.storing")
            await reach("fetch.stored")
            done.looked += 1
        await hub.wake.ring("drain", [lease.merchant_id])


async def next_fetch(hub: Hub, lease: Lease, _result: object) -> datetime:
    async with hub.database.transaction([lease.merchant_id]) as tx:
        return await fetches.next_due(tx, lease.merchant_id, lease.connection_id) or NEVER
