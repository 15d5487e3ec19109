"""Give back at once what a worker that is dead had claimed: its neighbours need not wait for its leases to end."""

from __future__ import annotations

from core.failpoints import reach
from core.hub import Hub
from core.log import get_log
from core.store import deliveries

log = get_log("drain")


async def take_over(hub: Hub, holder: int) -> int:
    """Give back the slices of *holder*; returns how many deliveries those were.

    Only who knows that its process has ended may call this. Their tries count, so each of them goes alone from now on.
    What went alone already keeps its lease: that is the pause before it may end the next worker.
    """
    async with hub.database.transaction([]) as tx:
        given_back = await deliveries.give_back_of(tx, holder)
        await reach("successor.storing")
    await reach("successor.stored")
    if given_back:
        log.info("a dead worker's slices were given back", extra={"fields": {"deliveries": given_back}})
    return given_back
