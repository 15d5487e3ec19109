"""Expect stock: goods are on their way. They are not there, and nobody sells them before they are received."""

from __future__ import annotations

from collections.abc import Sequence

from core.hub import Hub
from core.rules.locations import Location
from core.rules.movements import Reason, expected
from core.usecases.book_units import Asked, Booked, Desk, book_units


async def expect_stock(
    hub: Hub,
    merchant_id: int,
    rows: Sequence[Asked],
    *,
    cause: str,
    op_key: str,
    actor: str,
    dry_run: bool = False,
) -> Booked:
    """Book *rows* as incoming; units below zero will not come after all. The same *op_key* books once.

    A SKU that is new becomes a variant. Raises `UsageProblem` for units that cannot be; then nothing is booked.
    """

    def decide(desk: Desk, row: Asked, place: Location) -> None:
        desk.move(row, place, expected(desk.balance(row.sku, place), row.units), Reason.EXPECT)

    return await book_units(
        hub,
        merchant_id,
        rows,
        decide,
        Reason.EXPECT,
        op_key=op_key,
        actor=actor,
        cause=cause,
        creates=True,
        dry_run=dry_run,
    )
