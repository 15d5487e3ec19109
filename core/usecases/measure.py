"""Measure: how long news of each sale took, to us and on to the other channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from core.failpoints import reach
from core.hub import Hub
from core.rules.lags import bucket_of
from core.store import lags
from core.store.database import Connection, Row, declare
from core.usecases.follow_sales import next_sales, sellers
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
    for merchants in await sellers(hub, "entry_id"):
        async with recorded(hub, "measure", [], now) as (tx, about):
            await declare(tx, {0, *merchants})
            found = await next_sales(tx, "entry_id", merchants, now, SETTLED, SLICE)
            if found.sales:
                await _measure(tx, found.sales, now)
                about.counts = {"sales": len(found.sales)}
            await lags.move_progress(tx, "entry_id", found.until)
            await reach("measure.storing")
        await reach("measure.stored")
        more = more or found.more
    return more


async def _measure(tx: Connection, sales: Sequence[Row], now: datetime) -> None:
    counts: Counter[lags.LagKey] = Counter()
    # Most of a slice was known at one instant and much of it placed at one: it is looked at once.
    heard = Counter(
        (sale["merchant_id"], sale["connection_id"], sale["known_at"], sale["placed_at"]) for sale in sales
    )
    for (merchant_id, connection_id, known_at, placed_at), orders in heard.items():
        came = known_at - placed_at if placed_at else None
        if came is not None and came <= LONGEST:
            bucket = bucket_of(came.total_seconds())
            counts[merchant_id, connection_id, "news", _hour(known_at), bucket] += orders
    for row in await lags.told_after(tx, sales, LONGEST):
        # Where nothing was told and nothing is to be, there was nothing to say; else it takes that long at least.
        told_at = row["told_at"] or (now if row["pending"] else None)
        if told_at is not None:
            took = min(LONGEST, told_at - row["known_at"]).total_seconds()
            where = row["merchant_id"], row["connection_id"]
            counts[*where, "publish", _hour(row["known_at"]), bucket_of(took)] += row["sales"]
    if counts:
        await lags.add_lags(tx, counts)
    await lags.forget_lags(tx, {sale["merchant_id"] for sale in sales}, now)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
