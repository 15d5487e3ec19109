"""Settles what order lines ask of the shelves, line by line, on balances held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from core.rules.orders import Claim
from core.rules.stock import Pick, Shelf, allocate, give_back


@dataclass(slots=True)
class LineStock:
    """What one order line has of one variant: units held and shipped by location, units *short*.

    *missed* are the units this settling found on no shelf; *changed* says that something moved.
    """

    merchant_id: int
    order_id: int
    line_id: str
    variant_id: int
    held: dict[int, int] = field(default_factory=dict)
    shipped: dict[int, int] = field(default_factory=dict)
    short: int = 0
    missed: int = 0
    changed: bool = False

    @property
    def shipped_total(self) -> int:
        return sum(self.shipped.values())

    @property
    def held_total(self) -> int:
        return sum(self.held.values())


class Move(NamedTuple):
    """One change of one balance for one order line. *reason* is reserve, release or ship."""

    merchant_id: int
    variant_id: int
    location_id: int
    on_hand_delta: int
    reserved_delta: int
    reason: str
    order_id: int
    line_id: str


class Shelves:
    """Balances of the variants at hand. `settle` changes them and writes down every move."""

    def __init__(self) -> None:
        self.moves: list[Move] = []
        self._on_hand: dict[tuple[int, int, int], int] = {}
        self._reserved: dict[tuple[int, int, int], int] = {}

    def put(self, merchant_id: int, variant_id: int, location_id: int, on_hand: int, reserved: int) -> None:
        """Say what a location holds."""
        self._on_hand[merchant_id, variant_id, location_id] = on_hand
        self._reserved[merchant_id, variant_id, location_id] = reserved

    def of(self, line: LineStock, preferred: Sequence[int]) -> list[Shelf]:
        """The shelves of the variant of *line*, in the *preferred* order."""
        keys = [(line.merchant_id, line.variant_id, location_id) for location_id in preferred]
        return [Shelf(key[2], self._on_hand.get(key, 0), self._reserved.get(key, 0)) for key in keys]

    def settle(self, line: LineStock, claim: Claim, preferred: Sequence[int]) -> None:
        """Make *line* hold and have shipped what *claim* says, from the *preferred* locations in their order.

        Never takes more than is free: what is missing is `short`. Units that left come off what is held first.
        """
        self.ship(line, claim.shipped - line.shipped_total, preferred)
        wanted = claim.held - line.held_total - line.short
        if wanted > 0:
            self.hold(line, wanted, preferred)
        elif wanted < 0:
            self.let_go(line, -wanted)

    def hold(self, line: LineStock, units: int, preferred: Sequence[int]) -> None:
        """Set *units* aside; what no shelf has is missing from now on."""
        picks, missing = allocate(units, self.of(line, preferred))
        for pick in picks:
            self.reserve(line, pick)
        line.short += missing
        line.missed += missing

    def let_go(self, line: LineStock, units: int) -> None:
        """Ask for *units* less: what is missing anyway first, then what was taken last."""
        forgiven = min(line.short, units)
        line.short -= forgiven
        line.changed |= forgiven > 0
        held = [Pick(location, quantity) for location, quantity in line.held.items()]
        for pick in give_back(units - forgiven, held):
            self.release(line, pick)

    def fill(self, line: LineStock, preferred: Sequence[int]) -> None:
        """Set aside what is missing, as far as it is free by now."""
        picks, _ = allocate(line.short, self.of(line, preferred))
        for pick in picks:
            self.reserve(line, pick)
            line.short -= pick.quantity

    def ship(self, line: LineStock, units: int, preferred: Sequence[int]) -> None:
        """Book out *units* that have left: of what is held first, then of what is free."""
        if units <= 0:
            return
        for location_id, held in list(line.held.items()):
            taken = min(units, held)
            if taken > 0:
                self.book_out(line, Pick(location_id, taken), held=True)
                units -= taken
        if units <= 0:
            return
        picks, missing = allocate(units, self.of(line, preferred))
        for pick in picks:
            self.book_out(line, pick, held=False)
        # The rest has left although no shelf had it: nothing to deduct, but it is known and explained.
        line.missed += max(0, missing - line.short)
        line.short -= min(line.short, units)
        line.shipped[preferred[0]] = line.shipped.get(preferred[0], 0) + missing
        line.changed = True

    def reserve(self, line: LineStock, pick: Pick) -> None:
        self._move(line, pick, on_hand=0, reserved=pick.quantity, reason="reserve")

    def release(self, line: LineStock, pick: Pick) -> None:
        self._move(line, pick, on_hand=0, reserved=-pick.quantity, reason="release")

    def book_out(self, line: LineStock, pick: Pick, *, held: bool) -> None:
        """*pick* has left its location; *held* says that it had been set aside for *line*."""
        self._move(line, pick, on_hand=-pick.quantity, reserved=-pick.quantity if held else 0, reason="ship")

    def _move(self, line: LineStock, pick: Pick, *, on_hand: int, reserved: int, reason: str) -> None:
        key = (line.merchant_id, line.variant_id, pick.location_id)
        self._on_hand[key] = self._on_hand.get(key, 0) + on_hand
        self._reserved[key] = self._reserved.get(key, 0) + reserved
        line.held[pick.location_id] = line.held.get(pick.location_id, 0) + reserved
        if reason == "ship":
            line.shipped[pick.location_id] = line.shipped.get(pick.location_id, 0) - on_hand
        line.changed = True
        self.moves.append(Move(*key, on_hand, reserved, reason, line.order_id, line.line_id))
