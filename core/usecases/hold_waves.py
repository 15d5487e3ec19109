"""Hold waves: before a channel is told that many listings change at once, a person is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.log import get_log
from core.rules import brakes
from core.store import waves
from core.store.database import Connection
from core.store.schedule import Lease

log = get_log("push")


@dataclass(frozen=True, slots=True)
class Held:
    """Kinds of change that are not told now. *waiting* says that some of them only wait until all of the change is
    known, since its size decides.
    """

    kinds: frozenset[str] = frozenset()
    waiting: bool = False


async def hold_waves(tx: Connection, lease: Lease, now: datetime) -> Held:
    """Look at what is pending at the connection of *lease* for another reason than sales, and ask where it is too much."""
    where = lease.merchant_id, lease.connection_id
    pending, asked = await waves.pending(tx, *where)
    if not pending and not asked:
        return Held()
    if pending and await waves.still_coming(tx, lease.merchant_id) > brakes.FEW:
        return Held(frozenset(pending), waiting=True)
    listings = await waves.listings_of(tx, *where)
    # What was asked about once stays held until it is answered, or until nothing of it is left.
    held = brakes.waves(pending, listings) | (asked & set(pending))
    await waves.hold(tx, *where, {kind: pending[kind] for kind in held}, listings, now)
    if asked - held:
        await waves.close_gone(tx, *where, held, now)
    for kind in sorted(held - asked):
        fields = {
            "merchant": lease.merchant_id,
            "connection": lease.connection_id,
            "kind": kind,
            "listings": pending[kind],
            "of": listings,
        }
        log.warning("a wave is held until a person decides: see `fairway waves`", extra={"fields": fields})
    return Held(frozenset(held))
