"""Receive stock: goods came in and are on the shelf."""

from __future__ import annotations

from collections.abc import Sequence

from core.hub import Hub
from core.rules.locations import Location
from core.rules.movements import Reason, received
from core.usecases.book_units import Asked, Booked, Desk, book_units


async def receive_stock(
    hub: Hub,
    merchant_id: int,
    rows: Sequence[Asked],
    *,
    cause: str,
    op_key: str,
    actor: str,
    expected: bool = False,
    dry_run: bool = False,
) -> Booked:
    """Book *rows* onto their shelves; where they were *expected*, that many fewer are. The same *op_key* books once.

    A SKU that is new becomes a variant. Raises `UsageProblem` for units that cannot be; then nothing is booked.
    """

    def decide(desk: Desk, row: Asked, place: Location) -> None:
        delta = received(desk.balance(row.sku, place), row.units, expected=expected)
        surplus = row.units + delta.incoming if expected else 0
        desk.move(row, place, delta, Reason.RECEIVE, note=f"{surplus} more than expected" if surplus else "")

    return await book_units(
        hub,
        merchant_id,
        rows,
        decide,
        Reason.RECEIVE,
        op_key=op_key,
        actor=actor,
        cause=cause,
        creates=True,
        dry_run=dry_run,
    )
