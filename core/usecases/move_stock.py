"""Moves stock for a slice of orders: holds units, lets them go, books them out, and says what is missing.

All decisions are `core.rules`; here the rows are read once for the whole slice and written once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.model.order import Order, OrderLine
from core.rules.intake import Intake, moves_stock
from core.rules.orders import Claim, claim_of
from core.rules.shelves import LineStock, Shelves
from core.rules.shortage import Competitor, explain
from core.rules.skus import tidy_sku
from core.rules.stock import Level, crossed
from core.store import connections, levels, listings, orders, stock
from core.store.database import Connection, Row
from core.store.stock import Entry

LineKey = tuple[int, str]  # order, line


@dataclass(frozen=True, slots=True)
class Want:
    """An order whose lines ask something of the shelves. *order* is None when it is gone at the channel.

    *known* is false for an order that was stored just now. *cause* names what made this happen, once: a delivery,
    a match. *lowers* says that the channel has taken these units off its own count; *lowered_before* that we knew;
    *compares* that it never lets a write wipe out a sale.
    """

    merchant_id: int
    connection_id: int
    order_id: int
    order: Order | None
    intake: Intake
    cause: str
    received_at: datetime
    never_stock: tuple[str, ...] = ()
    holds: tuple[dict[str, str], ...] = ()
    known: bool = True
    compares: bool = True
    lowers: bool = False
    lowered_before: bool = False


@dataclass(slots=True)
class _Line:
    """One order line with what it is in our catalogue."""

    want: Want
    position: int
    line: OrderLine
    listing_id: int | None = None
    variant_id: int | None = None
    units: int = 1
    moves: bool = False
    quantity_before: int = 0
    hold: dict[str, str] | None = None
    stock: LineStock | None = None

    @property
    def newly_lowered(self) -> int:
        """Units the channel has taken off its own count since we last looked, in units of the listing."""
        if not self.want.lowers or self.line.tracked is False:
            return 0
        known = self.quantity_before if self.want.lowered_before else 0
        return max(0, self.line.units - known)


async def move_stock(tx: Connection, wants: Sequence[Want], now: datetime) -> bool:
    """Store the lines of *wants* and move their stock; says whether listings must be levelled anew."""
    known = [want for want in wants if want.known]
    keys = [want.merchant_id for want in known], [want.order_id for want in known]
    before = (
        {(row["order_id"], row["line_id"]): row for row in await orders.lines_of(tx, *keys)} if known else {}
    )
    lines = await _resolve(tx, wants, before)
    held = await _held(tx, known) if known else {}
    for line in lines:
        if line.variant_id is not None:
            fresh = LineStock(line.want.merchant_id, line.want.order_id, line.line.line_id, line.variant_id)
            line.stock = held.setdefault((line.want.order_id, line.line.line_id), fresh)
    was_short = {key for key, line in held.items() if line.short}
    shelves = await _shelves(tx, held.values())
    preferred = await _preferred(tx, wants)
    for line in lines:
        if line.stock is not None:
            shelves.settle(line.stock, _claim(line, line.stock), preferred[line.want.connection_id])
    let_go = _let_go(wants, lines, held, shelves, preferred)
    touched = {(move.merchant_id, move.variant_id) for move in shelves.moves}
    touched |= {
        (line.want.merchant_id, line.variant_id)
        for line in lines
        if line.variant_id is not None and line.newly_lowered
    }
    if touched:
        await stock.mark_dirty(tx, touched, now)
    shown = await _levels(tx, lines)
    await _tell_short(tx, lines, let_go, was_short, shown=shown, now=now)
    await _write_stock(tx, wants, held.values(), shelves, now)
    await _write_lines(tx, lines, before, wants)
    return bool(touched)


async def _resolve(tx: Connection, wants: Sequence[Want], before: dict[LineKey, Row]) -> list[_Line]:
    lines = [
        _Line(want=want, position=position, line=line)
        for want in wants
        if want.order is not None
        for position, line in enumerate(want.order.lines)
    ]
    found = await listings.resolve(
        tx,
        [(x.want.merchant_id, x.want.connection_id, x.line.channel_item_id, _sku(x)) for x in lines],
    )
    for line, row in zip(lines, found, strict=True):
        known = before.get((line.want.order_id, line.line.line_id))
        line.listing_id, line.units = row["listing_id"], row["units"]
        # A line keeps the variant it was reserved under, whatever the catalogue says today.
        line.variant_id = known["variant_id"] if known and known["variant_id"] else row["variant_id"]
        line.quantity_before = known["quantity"] if known else 0
        line.moves = moves_stock(line.line, never=line.want.never_stock) and row["tracked"] is not False
        if line.moves and line.variant_id is None and line.want.intake.reserves:
            named = (
                f"the SKU {line.line.sku[:80]!r}" if line.line.sku else f"{line.line.title[:80]!r} (no SKU)"
            )
            line.hold = _hold(line, "unmapped_sku", "sku", f"no variant is known for {named}")
    return lines


def _sku(line: _Line) -> str | None:
    return tidy_sku(line.line.sku) or None if line.line.sku else None


def _hold(line: _Line, code: str, name: str, message: str) -> dict[str, str]:
    return {"code": code, "pointer": f"/lines/{line.position}/{name}", "message": message}


async def _held(tx: Connection, wants: Sequence[Want]) -> dict[LineKey, LineStock]:
    keys = [want.merchant_id for want in wants], [want.order_id for want in wants]
    merchant = {want.order_id: want.merchant_id for want in wants}
    held: dict[LineKey, LineStock] = {}
    for row in await orders.reservations_of(tx, *keys):
        order_id, line_id = row["order_id"], row["line_id"]
        fresh = LineStock(merchant[order_id], order_id, line_id, row["variant_id"])
        line = held.setdefault((order_id, line_id), fresh)
        line.held[row["location_id"]] = row["held"]
        line.shipped[row["location_id"]] = row["shipped"]
    for row in await orders.shortages_of(tx, *keys):
        order_id, line_id = row["order_id"], row["line_id"]
        fresh = LineStock(merchant[order_id], order_id, line_id, row["variant_id"])
        held.setdefault((order_id, line_id), fresh).short = row["quantity"]
    return held


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


def _claim(line: _Line, have: LineStock) -> Claim:
    order = line.want.order
    assert order is not None  # noqa: S101 - a line has an order
    claim = claim_of(
        line.line,
        order,
        line.want.intake,
        moves=line.moves,
        shipped_before=have.shipped_total // line.units,
    )
    return Claim(held=claim.held * line.units, shipped=claim.shipped * line.units)


def _let_go(
    wants: Sequence[Want],
    lines: Sequence[_Line],
    held: dict[LineKey, LineStock],
    shelves: Shelves,
    preferred: dict[int, list[int]],
) -> list[LineStock]:
    """Lines that are no longer in their order, or whose order is gone, hold nothing and miss nothing."""
    named = {(line.want.order_id, line.line.line_id) for line in lines}
    connection = {want.order_id: want.connection_id for want in wants}
    let_go = [line for key, line in held.items() if key not in named]
    for line in let_go:
        shelves.settle(line, Claim(0, line.shipped_total), preferred[connection[line.order_id]])
    return let_go


async def _levels(tx: Connection, lines: Sequence[_Line]) -> dict[int, Row]:
    """The level of each listing that sold, as it was before, and the channel's own sales counted on it."""
    wanted = sorted({(line.want.merchant_id, line.listing_id) for line in lines if line.listing_id})
    if not wanted:
        return {}
    rows = await levels.lock_of_listings(tx, [pair[0] for pair in wanted], [pair[1] for pair in wanted])
    shown: dict[int, Row] = {}
    for row in rows:
        shown.setdefault(row["listing_id"], row)
    sold: dict[int, int] = defaultdict(int)
    maybe: dict[int, int | None] = defaultdict(lambda: None)
    for line in lines:
        if line.listing_id in shown and line.newly_lowered:
            sold[line.listing_id] += line.newly_lowered
            level, order = shown[line.listing_id], line.want.order
            if not line.want.compares and crossed(order.placed_at if order else None, level["confirmed_at"]):
                maybe[line.listing_id] = level["confirmed"]
    if sold:
        await levels.count_own_sales(
            tx,
            [
                {**dict(shown[listing]), "quantity": quantity, "maybe": maybe[listing]}
                for listing, quantity in sorted(sold.items())
            ],
        )
    return shown


