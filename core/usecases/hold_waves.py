"""Hold waves: before a channel is told that many listings change at once, a person is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.log import get_log
from core.rules import brakes
from core.store import waves
from core.store.database import Connection
from core.store.schedule import Lease
from core.store.waves import Pair

log = get_log("push")


@dataclass(frozen=True, slots=True)
class Held:
    """Kinds of change that are not told now. *waiting* says that some of them only wait until all of the change is
    known, since its size decides. *asked*: a person is asked about these from now on, kind -> listings of all *listings*.
    """

    kinds: frozenset[str] = frozenset()
    waiting: bool = False
    asked: Mapping[str, int] = field(default_factory=dict)
    listings: int = 0

    def say(self, lease: Lease) -> None:
        """Tell operators what waits for a person."""
        for kind, listings in sorted(self.asked.items()):
            fields = {
                "merchant": lease.merchant_id,
                "connection": lease.connection_id,
                "kind": kind,
                "listings": listings,
                "of": self.listings,
            }
            log.warning(
                "a wave is held until a person decides: see `fairway waves`", extra={"fields": fields}
            )


async def hold_waves(tx: Connection, connections: Sequence[Pair], now: datetime) -> dict[Pair, Held]:
    """Look at what is pending at *connections* for another reason than sales, and ask where it is too much. Connections
    of which nothing is held are left out.
    """
    found = await waves.pending(tx, connections)
    return {pair: await _hold(tx, pair, *found[pair], now) for pair in sorted(found)}


async def _hold(
    tx: Connection, where: Pair, pending: Mapping[str, int], asked: Collection[str], now: datetime
) -> Held:
    if pending and await waves.still_coming(tx, where[0]) > brakes.FEW:
        return Held(frozenset(pending), waiting=True)
    listings = await waves.listings_of(tx, *where)
    # What was asked about once stays held until it is answered, or until nothing of it is left.
    held = brakes.waves(pending, listings) | (set(asked) & set(pending))
    await waves.hold(tx, *where, {kind: pending[kind] for kind in held}, listings, now)
    if set(asked) - held:
        await waves.close_gone(tx, *where, held, now)
    return Held(frozenset(held), False, {kind: pending[kind] for kind in held - set(asked)}, listings)
