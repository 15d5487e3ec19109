"""What may be shipped of an order, and what an order is once the hub knows that goods have left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import UsageProblem
from core.model.order import Order
from core.rules.totals import fulfillment_status


@dataclass(frozen=True, slots=True)
class OpenLine:
    """One line of an order with the units that have not left yet."""

    line_id: str
    name: str
    open: int
    needs_parcel: bool = True


def choose_lines(lines: Sequence[OpenLine], asked: Mapping[str, int] | None) -> dict[str, int]:
    """Which units go into a parcel: those *asked* for by line id, or everything that is open.

    Raises `UsageProblem` naming the line that does not exist or has fewer units left.

    >>> choose_lines([OpenLine("1", "mug", 2), OpenLine("2", "cup", 0)], None)
    {'1': 2}
    """
    if not asked:
        chosen = {line.line_id: line.open for line in lines if line.open > 0 and line.needs_parcel}
        if not chosen:
            raise UsageProblem("Nothing of this order is left to ship.")
        return chosen
    known = {line.line_id: line for line in lines}
    for line_id, quantity in asked.items():
        line = known.get(line_id)
        if line is None:
            have = ", ".join(f"{one.line_id} ({one.name})" for one in lines)
            raise UsageProblem(f"The order has no line {line_id!r}.", fix=f"It has: {have}.")
        if not 0 < quantity <= line.open:
            raise UsageProblem(
                f"{quantity} of line {line_id} ({line.name}) cannot be shipped: {line.open} are left to ship."
            )
    return dict(asked)


def with_shipped(order: Order, shipped: Mapping[str, int]) -> Order:
    """*order* as it is when the units by line that are known to have been *shipped* count too.

    The channel's echo of a shipment of ours adds nothing: of each line the larger count is what has left.
    """
    if not shipped:
        return order
    lines = tuple(
        line.model_copy(
            update={"quantity_fulfilled": max(line.quantity_fulfilled, shipped.get(line.line_id, 0))}
        )
        for line in order.lines
    )
    return order.model_copy(update={"lines": lines, "fulfillment_status": fulfillment_status(lines)})


def tidy_tracking_number(text: str) -> str:
    """A tracking number as everybody writes it: no blanks, capital letters."""
    return "".join(text.split()).upper()