async def _tell_short(
    tx: Connection,
    lines: Sequence[_Line],
    let_go: Sequence[LineStock],
    was_short: set[LineKey],
    *,
    shown: dict[int, Row],
    now: datetime,
) -> None:
    """Open, change and close shortages, with their cause; an order that is short may not ship."""
    short = [line for line in lines if line.stock is not None and _tells(line.stock, was_short)]
    missed = [line for line in short if line.stock is not None and line.stock.missed]
    pushing = await connections.pushing(tx) if missed else set()
    rivals: dict[tuple[int, int], list[Competitor]] = defaultdict(list)
    for merchant_id in sorted({line.want.merchant_id for line in missed}):
        variants = sorted({x.variant_id or 0 for x in missed if x.want.merchant_id == merchant_id})
        for row in await stock.competing_sales(tx, merchant_id, variants):
            rivals[merchant_id, row["variant_id"]].append(
                Competitor(
                    row["connection_id"], row["channel_order_id"], row["placed_at"], row["received_at"]
                )
            )
    in_slice: dict[tuple[int, int], list[Competitor]] = defaultdict(list)
    for line in lines:
        if line.stock is not None and line.want.order is not None and line.stock.held_total:
            in_slice[line.want.merchant_id, line.stock.variant_id].append(
                Competitor(
                    line.want.connection_id,
                    line.want.order.channel_order_id,
                    line.want.order.placed_at,
                    line.want.received_at,
                )
            )
    for line in lines:
        # A new state of an order is written without our own holds: one that is still short gets its hold again.
        if line.stock is not None and line.stock.short:
            message = f"{line.stock.short} of {line.line.sku or line.line.title} are on no shelf"
            line.hold = _hold(line, "short_stock", "quantity", message)
    rows = [_shortage(line, 0, {}) for line in let_go if _tells(line, was_short)]
    for line in short:
        assert line.stock is not None and line.want.order is not None  # noqa: S101, PT018 - filtered above
        level = shown.get(line.listing_id or 0)
        variant = (line.want.merchant_id, line.stock.variant_id)
        cause = explain(
            connection_id=line.want.connection_id,
            placed_at=line.want.order.placed_at,
            received_at=line.want.received_at,
            level=Level(level["predicted"], level["unseen"]) if level else None,
            confirmed_at=level["confirmed_at"] if level else None,
            pushes=(line.want.merchant_id, line.want.connection_id) in pushing,
            competitors=[*rivals[variant], *in_slice[variant]],
        )
        rows.append(_shortage(line.stock, line.stock.missed, cause))
    if rows:
        await stock.put_shortages(tx, rows, now)


