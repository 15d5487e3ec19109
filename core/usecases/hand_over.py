"""Hand over: units that lines hold go to other lines, or to nobody where they are not there. Ledger, reservations,
shortages, incidents and holds change together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.connector import Connector
from core.rules.incidents import Claimant, is_paid
from core.store import orders, stock
from core.store.database import Connection, Row
from core.store.stock import Entry
from core.usecases.hold_short import hold_short
from core.usecases.record_shortages import Short, record_shortages


@dataclass(frozen=True, slots=True)
class Hand:
    """A line gets *units* at a location, or gives as many where that is below zero; *cause* says to the ledger what made it.
    It misses as many less, *because* of that, or more: then an incident of *kind* at *incident_at* says so with *told*.
    """

    connection_id: int
    order_id: int
    line_id: str
    variant_id: int
    location_id: int
    units: int
    cause: str
    kind: str
    incident_at: int
    told: dict[str, Any] = field(default_factory=dict)
    because: str = ""


def claimant_of(row: Row, registry: Mapping[str, Connector]) -> Claimant:
    """A row of `core.store.claims` as the rules see it. A channel nobody knows is taken for a marketplace."""
    connector = registry.get(row["channel"])
    return Claimant(
        order_id=row["order_id"],
        line_id=row["line_id"],
        units=row["units"],
        marketplace=connector is None or connector.manifest.sells_as == "marketplace",
        placed_at=row["placed_at"],
        location_id=row["location_id"],
        ship_by=row["ship_by"],
        paid=is_paid(row["payment_status"]),
        partly_shipped=row["partly_shipped"],
        value=row["value"],
        currency=row["currency"],
    )


async def hand_over(
    tx: Connection, merchant_id: int, hands: Sequence[Hand], now: datetime, *, actor: str
) -> None:
    """Do what *hands* say. Their orders and the stock rows of their variants are locked; no line gives what it does not
    hold, and none gets what it does not miss.
    """
    concerned = sorted({hand.order_id for hand in hands})
    keys = [merchant_id] * len(concerned), concerned
    held = {
        (row["order_id"], row["line_id"], row["variant_id"], row["location_id"]): dict(row)
        for row in await orders.reservations_of(tx, *keys)
    }
    missing = {
        (row["order_id"], row["line_id"], row["variant_id"]): row["quantity"]
        for row in await orders.shortages_of(tx, *keys)
    }
    changed: dict[tuple[int, str, int], list[Hand]] = defaultdict(list)
    once = await stock.transaction_id(tx)
    entries = []
    for number, hand in enumerate(hands):
        line = (hand.order_id, hand.line_id, hand.variant_id)
        fresh = {"held": 0, "shipped": 0, "location_id": hand.location_id}
        held.setdefault((*line, hand.location_id), fresh)["held"] += hand.units
        missing[line] = missing.get(line, 0) - hand.units
        changed[line].append(hand)
        entries.append(
            Entry(
                merchant_id=merchant_id,
                variant_id=hand.variant_id,
                location_id=hand.location_id,
                on_hand_delta=0,
                reserved_delta=hand.units,
                reason="reserve" if hand.units > 0 else "release",
                cause=hand.cause,
                op_key=f"hand:{once}:{number}",
                order_id=hand.order_id,
                actor=actor,
            )
        )
    await stock.post(tx, entries, now)
    await stock.put_reservations(
        tx,
        [
            {
                "merchant_id": merchant_id,
                "order_id": key[0],
                "line_id": key[1],
                "variant_id": key[2],
                "location_id": key[3],
                "held": row["held"],
                "shipped": row["shipped"],
            }
            for key, row in held.items()
            if key[:3] in changed
        ],
    )
    await stock.mark_dirty(tx, {(merchant_id, hand.variant_id) for hand in hands}, now)
    given = any(hand.units > 0 for hand in hands)
    await record_shortages(
        tx,
        [
            Short(
                merchant_id=merchant_id,
                connection_id=of[0].connection_id,
                order_id=line[0],
                line_id=line[1],
                variant_id=line[2],
                quantity=missing[line],
                cause=of[0].told,
                kind=of[0].kind,
                location_id=of[0].incident_at,
                because=of[0].because,
                gave=given,
            )
            for line, of in changed.items()
        ],
        now,
        actor=actor,
    )
    await hold_short(tx, merchant_id, concerned)
