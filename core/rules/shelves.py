"""Settles what order lines ask of the shelves, line by line, on balances held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.rules.orders import Claim
from core.rules.stock import Pick, Shelf, allocate, give_back


@dataclass(slots=True)
class LineStock:
    """What one order line has of the shelves: units held and shipped by location, units *short*.

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


@dataclass(frozen=True, slots=True)
class Move:
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

    def settle(self, line: LineStock, claim: Claim, preferred: Sequence[int]) -> None:
        """Make *line* hold and have shipped what *claim* says, from the *preferred* locations in their order.

        Never takes more than is free: what is missing is `short`. Units that left come off what is held first.
        """
        self._ship(line, claim.shipped - line.shipped_total, preferred)
        wanted = claim.held - line.held_total - line.short
        if wanted > 0:
            picks, missing = allocate(wanted, self._shelves(line, preferred))
            for pick in picks:
                self._move(line, pick, on_hand=0, reserved=pick.quantity, reason="reserve")
            line.short += missing
            line.missed += missing
        elif wanted < 0:
            forgiven = min(line.short, -wanted)
            line.short -= forgiven
            line.changed |= forgiven > 0
            held = [Pick(location, quantity) for location, quantity in line.held.items()]
            for pick in give_back(-wanted - forgiven, held):
                self._move(line, pick, on_hand=0, reserved=-pick.quantity, reason="release")

    def _ship(self, line: LineStock, units: int, preferred: Sequence[int]) -> None:
        for location_id, held in list(line.held.items()):
            taken = min(units, held)
            if taken > 0:
                self._move(line, Pick(location_id, taken), on_hand=-taken, reserved=-taken, reason="ship")
                units -= taken
        if units <= 0:
            return
        picks, missing = allocate(units, self._shelves(line, preferred))
        for pick in picks:
            self._move(line, pick, on_hand=-pick.quantity, reserved=0, reason="ship")
        # The rest has left although no shelf had it: nothing to deduct, but it is known and explained.
        line.missed += max(0, missing - line.short)
        line.short -= min(line.short, units)
        line.shipped[preferred[0]] = line.shipped.get(preferred[0], 0) + missing
        line.changed = True

    def _shelves(self, line: LineStock, preferred: Sequence[int]) -> list[Shelf]:
        keys = [(line.merchant_id, line.variant_id, location_id) for location_id in preferred]
        return [Shelf(key[2], self._on_hand.get(key, 0), self._reserved.get(key, 0)) for key in keys]

    def _move(self, line: LineStock, pick: Pick, *, on_hand: int, reserved: int, reason: str) -> None:
        key = (line.merchant_id, line.variant_id, pick.location_id)
        self._on_hand[key] = self._on_hand.get(key, 0) + on_hand
        self._reserved[key] = self._reserved.get(key, 0) + reserved
        line.held[pick.location_id] = line.held.get(pick.location_id, 0) + reserved
        if reason == "ship":
            line.shipped[pick.location_id] = line.shipped.get(pick.location_id, 0) - on_hand
        line.changed = True
        self.moves.append(Move(*key, on_hand, reserved, reason, line.order_id, line.line_id))
