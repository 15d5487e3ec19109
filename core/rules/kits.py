"""Kits: variants made of other variants. What one kit needs, and how many can be sold from what is free.

Stock of a kit that is itself part of another kit is sold as that kit only: the outer one is put together from
single components.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import UsageProblem


class KitCycle(UsageProblem):
    """A kit that would contain itself. *path* are the variant ids on the way round, the first one again at its end."""

    def __init__(self, path: tuple[int, ...], names: Mapping[int, str] | None = None) -> None:
        self.path = path
        way = " > ".join((names or {}).get(variant_id, f"variant {variant_id}") for variant_id in path)
        super().__init__(
            f"A kit cannot contain itself: {way}.", fix="Take one of these components out of its kit."
        )


def flatten(kit_id: int, parts: Mapping[int, Mapping[int, int]]) -> dict[int, int]:
    """Component -> units in one kit, nested kits multiplied out; {} for a variant that is no kit.

    *parts* is kit -> component -> units for the kit and every kit inside it. Raises `KitCycle`.

    >>> flatten(1, {1: {2: 2, 9: 1}, 2: {8: 3, 9: 1}})
    {9: 3, 8: 6}
    """
    if not parts.get(kit_id):
        return {}
    units = {kit_id: 1}
    for variant_id in reversed(_inner_first(kit_id, parts)):
        for component, each in parts.get(variant_id, {}).items():
            units[component] = units.get(component, 0) + units[variant_id] * each
    return {variant_id: count for variant_id, count in units.items() if not parts.get(variant_id)}


def sellable(needs: Mapping[int, int], free: Mapping[int, Mapping[int, int]]) -> int:
    """How many kits can be put together of what is *free*: location -> variant -> units.

    The scarcest component decides at each location; components of two locations never make one kit. A location
    where less than nothing is free has nothing.

    >>> sellable({8: 2, 9: 1}, {1: {8: 5, 9: 9}, 2: {8: 1, 9: 1}})
    2
    """
    if not needs:
        return 0
    return sum(
        min(max(0, shelf.get(component, 0)) // units for component, units in needs.items())
        for shelf in free.values()
    )


def available(variant_id: int, needs: Mapping[int, int], free: Mapping[int, Mapping[int, int]]) -> int:
    """How many of a variant can be sold: its own free units at each location and, for a kit, what its components
    make beside them. *needs* is what `flatten` says of it.
    """
    own = sum(max(0, shelf.get(variant_id, 0)) for shelf in free.values())
    return own + sellable(needs, free)


def _inner_first(kit_id: int, parts: Mapping[int, Mapping[int, int]]) -> list[int]:
    """Everything in a kit, each variant after all that it contains."""
    done: dict[int, None] = {}
    path: dict[int, None] = {kit_id: None}
    open_kits = [iter(parts.get(kit_id, ()))]
    while open_kits:
        component = next(open_kits[-1], None)
        if component is None:
            open_kits.pop()
            done[path.popitem()[0]] = None
        elif component in path:
            way = tuple(path)
            raise KitCycle((*way[way.index(component) :], component))
        elif component not in done:
            path[component] = None
            open_kits.append(iter(parts.get(component, ())))
    return list(done)
