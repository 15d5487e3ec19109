"""Quarantine stock: units on the shelf are not to be sold for now; and the way back."""

from __future__ import annotations

from collections.abc import Sequence

from core.hub import Hub
from core.rules.locations import Location
from core.rules.movements import Reason, put_back, set_apart
from core.usecases.book_units import Asked, Booked, Desk, book_units


async def quarantine_stock(
    hub: Hub,
    merchant_id: int,
    rows: Sequence[Asked],
    *,
    why: str,
    op_key: str,
    actor: str,
    back: bool = False,
    even_reserved: bool = False,
    dry_run: bool = False,
) -> Booked:
    """Set *rows* apart or, with *back*, let them be sold again. The same *op_key* books once.

    Raises `UsageProblem` for units that are not there, or (unless *even_reserved*) are promised; nothing is booked then.
    """
    reason = Reason.UNQUARANTINE if back else Reason.QUARANTINE

    def decide(desk: Desk, row: Asked, place: Location) -> None:
        balance = desk.balance(row.sku, place)
        delta = (
            put_back(balance, row.units)
            if back
            else set_apart(balance, row.units, even_reserved=even_reserved)
        )
        desk.move(row, place, delta, reason)

    return await book_units(
        hub, merchant_id, rows, decide, reason, op_key=op_key, actor=actor, cause=why, dry_run=dry_run
    )
