"""Fill shortages: units that came free go first to orders that were promised them, the oldest first."""

from __future__ import annotations

from core.hub import Hub
from core.rules.orders import Claim
from core.rules.shelves import LineStock, Shelves
from core.store import connections, listings, orders, stock
from core.store.database import Connection
from core.store.stock import Entry
from core.usecases.run_log import recorded

BATCH = 200


async def fill_shortages(hub: Hub) -> int:
    """Hold free units for lines that are short; returns how many units found an owner."""
    async with hub.database.transaction([]) as tx:
        merchants = await stock.merchants_short(tx, await connections.merchant_ids(tx))
    filled = 0
    for merchant_id in merchants:
        async with recorded(hub, "fill", [merchant_id], hub.clock(), merchant_id=merchant_id) as (tx, about):
            units = await _fill(tx, merchant_id, hub)
            about.counts = {"units": units} if units else {}
        filled += units
    return filled


async def _fill(tx: Connection, merchant_id: int, hub: Hub) -> int:
    now = hub.clock()
    rows = await stock.open_shortages(tx, merchant_id, BATCH)
    if not rows:
        return 0
    await orders.lock_ids(tx, merchant_id, sorted({row["order_id"] for row in rows}))
    # Read again under the lock: a drain may have changed them meanwhile.
    rows = [
        r
        for r in await stock.open_shortages(tx, merchant_id, BATCH)
        if r["order_id"] in {x["order_id"] for x in rows}
    ]
    keys = [merchant_id] * len(rows), [row["order_id"] for row in rows]
    shelves = Shelves()
    for balance in await stock.lock(tx, {(merchant_id, row["variant_id"]) for row in rows}):
        shelves.put(*balance.values())
    preferred = await listings.shelves_of(tx, sorted({(merchant_id, row["connection_id"]) for row in rows}))
    default = await listings.default_location(tx, merchant_id)
    lines: dict[tuple[int, str], LineStock] = {}
    for row in await orders.reservations_of(tx, *keys):
        key = (row["order_id"], row["line_id"])
        line = lines.setdefault(key, LineStock(merchant_id, *key, row["variant_id"]))
        line.held[row["location_id"]], line.shipped[row["location_id"]] = row["held"], row["shipped"]
    short_rows, filled = [], 0
    for row in rows:
        key = (row["order_id"], row["line_id"])
        line = lines.setdefault(key, LineStock(merchant_id, *key, row["variant_id"]))
        claim = Claim(held=line.held_total + row["quantity"], shipped=line.shipped_total)
        shelves.settle(line, claim, preferred.get(row["connection_id"], [default]))
        filled += row["quantity"] - line.short
        short_rows.append(
            {
                "merchant_id": merchant_id,
                "order_id": row["order_id"],
                "line_id": row["line_id"],
                "variant_id": row["variant_id"],
                "quantity": line.short,
                "oversold": 0,
                "cause": {},
            }
        )
    if not filled:
        return 0
    await stock.put_shortages(tx, short_rows, now)
    # A fill happens once because its rows are locked, not because of its key: the key only has to be its own.
    transaction = await stock.transaction_id(tx)
    await stock.post(
        tx,
        [
            Entry(
                merchant_id=move.merchant_id,
                variant_id=move.variant_id,
                location_id=move.location_id,
                on_hand_delta=0,
                reserved_delta=move.reserved_delta,
                reason="reserve",
                cause="shortage filled",
                op_key=f"fill:{transaction}:{number}",
            )
            for number, move in enumerate(shelves.moves)
        ],
        now,
    )
    changed = [line for line in lines.values() if line.changed]
    await stock.put_reservations(
        tx,
        [
            {
                "merchant_id": merchant_id,
                "order_id": line.order_id,
                "line_id": line.line_id,
                "location_id": location_id,
                "variant_id": line.variant_id,
                "held": held,
                "shipped": line.shipped.get(location_id, 0),
            }
            for line in changed
            for location_id, held in line.held.items()
        ],
    )
    await orders.lift_short_holds(tx, merchant_id, sorted({line.order_id for line in changed}))
    await stock.mark_dirty(tx, {(merchant_id, line.variant_id) for line in changed}, now)
    return filled
