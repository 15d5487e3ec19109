"""Settles what lines of kits ask of the shelves: ready-made kits first, then components, from one location per kit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.rules.orders import Claim
from core.rules.shelves import LineStock, Shelves
from core.rules.stock import Pick, allocate


@dataclass(frozen=True, slots=True)
class KitStock:
    """What one line of a kit has of the shelves: *own*, ready-made kits, and *parts*, by component.

    *made_of* is component -> units in one kit, as it was when the line was first stored. Of each component the line
    has held, missing and shipped exactly so many units as its kits that are put together need. Ready-made kits are
    missing (`own.short`) only where some that were held turned out not to be there.
    """

    own: LineStock
    parts: dict[int, LineStock]
    made_of: Mapping[int, int]

    @property
    def shipped_kits(self) -> int:
        return self.own.shipped_total + min(
            self.parts[component].shipped_total // units for component, units in self.made_of.items()
        )

    @property
    def made_kits(self) -> int:
        """Kits to be put together that have not left, those with something missing among them."""
        return min(
            (self.parts[component].held_total + self.parts[component].short) // units
            for component, units in self.made_of.items()
        )

    @property
    def incomplete_kits(self) -> int:
        return max(-(-self.parts[component].short // units) for component, units in self.made_of.items())

    def whole_kits(self) -> dict[int, int]:
        """Location -> kits of which it holds everything."""
        locations = dict.fromkeys(place for part in self.parts.values() for place in part.held)
        return {
            place: min(self.parts[c].held.get(place, 0) // units for c, units in self.made_of.items())
            for place in locations
        }


def settle_kit(shelves: Shelves, kit: KitStock, claim: Claim, preferred: Sequence[int]) -> None:
    """Make the line hold and have shipped what *claim* says, in kits, from the *preferred* locations in their order.

    Never takes more than is free: what is missing is `short`, of the components that are missing.
    """
    _ship(shelves, kit, claim.shipped - kit.shipped_kits, preferred)
    wanted = claim.held - kit.own.held_total - kit.own.short - kit.made_kits
    if wanted > 0:
        _hold(shelves, kit, wanted, preferred)
    elif wanted < 0:
        _let_go(shelves, kit, -wanted)


def fill_kit(shelves: Shelves, kit: KitStock, preferred: Sequence[int]) -> None:
    """Set aside what is missing, as far as it is free by now: ready-made kits, instead of incomplete ones too, kits that
    can be put together instead of ready-made ones, and single components.
    """
    shelves.fill(kit.own, preferred)
    picks, _ = allocate(kit.incomplete_kits, shelves.of(kit.own, preferred))
    for pick in picks:
        shelves.reserve(kit.own, pick)
        _let_go_made(shelves, kit, pick.quantity)
    for location_id, count in _to_be_made(shelves, kit, kit.own.short, preferred):
        for part, units in _parts(kit):
            shelves.reserve(part, Pick(location_id, units * count))
        kit.own.short -= count
        kit.own.changed = True
    for part, _ in _parts(kit):
        shelves.fill(part, preferred)


def _hold(shelves: Shelves, kit: KitStock, kits: int, preferred: Sequence[int]) -> None:
    picks, kits = allocate(kits, shelves.of(kit.own, preferred))
    for pick in picks:
        shelves.reserve(kit.own, pick)
    for location_id, count in _to_be_made(shelves, kit, kits, preferred):
        for part, units in _parts(kit):
            shelves.reserve(part, Pick(location_id, units * count))
        kits -= count
    for part, units in _parts(kit):
        shelves.hold(part, units * kits, preferred)


def _ship(shelves: Shelves, kit: KitStock, kits: int, preferred: Sequence[int]) -> None:
    for location_id, held in list(kit.own.held.items()):
        if (count := min(kits, held)) > 0:
            shelves.book_out(kit.own, Pick(location_id, count), held=True)
            kits -= count
    for location_id, whole in kit.whole_kits().items():
        if (count := min(kits, whole)) > 0:
            for part, units in _parts(kit):
                shelves.book_out(part, Pick(location_id, units * count), held=True)
            kits -= count
    mixed = max(0, min(kits, kit.made_kits))  # of several locations, or with something missing
    for part, units in _parts(kit):
        shelves.ship(part, units * mixed, preferred)
    if kits > mixed:
        _ship_unheld(shelves, kit, kits - mixed, preferred)


def _ship_unheld(shelves: Shelves, kit: KitStock, kits: int, preferred: Sequence[int]) -> None:
    picks, left = allocate(kits, shelves.of(kit.own, preferred))
    for pick in picks:
        shelves.book_out(kit.own, pick, held=False)
    for location_id, count in _to_be_made(shelves, kit, left, preferred):
        for part, units in _parts(kit):
            shelves.book_out(part, Pick(location_id, units * count), held=False)
        left -= count
    _forgive(kit.own, kits - left)
    ready_made = min(left, kit.own.short)
    shelves.ship(kit.own, ready_made, preferred)
    for part, units in _parts(kit):
        shelves.ship(part, units * (left - ready_made), preferred)


def _let_go(shelves: Shelves, kit: KitStock, kits: int) -> None:
    """Ask for fewer kits: first those that are missing, then those to be put together, then ready-made ones."""
    kits -= _forgive(kit.own, kits)
    made = min(kits, kit.made_kits)
    _let_go_made(shelves, kit, made)
    shelves.let_go(kit.own, kits - made)


def _let_go_made(shelves: Shelves, kit: KitStock, kits: int) -> None:
    """Fewer kits to be put together: first those with something missing or of several locations, then the last taken."""
    whole = kit.whole_kits()
    mixed = min(kits, kit.made_kits - sum(whole.values()))
    for part, units in _parts(kit):
        excess = units * mixed - _forgive(part, units * mixed)
        for location_id, held in reversed(list(part.held.items())):
            if (count := min(excess, held - units * whole[location_id])) > 0:
                shelves.release(part, Pick(location_id, count))
                excess -= count
    kits -= mixed
    for location_id, there in reversed(list(whole.items())):
        if (count := min(kits, there)) > 0:
            for part, units in _parts(kit):
                shelves.release(part, Pick(location_id, units * count))
            kits -= count


def _forgive(line: LineStock, units: int) -> int:
    """At most *units* are not missing any more, since they are not asked for; returns how many were."""
    forgiven = min(line.short, units)
    line.short -= forgiven
    line.changed |= forgiven > 0
    return forgiven


def _to_be_made(
    shelves: Shelves, kit: KitStock, kits: int, preferred: Sequence[int]
) -> Iterable[tuple[int, int]]:
    """(location, kits) that can be put together of what is free, at most *kits*."""
    free = {
        part.variant_id: {shelf.location_id: max(0, shelf.free) for shelf in shelves.of(part, preferred)}
        for part, _ in _parts(kit)
    }
    found = []
    for location_id in preferred:
        count = min(kits, *(free[part.variant_id][location_id] // units for part, units in _parts(kit)))
        if count > 0:
            found.append((location_id, count))
            kits -= count
    return found


def _parts(kit: KitStock) -> list[tuple[LineStock, int]]:
    return [(kit.parts[component], units) for component, units in kit.made_of.items()]
