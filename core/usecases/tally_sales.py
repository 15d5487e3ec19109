"""Tally sales: how fast each variant sells, counted as soon as its orders are known. A burst is over in minutes."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from core.failpoints import reach
from core.hub import Hub
from core.rules.demand import HALF_LIVES, Tally
from core.store import lags
from core.store.database import Connection, declare
from core.usecases.follow_sales import Sales, next_sales, sellers
from core.usecases.run_log import recorded

SLICE = 5000  # sales counted in one transaction
# Entries of the ledger are numbered before they are committed: so long a lower number may still come.
SETTLED = timedelta(seconds=5)


async def tally_sales(hub: Hub) -> dict[int, set[int]]:
    """Count one slice of sales of each merchant; returns merchant -> the variants that were sold.

    A sale is counted once: how far it came is stored with what was counted.
    """
    now = hub.clock()
    sold: dict[int, set[int]] = defaultdict(set)
    for merchants in await sellers(hub, "tallied_id"):
        async with recorded(hub, "measure", [], now) as (tx, about):
            await declare(tx, {0, *merchants})
            found = await next_sales(tx, "tallied_id", merchants, now, SETTLED, SLICE)
            if found.sales:
                await _count(tx, found)
                about.counts = {"sales": len(found.sales)}
            await lags.move_progress(tx, "tallied_id", found.until)
            await reach("tally.storing")
        await reach("tally.stored")
        for sale in found.sales:
            sold[sale["merchant_id"]].add(sale["variant_id"])
    return dict(sold)


async def _count(tx: Connection, found: Sales) -> None:
    tallies = await lags.tallies_of(tx, {(sale["merchant_id"], sale["variant_id"]) for sale in found.sales})
    sold: dict[tuple[int, int, int], list[tuple[int, datetime]]] = {}
    for sale in found.sales:
        # A clock that is ahead of ours sold nothing in our future.
        sold_at = min(sale["placed_at"] or sale["known_at"], sale["known_at"])
        where = sale["merchant_id"], sale["connection_id"], sale["variant_id"]
        sold.setdefault(where, []).append((sale["units"], sold_at))
    for where, orders in sold.items():
        first = orders[0][1]
        for half_life in HALF_LIVES:
            tally = tallies.get((*where, half_life)) or Tally(
                half_life, min(found.since[where[0]], first), first
            )
            tallies[*where, half_life] = tally.after_all(orders)
    await lags.put_tallies(tx, tallies)
