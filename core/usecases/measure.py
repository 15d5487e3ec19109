"""Measure: how long news of each sale took, to us and on to the other channels."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from core.failpoints import reach
from core.hub import Hub
from core.rules.lags import bucket_of
from core.store import connections, lags
from core.store.database import Connection, declare
from core.usecases.run_log import recorded

SLICE = 2000  # sales measured in one transaction
SETTLED = timedelta(minutes=2)  # a sale is looked at when the other channels have had time to be told of it
LONGEST = timedelta(days=1)  # what came later was no news: an import, a shop that was away


async def measure(hub: Hub) -> bool:
    """Measure one slice of sales of each merchant; returns whether there may be more.

    A slice is measured once: how far it came is stored with what was measured.
    """
    now = hub.clock()
    more = False
    async with recorded(hub, "measure", [], now) as (tx, about):
        merchants = await connections.merchant_ids(tx)
        await declare(tx, {0, *merchants})
        measured = 0
        for merchant_id in merchants:
            done = await _measure_one(tx, merchant_id, now)
            measured, more = measured + done, more or done == SLICE
        if measured:
            about.counts = {"sales": measured}
        await reach("measure.storing")
    await reach("measure.stored")
    return more


async def _measure_one(tx: Connection, merchant_id: int, now: datetime) -> int:
    progress = await lags.lock_progress(tx, merchant_id, now)
    if progress is None:
        return 0
    sales = await lags.sales_after(tx, merchant_id, progress["entry_id"], now - SETTLED, SLICE)
    if not sales:
        return 0
    counts: Counter[tuple[int, str, datetime, int]] = Counter()
    # Most of a slice was known at one instant and much of it placed at one: it is looked at once.
    heard = Counter((sale["connection_id"], sale["known_at"], sale["placed_at"]) for sale in sales)
    for (connection_id, known_at, placed_at), orders in heard.items():
        came = known_at - placed_at if placed_at else None
        if came is not None and came <= LONGEST:
            counts[connection_id, "news", _hour(known_at), bucket_of(came.total_seconds())] += orders
    for row in await lags.told_after(tx, merchant_id, sales, LONGEST):
        # Where nothing was told and nothing is to be, there was nothing to say; else it takes that long at least.
        told_at = row["told_at"] or (now if row["pending"] else None)
        if told_at is not None:
            took = min(LONGEST, told_at - row["known_at"]).total_seconds()
            counts[row["connection_id"], "publish", _hour(row["known_at"]), bucket_of(took)] += row["sales"]
    if counts:
        await lags.add_lags(tx, merchant_id, counts)
    await lags.forget_lags(tx, merchant_id, now)
    await lags.move_progress(tx, merchant_id, sales[-1]["entry_id"])
    return len(sales)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
