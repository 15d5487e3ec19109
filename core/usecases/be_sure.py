"""Be sure: once every order from before a doubtful write has come, what it left open about a level is known."""

from __future__ import annotations

from datetime import datetime

from core.failpoints import reach
from core.hub import Hub
from core.store import guesses, schedule
from core.store.schedule import Lease, held
from core.store.stock import mark_dirty
from core.usecases.lease import LostLease


async def be_sure(hub: Hub, lease: Lease, before: datetime) -> int:
    """Forget what was guessed of levels up to *before*, by when every order there was has been counted; returns how many
    levels. Where it matters their quotas are worked out anew. Raises `LostLease`.
    """
    where = (lease.merchant_id, lease.connection_id)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        found = await guesses.guessed_before(tx, *where, before)
        if not found:
            return 0
        variants = {
            (lease.merchant_id, row["variant_id"])
            for row in found
            if row["matters"] and row["variant_id"] is not None
        }
        if variants:
            await mark_dirty(tx, variants, hub.clock(), sold=True)
        if not await held(tx, lease) or not await schedule.renew(tx, lease, hub.settings.lease_s):
            raise LostLease
        await schedule.hold(tx, *where, "push")
        await guesses.be_sure(tx, *where, [row["listing_id"] for row in found], before)
        await reach("sure.storing")
    await reach("sure.stored")
    if variants:
        await hub.wake.ring("relevel", [lease.merchant_id])
    return len(found)
