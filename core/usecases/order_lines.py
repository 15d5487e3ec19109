"""Order lines as our catalogue knows them: which variant each one is, and whether it moves stock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.model.order import LineKind, Order, OrderLine
from core.rules.intake import Intake, moves_stock
from core.rules.kits import flatten
from core.rules.own_count import CountRule, OwnCount, own_count
from core.rules.shelves import LineStock
from core.rules.skus import tidy_sku
from core.store import kits, listings, orders
from core.store.database import Connection, Row

LineKey = tuple[int, str]  # order, line
OWN_HOLDS = (
    "unmapped_sku",
    "short_stock",
    "cancel_proposed",
)  # found anew whenever stock is moved for an order
NEVER = datetime.min.replace(tzinfo=UTC)
AT_ORDER, NOTHING = CountRule(), OwnCount()


@dataclass(frozen=True, slots=True)
class Want:
    """An order whose lines ask something of the shelves. *order* is None when it is gone at the channel.

    *known* is false for an order that was stored just now. *cause* names what made this happen: a delivery, a match;
    with the order's *version* it names it once, also when a delivery is read again. *told* is the order as the channel
    itself says it is, without what only we know to have left; *rule* how the channel keeps its own count, *happened*
    the span in which it changed it, *in_counts* that a new order was off its count before we first looked.
    """

    merchant_id: int
    connection_id: int
    order_id: int
    order: Order | None
    intake: Intake
    cause: str
    received_at: datetime
    version: int = 0
    never_stock: tuple[str, ...] = ()
    holds: tuple[dict[str, str], ...] = ()
    known: bool = True
    told: Order | None = None
    rule: CountRule = AT_ORDER
    happened: tuple[datetime, datetime] = (NEVER, NEVER)
    in_counts: bool = False


@dataclass(slots=True)
class WantedLine:
    """One order line with what it is in our catalogue. *sku* is the line's as SKUs are matched.

    *made_of* is component -> units in one where the variant is a kit. *stocks* is what the line has of its variant and,
    after it, of each component; () where the variant is not known.
    """

    want: Want
    position: int
    line: OrderLine
    sku: str | None
    listing_id: int | None = None
    variant_id: int | None = None
    made_of: dict[int, int] = field(default_factory=dict)
    units: int = 1
    moves: bool = False
    own: OwnCount = NOTHING
    hold: dict[str, str] | None = None
    proposed: dict[str, str] | None = None
    stocks: tuple[LineStock, ...] = ()

    @property
    def key(self) -> LineKey:
        return (self.want.order_id, self.line.line_id)


async def resolve_lines(
    tx: Connection, wants: Sequence[Want], before: dict[LineKey, Row]
) -> list[WantedLine]:
    """The lines of *wants*; a line keeps the variant it had *before*, and what that was made of."""
    lines = [
        WantedLine(want, position, line, tidy_sku(line.sku) or None if line.sku else None)
        for want in wants
        if want.order is not None
        for position, line in enumerate(want.order.lines)
    ]
    found = await listings.resolve(
        tx,
        [(x.want.merchant_id, x.want.connection_id, x.line.channel_item_id, x.sku) for x in lines],
    )
    parts = await _parts(tx, lines, found)
    said = {
        (want.order_id, line.line_id): line
        for want in wants
        if want.told is not None and want.told is not want.order
        for line in want.told.lines
    }
    for line, row in zip(lines, found, strict=True):
        known = before.get(line.key) if before else None
        line.listing_id, line.units = row["listing_id"], row["units"]
        # A line keeps the variant it was reserved under, whatever the catalogue says today.
        if known and known["variant_id"]:
            line.variant_id = known["variant_id"]
            line.made_of = {int(key): units for key, units in (known["made_of"] or {}).items()}
        elif row["variant_id"]:
            line.variant_id, line.made_of = row["variant_id"], flatten(row["variant_id"], parts)
        order = line.want.told or line.want.order
        if order is not None and row["tracked"] is not False:
            line.own = own_count(said.get(line.key, line.line), order, line.want.rule)
        line.moves = (
            moves_stock(line.line, never=line.want.never_stock)
            and row["tracked"] is not False
            and not (line.made_of and _lists_its_components(line))
        )
        if line.moves and line.variant_id is None and line.want.intake.reserves:
            named = (
                f"the SKU {line.line.sku[:80]!r}" if line.line.sku else f"{line.line.title[:80]!r} (no SKU)"
            )
            line.hold = hold(line, "unmapped_sku", "sku", f"no variant is known for {named}")
    return lines


async def _parts(tx: Connection, lines: Sequence[WantedLine], found: Sequence[Row]) -> kits.Parts:
    sold = {
        (line.want.merchant_id, row["variant_id"])
        for line, row in zip(lines, found, strict=True)
        if row["kit"]
    }
    return await kits.parts_of(tx, sold) if sold else {}


def _lists_its_components(line: WantedLine) -> bool:
    """Whether the channel has taken this kit apart: what is in it are lines of their own, and reserved as such."""
    order = line.want.order
    return order is not None and any(other.bundle_line_id == line.line.line_id for other in order.lines)


def hold(line: WantedLine, code: str, name: str, message: str) -> dict[str, str]:
    return {"code": code, "pointer": f"/lines/{line.position}/{name}", "message": message}


def short_hold(position: int, missing: int, name: str, *, kit: bool) -> dict[str, str]:
    """The hold of a line of which no shelf has *missing* units."""
    message = f"{missing} {'parts of' if kit else 'of'} {name} are on no shelf"
    return {"code": "short_stock", "pointer": f"/lines/{position}/quantity", "message": message}


def proposal(position: int, why: str) -> dict[str, str]:
    """The hold of a line whose order is to be cancelled: a person has to tell the channel."""
    message = "it is proposed to cancel this order; the channel has not been told"
    return {
        "code": "cancel_proposed",
        "pointer": f"/lines/{position}/quantity",
        "message": f"{message} ({why})" if why else message,
    }


async def write_lines(
    tx: Connection, lines: Sequence[WantedLine], before: dict[LineKey, Row], wants: Sequence[Want]
) -> None:
    """Store *lines*, say of those that are not in their order any more that they are cancelled, and keep the holds."""
    if new := [_row(line) for line in lines if not line.want.known]:
        await orders.add_lines(tx, new)
    if known := [_row(line) for line in lines if line.want.known]:
        await orders.put_lines(tx, known)
    if before:
        named = {line.key for line in lines}
        whole = {want.order_id: want.merchant_id for want in wants if want.order is not None}
        dropped = [(whole[key[0]], *key) for key in before if key[0] in whole and key not in named]
        if dropped:
            await orders.drop_lines(tx, dropped)
    holds: dict[int, list[dict[str, str]]] = {want.order_id: list(want.holds) for want in wants}
    for line in lines:
        holds[line.want.order_id] += [found for found in (line.hold, line.proposed) if found]
    changed = [want for want in wants if len(holds[want.order_id]) != len(want.holds)]
    if changed:
        await orders.put_holds(tx, [(w.merchant_id, w.order_id, holds[w.order_id]) for w in changed])


def _row(line: WantedLine) -> dict[str, Any]:
    return {
        "merchant_id": line.want.merchant_id,
        "order_id": line.want.order_id,
        "line_id": line.line.line_id,
        "position": line.position,
        "sku": line.sku,
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
        "needs_parcel": line.line.kind is LineKind.PRODUCT,
        "made_of": {str(component): units for component, units in line.made_of.items()} or None,
        "lowered": line.own.lowered,
        "unshipped": line.own.unshipped,
        "channel_location_id": line.line.channel_location_id,
    }