def _tells(line: LineStock, was_short: set[LineKey]) -> bool:
    """Whether there is anything to say about missing units of *line*, or to take back."""
    return line.missed > 0 or (line.changed and (line.order_id, line.line_id) in was_short)


def _shortage(line: LineStock, oversold: int, cause: dict[str, Any]) -> dict[str, Any]:
    return {
        "merchant_id": line.merchant_id,
        "order_id": line.order_id,
        "line_id": line.line_id,
        "variant_id": line.variant_id,
        "quantity": line.short,
        "oversold": oversold,
        "cause": cause,
    }


async def _write_stock(
    tx: Connection, wants: Sequence[Want], held: Any, shelves: Shelves, now: datetime
) -> None:
    cause = {want.order_id: want.cause for want in wants}
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
                    op_key=f"{cause[move.order_id]}:{move.order_id}:{move.line_id}:{move.location_id}:{number}",
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
    if rows:
        await stock.put_reservations(tx, rows)


async def _write_lines(
    tx: Connection, lines: Sequence[_Line], before: dict[LineKey, Row], wants: Sequence[Want]
) -> None:
    if lines:
        await orders.put_lines(tx, [_row(line) for line in lines])
    named = {(line.want.order_id, line.line.line_id) for line in lines}
    whole = {want.order_id: want.merchant_id for want in wants if want.order is not None}
    dropped = [(whole[key[0]], *key) for key in before if key[0] in whole and key not in named]
    if dropped:
        await orders.drop_lines(tx, dropped)
    holds: dict[int, list[dict[str, str]]] = {want.order_id: list(want.holds) for want in wants}
    for line in lines:
        if line.hold:
            holds[line.want.order_id].append(line.hold)
    changed = [want for want in wants if len(holds[want.order_id]) != len(want.holds)]
    if changed:
        await orders.put_holds(tx, [(w.merchant_id, w.order_id, holds[w.order_id]) for w in changed])


def _row(line: _Line) -> dict[str, Any]:
    return {
        "merchant_id": line.want.merchant_id,
        "order_id": line.want.order_id,
        "line_id": line.line.line_id,
        "position": line.position,
        "sku": _sku(line),
        "channel_item_id": line.line.channel_item_id,
        "title": line.line.title[:500],
        "listing_id": line.listing_id,
        "variant_id": line.variant_id,
        "moves_stock": line.moves,
        "quantity": line.line.units,
        "quantity_cancelled": line.line.quantity_cancelled,
        "quantity_fulfilled": line.line.quantity_fulfilled,
        "quantity_returned": line.line.quantity_returned,
        "unit_price": line.line.unit_price.amount if line.line.unit_price else None,
        "total": line.line.total.amount if line.line.total else None,
    }
