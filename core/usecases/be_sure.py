"""Be sure: once every order from before a doubtful write has come, what it left open about a level is known."""

from __future__ import annotations

from datetime import datetime

from core.failpoints import reach
from core.hub import Hub
from core.store import levels, schedule
from core.store.schedule import Lease, held
from core.store.stock import mark_dirty
from core.usecases.lease import LostLease


async def be_sure(hub: Hub, lease: Lease, before: datetime) -> int:
    """Forget what was guessed of levels up to *before*, by when every order there was has been counted; returns how many
    levels. Their quotas are worked out anew. Raises `LostLease`.
    """
    where = (lease.merchant_id, lease.connection_id)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        found = await levels.unsure_before(tx, *where, before)
        if not found:
            return 0
        variants = {(lease.merchant_id, variant_id) for _, variant_id in found if variant_id is not None}
        await mark_dirty(tx, variants, hub.clock(), sold=True)
        if not await held(tx, lease) or not await schedule.renew(tx, lease, hub.settings.lease_s):
            raise LostLease
        await schedule.hold(tx, *where, "push")
        await levels.be_sure(tx, *where, [listing_id for listing_id, _ in found], before)
        await reach("sure.storing")
    await reach("sure.stored")
    await hub.wake.ring("relevel")
    return len(found)
