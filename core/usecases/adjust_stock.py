"""Adjust stock: so many units more or fewer than was thought, for a reason that a person gives."""

from __future__ import annotations

from collections.abc import Sequence

from core.hub import Hub
from core.rules.locations import Location
from core.rules.movements import Reason, adjusted
from core.usecases.book_units import Asked, Booked, Desk, book_units


async def adjust_stock(
    hub: Hub,
    merchant_id: int,
    rows: Sequence[Asked],
    *,
    why: str,
    op_key: str,
    actor: str,
    quarantined: bool = False,
    even_reserved: bool = False,
    anyway: bool = False,
    dry_run: bool = False,
) -> Booked:
    """Book *rows*, whose units may be below zero, on the shelf or among the *quarantined*. The same *op_key* books once.

    Raises `UsageProblem` for units that are not there, or (unless *even_reserved*) are promised; nothing is booked then.
    """

    def decide(desk: Desk, row: Asked, place: Location) -> None:
        balance = desk.balance(row.sku, place)
        delta = adjusted(balance, row.units, quarantined=quarantined, even_reserved=even_reserved)
        desk.move(row, place, delta, Reason.ADJUST)

    return await book_units(
        hub,
        merchant_id,
        rows,
        decide,
        Reason.ADJUST,
        op_key=op_key,
        actor=actor,
        cause=why,
        anyway=anyway,
        dry_run=dry_run,
    )
