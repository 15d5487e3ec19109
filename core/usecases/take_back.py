"""Take back: what a count did not find is set aside for nobody any more. Each missing unit is a shortage of a named order,
those that cost least to let down first, so that everybody sees which parcels cannot be packed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core.failpoints import reach
from core.hub import Hub
from core.rules.incidents import Victim, choose_victims
from core.store import claims, connections, orders, stock
from core.store.database import Connection, Row, again
from core.usecases.hand_over import Hand, claimant_of, hand_over
from core.usecases.run_log import recorded

Shelf = tuple[int, int]  # variant, location


@dataclass(frozen=True, slots=True)
class TakenBack:
    """So many *units* of a variant at a location were promised and are not there."""

    variant_id: int
    location_id: int
    units: int


async def take_back_found(hub: Hub) -> int:
    """Take back wherever a shelf holds less than is promised, should a process have ended before it could; returns units."""
    async with hub.database.transaction([]) as tx:
        found = await stock.below_and_dirty(tx, await connections.merchant_ids(tx))
    units = 0
    for merchant_id, variants in found.items():
        units += sum(taken.units for taken in await take_back(hub, merchant_id, variants))
    return units


async def take_back(hub: Hub, merchant_id: int, variants: Iterable[int]) -> list[TakenBack]:
    """Make what is set aside of *variants* fit what is there, at every location; call it after the count has committed."""
    wanted = sorted(set(variants))
    taken: dict[Shelf, int] = defaultdict(int)
    while True:
        hands = await _take_some(hub, merchant_id, wanted)
        if not hands:
            break
        await reach("takeback.stored")
        for hand in hands:
            taken[hand.variant_id, hand.location_id] -= hand.units
    if taken:
        await hub.wake.ring("relevel", [merchant_id])  # another location may have what they miss
    return [TakenBack(*shelf, units) for shelf, units in sorted(taken.items())]


@again
async def _take_some(hub: Hub, merchant_id: int, wanted: list[int]) -> list[Hand]:
    now = hub.clock()
    async with recorded(hub, "take_back", [merchant_id], now, merchant_id=merchant_id) as (tx, about):
        hands = await _take(tx, hub, merchant_id, wanted, now)
        about.counts = {"units": -sum(hand.units for hand in hands)} if hands else {}
        if hands:
            await reach("takeback.storing")
    return hands


async def _take(tx: Connection, hub: Hub, merchant_id: int, variants: list[int], now: datetime) -> list[Hand]:
    below = {
        (row["variant_id"], row["location_id"]): row["missing"]
        for row in await stock.below_reserved(tx, merchant_id, variants)
    }
    holders: dict[Shelf, list[Row]] = defaultdict(list)
    for row in await claims.holders(tx, merchant_id, list(below)) if below else []:
        holders[row["variant_id"], row["location_id"]].append(row)
    chosen = {
        shelf: choose_victims([claimant_of(row, hub.registry) for row in rows], below[shelf])
        for shelf, rows in holders.items()
    }
    victims = sorted({victim.claimant.order_id for found in chosen.values() for victim in found})
    if not victims:
        return []
    await orders.lock_ids(tx, merchant_id, victims)
    # Under the locks: what was cancelled or shipped meanwhile is not taken; what is still missing, the next time.
    still = {
        (row["variant_id"], row["location_id"]): row["reserved"] - row["on_hand"]
        for row in await stock.lock(tx, {(merchant_id, variant_id) for variant_id, _ in below})
    }
    held = {
        (row["order_id"], row["line_id"], row["variant_id"], row["location_id"]): row["held"]
        for row in await orders.reservations_of(tx, [merchant_id] * len(victims), victims)
    }
    connection = {row["order_id"]: row["connection_id"] for rows in holders.values() for row in rows}
    causes = await stock.last_lowered(tx, merchant_id, list(chosen))
    hands = []
    for shelf, found in chosen.items():
        cause = {"kind": "count", **causes.get(shelf, {})}
        left = still.get(shelf, 0)
        for victim in found:
            key = (victim.claimant.order_id, victim.claimant.line_id, *shelf)
            units = min(victim.units, held.get(key, 0), left)
            if units > 0:
                left -= units
                hands.append(_hand(victim, connection[key[0]], shelf, units, cause))
    if hands:
        await hand_over(tx, merchant_id, hands, now, actor="hub")
    return hands


def _hand(victim: Victim, connection_id: int, shelf: Shelf, units: int, cause: dict[str, object]) -> Hand:
    return Hand(
        connection_id=connection_id,
        order_id=victim.claimant.order_id,
        line_id=victim.claimant.line_id,
        variant_id=shelf[0],
        location_id=shelf[1],
        units=-units,
        cause="a shelf holds less than is promised",
        kind="count_below_reserved",
        incident_at=shelf[1],
        told={**cause, "chosen_because": victim.why},
    )
