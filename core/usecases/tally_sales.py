"""Tally sales: how fast each variant sells, counted as soon as its orders are known. A burst is over in minutes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.failpoints import reach
from core.hub import Hub
from core.rules.demand import HALF_LIVES, Tally
from core.store import connections, lags
from core.store.database import Connection, Row, declare
from core.usecases.run_log import recorded

SLICE = 5000  # sales of a merchant counted in one transaction
# Entries of the ledger are numbered before they are committed: so long a lower number may still come.
SETTLED = timedelta(seconds=5)


async def tally_sales(hub: Hub) -> dict[int, set[int]]:
    """Count one slice of sales of each merchant; returns merchant -> the variants that were sold.

    A sale is counted once: how far it came is stored with what was counted.
    """
    now = hub.clock()
    sold: dict[int, set[int]] = {}
    async with recorded(hub, "measure", [], now) as (tx, about):
        merchants = await connections.merchant_ids(tx)
        await declare(tx, {0, *merchants})
        counted = 0
        for merchant_id in await lags.with_news(tx, merchants):
            progress = await lags.lock_progress(tx, merchant_id, now)
            if progress is None:
                continue
            last = await lags.last_entry(tx, merchant_id, now - SETTLED)
            sales = await lags.sales_after(tx, merchant_id, progress["tallied_id"], now - SETTLED, SLICE)
            if sales:
                await _count(tx, merchant_id, sales, progress["since"])
                sold[merchant_id] = {sale["variant_id"] for sale in sales}
                counted += len(sales)
            # What is no sale is not looked through again.
            await lags.move_tallied(
                tx,
                merchant_id,
                sales[-1]["entry_id"] if len(sales) == SLICE else max(last, progress["tallied_id"]),
            )
        if counted:
            about.counts = {"sales": counted}
        await reach("tally.storing")
    await reach("tally.stored")
    return sold


async def _count(tx: Connection, merchant_id: int, sales: Sequence[Row], since: datetime) -> None:
    tallies = await lags.tallies_of(tx, merchant_id, {sale["variant_id"] for sale in sales})
    sold: dict[tuple[int, int], list[tuple[int, datetime]]] = {}
    for sale in sales:
        # A clock that is ahead of ours sold nothing in our future.
        sold_at = min(sale["placed_at"] or sale["known_at"], sale["known_at"])
        sold.setdefault((sale["connection_id"], sale["variant_id"]), []).append((sale["units"], sold_at))
    for where, orders in sold.items():
        first = orders[0][1]
        for half_life in HALF_LIVES:
            tally = tallies.get((*where, half_life)) or Tally(half_life, min(since, first), first)
            tallies[*where, half_life] = tally.after_all(orders)
    await lags.put_tallies(tx, merchant_id, tallies)
