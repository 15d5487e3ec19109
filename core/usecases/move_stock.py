"""Moves stock for a slice of orders: holds units, lets them go, books them out, and says what is missing.

All decisions are `core.rules`; here the rows are read once for the whole slice and written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.rules.kit_shelves import KitStock, settle_kit
from core.rules.orders import Claim, claim_of
from core.rules.shelves import LineStock, Shelves
from core.store import listings, orders, stock
from core.store.database import Connection
from core.store.stock import Entry
from core.usecases.follow_own_counts import changes_of, follow_own_counts
from core.usecases.order_lines import Want, WantedLine, resolve_lines, write_lines
from core.usecases.tell_short import tell_short

StockKey = tuple[int, str, int]  # order, line, variant


async def move_stock(tx: Connection, wants: Sequence[Want], now: datetime) -> bool:
    """Store the lines of *wants* and move their stock; says whether listings must be levelled anew."""
    known = [want for want in wants if want.known]
    keys = [want.merchant_id for want in known], [want.order_id for want in known]
    before = (
        {(row["order_id"], row["line_id"]): row for row in await orders.lines_of(tx, *keys)} if known else {}
    )
    lines = await resolve_lines(tx, wants, before)
    held = await _held(tx, known) if known else {}
    stored = set(held)
    for line in lines:
        if line.variant_id is not None:
            line.stocks = tuple(
                _stock_of(held, line, variant) for variant in (line.variant_id, *line.made_of)
            )
    was_short = {key for key, line in held.items() if line.short}
    shelves = await _shelves(tx, held.values())
    preferred = await _preferred(tx, wants)
    for line in lines:
        if line.stocks:
            _settle(shelves, line, preferred[line.want.connection_id])
    let_go = _let_go(wants, lines, {key: held[key] for key in held if key in stored}, shelves, preferred)
    touched = {(move.merchant_id, move.variant_id) for move in shelves.moves}
    changes, dropped = changes_of(lines, before, wants)
    touched |= {
        (change.want.merchant_id, change.variant_id)
        for change in changes
        if change.moves and change.variant_id is not None
    }
    if touched:
        await stock.mark_dirty(tx, touched, now, sold=True)
    shown = await follow_own_counts(tx, lines, changes, dropped, now)
    await tell_short(tx, lines, let_go, was_short, shown=shown, now=now)
    await _write_stock(tx, wants, held.values(), shelves, now)
    await write_lines(tx, lines, before, wants)
    return bool(touched)


async def _held(tx: Connection, wants: Sequence[Want]) -> dict[StockKey, LineStock]:
    keys = [want.merchant_id for want in wants], [want.order_id for want in wants]
    merchant = {want.order_id: want.merchant_id for want in wants}
    held: dict[StockKey, LineStock] = {}
    for row in await orders.reservations_of(tx, *keys):
        key = (row["order_id"], row["line_id"], row["variant_id"])
        line = held.setdefault(key, LineStock(merchant[row["order_id"]], *key))
        line.held[row["location_id"]] = row["held"]
        line.shipped[row["location_id"]] = row["shipped"]
    for row in await orders.shortages_of(tx, *keys):
        key = (row["order_id"], row["line_id"], row["variant_id"])
        held.setdefault(key, LineStock(merchant[row["order_id"]], *key)).short = row["quantity"]
    return held


def _stock_of(held: dict[StockKey, LineStock], line: WantedLine, variant_id: int) -> LineStock:
    key = (line.want.order_id, line.line.line_id, variant_id)
    return held.setdefault(key, LineStock(line.want.merchant_id, *key))


async def _shelves(tx: Connection, lines: Any) -> Shelves:
    shelves = Shelves()
    for row in await stock.lock(tx, {(line.merchant_id, line.variant_id) for line in lines}):
        shelves.put(*row.values())
    return shelves


async def _preferred(tx: Connection, wants: Sequence[Want]) -> dict[int, list[int]]:
    preferred = await listings.shelves_of(tx, sorted({(w.merchant_id, w.connection_id) for w in wants}))
    for want in wants:
        if want.connection_id not in preferred:
            preferred[want.connection_id] = [await listings.default_location(tx, want.merchant_id)]
    return preferred


def _settle(shelves: Shelves, line: WantedLine, preferred: Sequence[int]) -> None:
    own, *parts = line.stocks
    if not parts:
        shelves.settle(own, _claim(line, own.shipped_total), preferred)
        return
    kit = KitStock(own, {part.variant_id: part for part in parts}, line.made_of)
    settle_kit(shelves, kit, _claim(line, kit.shipped_kits), preferred)


def _claim(line: WantedLine, shipped_before: int) -> Claim:
    order = line.want.order
    assert order is not None  # noqa: S101 - a line has an order
    claim = claim_of(
        line.line,
        order,
        line.want.intake,
        moves=line.moves,
        shipped_before=shipped_before // line.units,
    )
    return Claim(held=claim.held * line.units, shipped=claim.shipped * line.units)


def _let_go(
    wants: Sequence[Want],
    lines: Sequence[WantedLine],
    held: dict[StockKey, LineStock],
    shelves: Shelves,
    preferred: dict[int, list[int]],
) -> list[LineStock]:
    """Lines that are no longer in their order, or whose order is gone, hold nothing and miss nothing."""
    if not held:
        return []
    named = {(stock.order_id, stock.line_id, stock.variant_id) for line in lines for stock in line.stocks}
    connection = {want.order_id: want.connection_id for want in wants}
    let_go = [line for key, line in held.items() if key not in named]
    for line in let_go:
        shelves.settle(line, Claim(0, line.shipped_total), preferred[connection[line.order_id]])
    return let_go


async def _write_stock(
    tx: Connection, wants: Sequence[Want], held: Any, shelves: Shelves, now: datetime
) -> None:
    cause = {want.order_id: want.cause for want in wants}
    once = {want.order_id: f"{want.cause}:v{want.version}" for want in wants}
    if shelves.moves:
        await stock.post(
            tx,
            [
                Entry(
                    merchant_id=move.merchant_id,
                    variant_id=move.variant_id,
                    location_id=move.location_id,
                    on_hand_delta=move.on_hand_delta,
                    reserved_delta=move.reserved_delta,
                    reason=move.reason,
                    cause=cause[move.order_id],
                    op_key=f"{once[move.order_id]}:{move.order_id}:{move.line_id}:{move.location_id}:{number}",
                    order_id=move.order_id,
                )
                for number, move in enumerate(shelves.moves)
            ],
            now,
        )
    rows = [
        {
            "merchant_id": line.merchant_id,
            "order_id": line.order_id,
            "line_id": line.line_id,
            "location_id": location_id,
            "variant_id": line.variant_id,
            "held": line.held.get(location_id, 0),
            "shipped": line.shipped.get(location_id, 0),
        }
        for line in held
        if line.changed
        for location_id in sorted({*line.held, *line.shipped})
    ]
    known = {want.order_id for want in wants if want.known}
    if new := [row for row in rows if row["order_id"] not in known]:
        await stock.add_reservations(tx, new)
    if old := [row for row in rows if row["order_id"] in known]:
        await stock.put_reservations(tx, old)
