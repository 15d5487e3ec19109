"""Says of units sold that no shelf has how that came about, and keeps their orders from shipping."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.rules.shelves import LineStock
from core.rules.shortage import Competitor, explain
from core.rules.stock import Level
from core.store import connections, incidents, levels, stock
from core.store.database import Connection, Row
from core.usecases.order_lines import WantedLine, proposal, short_hold
from core.usecases.record_shortages import Short, record_shortages


async def tell_short(
    tx: Connection,
    lines: Sequence[WantedLine],
    let_go: Sequence[LineStock],
    was_short: set[tuple[int, str, int]],
    *,
    shown: dict[int, Row],
    now: datetime,
) -> None:
    """Open, change and close shortages, with their cause; an order that is short may not ship."""
    concerned = [line for line in lines if any(part.short or _tells(part, was_short) for part in line.stocks)]
    if not concerned and not let_go:
        return
    short = [(line, part) for line in concerned for part in line.stocks if _tells(part, was_short)]
    missed = [part for _, part in short if part.missed]
    pushing = await connections.pushing(tx) if missed else set()
    rivals: dict[tuple[int, int], list[Competitor]] = defaultdict(list)
    for merchant_id in sorted({part.merchant_id for part in missed}):
        gone = sorted({part.variant_id for part in missed if part.merchant_id == merchant_id})
        for row in await stock.competing_sales(tx, merchant_id, gone):
            rivals[merchant_id, row["variant_id"]].append(
                Competitor(
                    row["connection_id"], row["channel_order_id"], row["placed_at"], row["received_at"]
                )
            )
    in_slice: dict[tuple[int, int], list[Competitor]] = defaultdict(list)
    variants = {(part.merchant_id, part.variant_id) for _, part in short}
    for line in lines:
        for part in line.stocks:
            wanted = (part.merchant_id, part.variant_id) in variants
            if wanted and line.want.order is not None and part.held_total:
                in_slice[part.merchant_id, part.variant_id].append(
                    Competitor(
                        line.want.connection_id,
                        line.want.order.channel_order_id,
                        line.want.order.placed_at,
                        line.want.received_at,
                    )
                )
    for line in concerned:
        # A new state of an order is written without our own holds: one that is still short gets its hold again.
        missing = sum(part.short for part in line.stocks)
        if missing:
            name = line.line.sku or line.line.title
            line.hold = short_hold(line.position, missing, name, kit=bool(line.made_of))
    ahead = await _sold_ahead(tx, concerned, shown)
    rows = [
        _short(part, 0, because="the order does not want them any more")
        for part in let_go
        if _tells(part, was_short)
    ]
    for line, part in short:
        assert line.want.order is not None  # noqa: S101 - a line has an order
        level = shown.get(line.listing_id or 0)
        variant = (part.merchant_id, part.variant_id)
        cause = explain(
            connection_id=line.want.connection_id,
            placed_at=line.want.order.placed_at,
            received_at=line.want.received_at,
            level=Level(level["predicted"], level["unseen"], level["unshipped"]) if level else None,
            confirmed_at=level["confirmed_at"] if level else None,
            pushes=(line.want.merchant_id, line.want.connection_id) in pushing,
            competitors=[*rivals[variant], *in_slice[variant]],
            ahead=id(line) in ahead,
        )
        rows.append(
            _short(
                part,
                line.want.connection_id,
                part.missed,
                cause,
                because=_because(line),
                ahead=id(line) in ahead,
            )
        )
    if rows:
        await record_shortages(tx, rows, now)
    await _propose_again(tx, concerned)  # after that: an incident that ends takes its proposal along


async def _sold_ahead(tx: Connection, lines: Sequence[WantedLine], shown: dict[int, Row]) -> set[int]:
    """Those of *lines* (by identity) whose missing units their listing was allowed to sell before they are there."""
    left = {listing_id: level["ahead"] for listing_id, level in shown.items()}
    sold: Counter[tuple[int, int]] = Counter()
    found = set()
    for line in lines:
        missing = max(
            (-(-part.missed // line.made_of.get(part.variant_id, 1)) for part in line.stocks), default=0
        )
        if line.listing_id is not None and 0 < missing <= left.get(line.listing_id, 0):
            left[line.listing_id] -= missing
            sold[line.want.merchant_id, line.listing_id] += missing
            found.add(id(line))
    if sold:
        await levels.sell_ahead(tx, [(*listing, units) for listing, units in sorted(sold.items())])
    return found


async def _propose_again(tx: Connection, lines: Sequence[WantedLine]) -> None:
    """An order that is proposed for cancellation stays so while it is short, whatever else is new about it."""
    short = [line for line in lines if line.want.known and any(part.short for part in line.stocks)]
    if not short:
        return
    keys = [line.want.merchant_id for line in short], [line.want.order_id for line in short]
    proposed = await incidents.proposed(tx, *keys)
    for line in short:
        why = proposed.get((line.want.order_id, line.line.line_id))
        if why is not None:
            line.proposed = proposal(line.position, why)


def _tells(line: LineStock, was_short: set[tuple[int, str, int]]) -> bool:
    """Whether there is anything to say about missing units of *line*, or to take back."""
    return line.missed > 0 or (line.changed and (line.order_id, line.line_id, line.variant_id) in was_short)


def _because(line: WantedLine) -> str:
    """Why *line* misses less than before."""
    order = line.want.order
    if order is not None and order.cancelled:
        return "the order was cancelled"
    if line.line.quantity_fulfilled:
        return "the units left all the same"
    return "the order does not want them any more"


def _short(
    part: LineStock,
    connection_id: int,
    oversold: int = 0,
    cause: dict[str, Any] | None = None,
    *,
    because: str,
    ahead: bool = False,
) -> Short:
    return Short(
        merchant_id=part.merchant_id,
        connection_id=connection_id,
        order_id=part.order_id,
        line_id=part.line_id,
        variant_id=part.variant_id,
        quantity=part.short,
        oversold=oversold,
        cause=cause or {},
        because=because,
        policy="backorder" if ahead else "",
    )
