"""Says of units sold that no shelf has how that came about, and keeps their orders from shipping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from core.rules.shelves import LineStock
from core.rules.shortage import Competitor, explain
from core.rules.stock import Level
from core.store import connections, stock
from core.store.database import Connection, Row
from core.usecases.order_lines import WantedLine, hold


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
    short = [(line, part) for line in lines for part in line.stocks if _tells(part, was_short)]
    missed = [part for _, part in short if part.missed]
    pushing = await connections.pushing(tx) if missed else set()
    rivals: dict[tuple[int, int], list[Competitor]] = defaultdict(list)
    for merchant_id in sorted({part.merchant_id for part in missed}):
        variants = sorted({part.variant_id for part in missed if part.merchant_id == merchant_id})
        for row in await stock.competing_sales(tx, merchant_id, variants):
            rivals[merchant_id, row["variant_id"]].append(
                Competitor(
                    row["connection_id"], row["channel_order_id"], row["placed_at"], row["received_at"]
                )
            )
    in_slice: dict[tuple[int, int], list[Competitor]] = defaultdict(list)
    for line in lines:
        for part in line.stocks:
            if line.want.order is not None and part.held_total:
                in_slice[part.merchant_id, part.variant_id].append(
                    Competitor(
                        line.want.connection_id,
                        line.want.order.channel_order_id,
                        line.want.order.placed_at,
                        line.want.received_at,
                    )
                )
    for line in lines:
        # A new state of an order is written without our own holds: one that is still short gets its hold again.
        missing = sum(part.short for part in line.stocks)
        if missing:
            name = line.line.sku or line.line.title
            of = f"parts of {name}" if line.made_of else f"of {name}"
            line.hold = hold(line, "short_stock", "quantity", f"{missing} {of} are on no shelf")
    rows = [_shortage(line, 0, {}) for line in let_go if _tells(line, was_short)]
    for line, part in short:
        assert line.want.order is not None  # noqa: S101 - a line has an order
        level = shown.get(line.listing_id or 0)
        variant = (part.merchant_id, part.variant_id)
        cause = explain(
            connection_id=line.want.connection_id,
            placed_at=line.want.order.placed_at,
            received_at=line.want.received_at,
            level=Level(level["predicted"], level["unseen"]) if level else None,
            confirmed_at=level["confirmed_at"] if level else None,
            pushes=(line.want.merchant_id, line.want.connection_id) in pushing,
            competitors=[*rivals[variant], *in_slice[variant]],
        )
        rows.append(_shortage(part, part.missed, cause))
    if rows:
        await stock.put_shortages(tx, rows, now)


def _tells(line: LineStock, was_short: set[tuple[int, str, int]]) -> bool:
    """Whether there is anything to say about missing units of *line*, or to take back."""
    return line.missed > 0 or (line.changed and (line.order_id, line.line_id, line.variant_id) in was_short)


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
