"""Sweep: delete runs with their lines, and sweeps over channels, when they are a month old. Touches nothing else."""

from __future__ import annotations

from datetime import timedelta

from core.failpoints import reach
from core.hub import Hub
from core.store import connections, reconciles, run_log, runs
from core.store.database import declare
from core.usecases.run_log import recorded

KEPT = timedelta(days=30)
BATCH = 5000  # rows deleted in one transaction


async def sweep(hub: Hub) -> bool:
    """Delete one batch of what is too old; returns whether there may be more."""
    now = hub.clock()
    async with recorded(hub, "sweep", [], now) as (tx, about):
        merchants = await connections.merchant_ids(tx)
        await declare(tx, [0, *merchants])
        lines = await run_log.trim(tx, merchants, now - KEPT, BATCH)
        old = await runs.trim(tx, merchants, now - KEPT, BATCH)
        looks = await reconciles.trim(tx, merchants, now - KEPT, BATCH)
        if lines or old or looks:
            about.counts = {"lines": lines, "runs": old, "reconciles": looks}
        await reach("sweep.storing")
    await reach("sweep.stored")
    return BATCH in (lines, old, looks)
