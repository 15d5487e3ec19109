"""Fill shortages: units that came free go first to orders that were promised them: to those that have to ship first, then
the oldest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.failpoints import reach
from core.hub import Hub
from core.rules.kit_shelves import KitStock, fill_kit
from core.rules.shelves import LineStock, Shelves
from core.store import connections, listings, orders, policies, stock
from core.store.database import Connection, Row
from core.store.stock import Entry
from core.usecases.hold_short import hold_short
from core.usecases.record_shortages import Short, record_shortages
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
            if units:
                await reach("fill.storing")
        if units:
            await reach("fill.stored")
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
    lines = await _lines(tx, merchant_id, rows)
    shelves = Shelves()
    for balance in await stock.lock(tx, {(merchant_id, part.variant_id) for line in lines for part in line}):
        shelves.put(*balance.values())
    preferred = await listings.shelves_of(tx, sorted({(merchant_id, row["connection_id"]) for row in rows}))
    default = await listings.default_location(tx, merchant_id)
    beyond = await policies.elsewhere(tx, merchant_id, [row["order_id"] for row in rows])
    was_short = [part for line in lines for part in line if part.short]
    filled = 0
    for row, (own, *parts) in zip(rows, lines, strict=True):
        shelf = preferred.get(row["connection_id"], [default])
        more = beyond.get((row["order_id"], row["line_id"]), [])
        shelf = [*shelf, *(location for location in more if location not in shelf)]
        before = own.short + sum(part.short for part in parts)
        if parts:
            fill_kit(shelves, _kit(own, parts, row), shelf)
        else:
            shelves.fill(own, shelf)
        filled += before - own.short - sum(part.short for part in parts)
    changed = [part for line in lines for part in line if part.changed]
    if changed:
        await _write(tx, merchant_id, rows, changed, was_short, shelves, now)
    return filled


async def _lines(tx: Connection, merchant_id: int, rows: Sequence[Row]) -> list[list[LineStock]]:
    """What each line has of its variant and, of a kit, of each component."""
    keys = [merchant_id] * len(rows), [row["order_id"] for row in rows]
    lines = [
        [
            LineStock(merchant_id, row["order_id"], row["line_id"], variant)
            for variant in (row["variant_id"], *map(int, row["made_of"] or ()))
        ]
        for row in rows
    ]
    by_key = {(part.order_id, part.line_id, part.variant_id): part for line in lines for part in line}
    for row in await orders.reservations_of(tx, *keys):
        if part := by_key.get((row["order_id"], row["line_id"], row["variant_id"])):
            part.held[row["location_id"]], part.shipped[row["location_id"]] = row["held"], row["shipped"]
    for row in await orders.shortages_of(tx, *keys):
        if part := by_key.get((row["order_id"], row["line_id"], row["variant_id"])):
            part.short = row["quantity"]
    return lines


def _kit(own: LineStock, parts: Sequence[LineStock], row: Row) -> KitStock:
    made_of = {int(component): units for component, units in row["made_of"].items()}
    return KitStock(own, {part.variant_id: part for part in parts}, made_of)


async def _write(
    tx: Connection,
    merchant_id: int,
    rows: Sequence[Row],
    changed: Sequence[LineStock],
    was_short: Sequence[LineStock],
    shelves: Shelves,
    now: datetime,
) -> None:
    await stock.mark_dirty(tx, {(merchant_id, part.variant_id) for part in changed}, now, sold=True)
    connection = {row["order_id"]: row["connection_id"] for row in rows}
    await record_shortages(
        tx,
        [
            Short(
                merchant_id=merchant_id,
                connection_id=connection[part.order_id],
                order_id=part.order_id,
                line_id=part.line_id,
                variant_id=part.variant_id,
                quantity=part.short,
                because="units came",
            )
            for part in was_short
        ],
        now,
    )
    # A fill happens once because its rows are locked, not because of its key: the key only has to be its own.
    transaction = await stock.transaction_id(tx)
    await stock.post(
        tx,
        [
            Entry(
                merchant_id=merchant_id,
                variant_id=move.variant_id,
                location_id=move.location_id,
                on_hand_delta=0,
                reserved_delta=move.reserved_delta,
                reason=move.reason,
                cause="shortage filled",
                op_key=f"fill:{transaction}:{number}",
                order_id=move.order_id,
            )
            for number, move in enumerate(shelves.moves)
        ],
        now,
    )
    await stock.put_reservations(
        tx,
        [
            {
                "merchant_id": merchant_id,
                "order_id": part.order_id,
                "line_id": part.line_id,
                "location_id": location_id,
                "variant_id": part.variant_id,
                "held": held,
                "shipped": part.shipped.get(location_id, 0),
            }
            for part in changed
            for location_id, held in part.held.items()
        ],
    )
    await hold_short(tx, merchant_id, [part.order_id for part in changed])
