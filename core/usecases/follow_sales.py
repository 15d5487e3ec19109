"""Follow sales: whose ledgers go on, and what was sold there next. `measure` and `tally_sales` follow each for itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.hub import Hub
from core.store import connections, lags
from core.store.database import Connection, Row, declare
from core.store.lags import Passed

TOGETHER = 64  # merchants whose sales share a transaction


@dataclass(frozen=True, slots=True)
class Sales:
    """The next *sales* of some merchants (`lags.sales_after`). With them each is looked through *until* an entry of its
    ledger; *since* is when that began. *more*: there may be others that are known.
    """

    sales: Sequence[Row]
    until: Mapping[int, int]
    since: Mapping[int, datetime]
    more: bool


async def sellers(hub: Hub, passed: Passed) -> list[list[int]]:
    """Merchants whose ledger goes on after what was *passed*, those together that share a transaction."""
    async with hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
        await declare(tx, merchants)
        found = await lags.with_news(tx, passed, merchants)
    return [found[first : first + TOGETHER] for first in range(0, len(found), TOGETHER)]


async def next_sales(
    tx: Connection, passed: Passed, merchants: Sequence[int], now: datetime, settled: timedelta, limit: int
) -> Sales:
    """The next sales of *merchants* after what was *passed*, of each its part of *limit*, which were known *settled* ago.
    Locks how far they came; what somebody else is at is left to him. What is no sale is not looked through again.
    """
    progress = await lags.lock_progress(tx, merchants, now)
    after = {merchant_id: row[passed] for merchant_id, row in progress.items()}
    each = max(1, limit // max(1, len(after)))
    last = await lags.last_entries(tx, after, now - settled)
    sales = await lags.sales_after(tx, after, now - settled, each)
    counts = Counter(sale["merchant_id"] for sale in sales)
    # Sales are in the order of their ledgers: the last one of each stays. It may be newer than what was the last entry.
    newest = {sale["merchant_id"]: sale["entry_id"] for sale in sales}
    until = {
        merchant_id: newest[merchant_id]
        if counts[merchant_id] == each
        else max(entry_id, last.get(merchant_id, 0), newest.get(merchant_id, 0))
        for merchant_id, entry_id in after.items()
    }
    since = {merchant_id: row["since"] for merchant_id, row in progress.items()}
    return Sales(sales, until, since, more=each in counts.values())
