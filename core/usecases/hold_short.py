"""Hold short: an order that misses units may not ship. Brings its holds in line with what it misses now."""

from __future__ import annotations

from collections.abc import Sequence

from core.store import incidents, orders
from core.store.database import Connection
from core.usecases.order_lines import proposal, short_hold

_OURS = ("short_stock", "cancel_proposed")


async def hold_short(tx: Connection, merchant_id: int, order_ids: Sequence[int]) -> None:
    """Put, change and lift the holds `short_stock` and `cancel_proposed` of locked orders; others stay."""
    wanted = sorted(set(order_ids))
    before = await orders.holds_of(tx, merchant_id, wanted)
    holds = {
        order_id: [hold for hold in found if hold["code"] not in _OURS] for order_id, found in before.items()
    }
    proposed = await incidents.proposed(tx, [merchant_id] * len(wanted), wanted)
    for row in await orders.short_lines(tx, merchant_id, wanted):
        held = holds[row["order_id"]]
        held.append(short_hold(row["position"], row["missing"], row["name"], kit=row["kit"]))
        why = proposed.get((row["order_id"], row["line_id"]))
        if why is not None:
            held.append(proposal(row["position"], why))
    changed = [
        (merchant_id, order_id, found) for order_id, found in holds.items() if found != before[order_id]
    ]
    if changed:
        await orders.put_holds(tx, changed)
