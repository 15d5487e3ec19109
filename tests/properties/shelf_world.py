"""Shelves with two locations, plain variants and kits, and orders for them: the real rules, moved by a machine.

The books beside them are kept by plain sums, and the brute force puts kits together one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from core.model.order import Order, OrderLine
from core.rules.incidents import Claimant, choose_victims
from core.rules.intake import Intake
from core.rules.kit_shelves import KitStock, fill_kit, settle_kit
from core.rules.kits import flatten
from core.rules.orders import claim_of
from core.rules.shelves import LineStock, Shelves
from core.rules.stock import Pick

MUG, TEA, PEN, SET, BOX = 1, 2, 3, 4, 5
SINGLES, KITS = (MUG, TEA, PEN), (SET, BOX)
HERE, THERE = 10, 20
PLACES = (HERE, THERE)
START = datetime(2026, 11, 24, 12, tzinfo=UTC)

Key = tuple[int, int]  # variant, location
Parts = dict[int, dict[int, int]]


@dataclass
class Sold:
    """An order of one line. What its kit is made of is what it was made of when the order came."""

    number: int
    variant: int
    quantity: int
    shelves: tuple[int, ...]
    stock: LineStock | KitStock
    fulfilled: int = 0
    cancelled: bool = False

    @property
    def own(self) -> LineStock:
        return self.stock.own if isinstance(self.stock, KitStock) else self.stock

    @property
    def lines(self) -> tuple[LineStock, ...]:
        if isinstance(self.stock, KitStock):
            return (self.stock.own, *self.stock.parts.values())
        return (self.stock,)

    @property
    def open(self) -> int:
        return 0 if self.cancelled else max(0, self.quantity - self.fulfilled)


@dataclass
class World:
    """*ledger* are (variant, location, on hand, reserved, order); order 0 is nobody's."""

    shelves: Shelves = field(default_factory=Shelves)
    parts: Parts = field(default_factory=lambda: {SET: {MUG: 2, TEA: 1}, BOX: {SET: 1, PEN: 3}})
    orders: list[Sold] = field(default_factory=list)
    ledger: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    booked: int = 0  # so many moves of the shelves are in the ledger

    def balance(self, variant: int, place: int) -> tuple[int, int]:
        """(on hand, reserved), as the shelves say."""
        [shelf] = self.shelves.of(LineStock(1, 0, "", variant), [place])
        return shelf.on_hand, shelf.reserved

    def free(self) -> dict[int, dict[int, int]]:
        return {
            place: {
                variant: on_hand - reserved
                for variant in (*SINGLES, *KITS)
                for on_hand, reserved in [self.balance(variant, place)]
            }
            for place in PLACES
        }

    def sums(self) -> tuple[Counter[Key], Counter[Key]]:
        """(on hand, reserved) of every balance, as the ledger adds up."""
        on_hand: Counter[Key] = Counter()
        reserved: Counter[Key] = Counter()
        for variant, place, there, held, _ in self.ledger:
            on_hand[variant, place] += there
            reserved[variant, place] += held
        return on_hand, reserved

    def book(self, variant: int, place: int, units: int) -> None:
        """Units come to a shelf, or are not there any more."""
        on_hand, reserved = self.balance(variant, place)
        self.shelves.put(1, variant, place, on_hand + units, reserved)
        self.ledger.append((variant, place, units, 0, 0))

    def post(self) -> None:
        """Write down what the shelves have moved; nothing is set aside that was not free."""
        on_hand, reserved = self.sums()
        for move in self.shelves.moves[self.booked :]:
            key = move.variant_id, move.location_id
            if move.reason == "reserve":
                assert move.reserved_delta <= on_hand[key] - reserved[key], "more was set aside than was free"
            on_hand[key] += move.on_hand_delta
            reserved[key] += move.reserved_delta
            self.ledger.append((*key, move.on_hand_delta, move.reserved_delta, move.order_id))
        self.booked = len(self.shelves.moves)

    def sell(self, variant: int, quantity: int, shelves: tuple[int, ...]) -> None:
        number = len(self.orders) + 1
        made_of = flatten(variant, self.parts)
        own, *parts = (LineStock(1, number, "1", part) for part in (variant, *made_of))
        stock = KitStock(own, {part.variant_id: part for part in parts}, made_of) if made_of else own
        self.orders.append(Sold(number, variant, quantity, shelves, stock))
        self.settle(self.orders[-1])

    def settle(self, sold: Sold, said: int | None = None) -> None:
        """What a drain does with a state of an order, in which *said* units have left."""
        left = sold.fulfilled if said is None else said
        line = OrderLine(line_id="1", quantity=sold.quantity, quantity_fulfilled=left)
        order = Order(channel="c", channel_order_id=str(sold.number), lines=(line,), cancelled=sold.cancelled)
        kit = sold.stock if isinstance(sold.stock, KitStock) else None
        before = kit.shipped_kits if kit else sold.own.shipped_total
        claim = claim_of(line, order, Intake.SHIP, moves=True, shipped_before=before)
        if kit:
            settle_kit(self.shelves, kit, claim, sold.shelves)
        else:
            self.shelves.settle(sold.own, claim, sold.shelves)
        self.post()

    def fill(self) -> None:
        """What comes free goes to who misses it, the oldest first; as a worker does, until nothing moves any more: a kit
        that stands ready lets go of components.
        """
        before = -1
        while before != len(self.shelves.moves):
            before = len(self.shelves.moves)
            for sold in self.orders:
                if isinstance(sold.stock, KitStock):
                    fill_kit(self.shelves, sold.stock, sold.shelves)
                else:
                    self.shelves.fill(sold.stock, sold.shelves)
        self.post()

    def take_back(self, variant: int, place: int) -> None:
        """What a count did not find is set aside for nobody any more."""
        on_hand, reserved = self.balance(variant, place)
        holders = {
            sold.number: line
            for sold in self.orders
            for line in sold.lines
            if line.variant_id == variant and line.held.get(place)
        }
        claimants = [
            Claimant(number, "1", line.held[place], number % 2 == 0, START + timedelta(minutes=number))
            for number, line in holders.items()
        ]
        for victim in choose_victims(claimants, reserved - on_hand):
            line = holders[victim.claimant.order_id]
            self.shelves.release(line, Pick(place, victim.units))
            line.short += victim.units
        self.post()

    def put_together(self, kit: int) -> int:
        """How many of a kit can be sold, by taking one after the other from the shelves."""
        needs = Counter(self.taken_apart(kit)) if self.parts[kit] else Counter()
        made = 0
        for shelf in self.free().values():
            while needs and all(shelf[component] >= units for component, units in needs.items()):
                for component, units in needs.items():
                    shelf[component] -= units
                made += 1
            made += max(0, shelf[kit])
        return made

    def taken_apart(self, variant: int) -> Iterator[int]:
        """Every single thing in one box, by opening every box in it."""
        if not self.parts.get(variant):
            yield variant
        for component, units in self.parts.get(variant, {}).items():
            for _ in range(units):
                yield from self.taken_apart(component)

    def missing(self) -> dict[int, int]:
        """Variant -> units that orders miss."""
        missing: Counter[int] = Counter()
        for sold in self.orders:
            for line in sold.lines:
                missing[line.variant_id] += line.short
        return missing

    def held(self) -> Iterator[tuple[int, Key, int]]:
        """(order, balance, units) of everything that is set aside."""
        for sold in self.orders:
            for line in sold.lines:
                for place, units in line.held.items():
                    yield sold.number, (line.variant_id, place), units
