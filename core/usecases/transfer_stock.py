"""Transfer stock: units go from one location to another, both sides in one operation."""

from __future__ import annotations

from collections.abc import Sequence

from core.hub import Hub
from core.rules.locations import Location, refusal
from core.rules.movements import Impossible, Reason, transferred
from core.usecases.book_units import Asked, Booked, Desk, book_units


async def transfer_stock(
    hub: Hub,
    merchant_id: int,
    rows: Sequence[Asked],
    *,
    to: str,
    cause: str,
    op_key: str,
    actor: str,
    even_reserved: bool = False,
    dry_run: bool = False,
) -> Booked:
    """Book *rows* from their locations *to* another. The same *op_key* books once.

    Raises `UsageProblem` for units that are not there, or (unless *even_reserved*) are promised; nothing is booked then.
    """

    def decide(desk: Desk, row: Asked, place: Location) -> None:
        target = desk.place(to)
        if target == place:
            raise Impossible("they are there already")
        refused = refusal(target, Reason.TRANSFER)
        if refused:
            raise Impossible(refused[0].rstrip("."))
        leaves, comes = transferred(desk.balance(row.sku, place), row.units, even_reserved=even_reserved)
        desk.balance(row.sku, target).plus(comes)  # it holds that many, or nothing moves
        desk.move(row, place, leaves, Reason.TRANSFER)
        desk.move(row, target, comes, Reason.TRANSFER)

    return await book_units(
        hub,
        merchant_id,
        rows,
        decide,
        Reason.TRANSFER,
        op_key=op_key,
        actor=actor,
        cause=cause,
        dry_run=dry_run,
    )
