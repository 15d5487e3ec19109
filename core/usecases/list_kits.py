"""List kits: what each is made of and how many of it there are, over all locations."""

from __future__ import annotations

from dataclasses import dataclass

from core.hub import Hub
from core.rules.kits import flatten, sellable
from core.store import kits


@dataclass(frozen=True, slots=True)
class KitSeen:
    """*made_of* is what a person said, *needs* the single components of it (SKU -> units in one). *ready_made* are free
    units of the kit itself, *to_be_made* what free components would give, each kit from one location.

    Kits that share components share those units: their numbers do not add up.
    """

    sku: str
    made_of: dict[str, int]
    needs: dict[str, int]
    ready_made: int
    to_be_made: int


async def list_kits(hub: Hub, merchant_id: int) -> list[KitSeen]:
    """Every kit of a merchant, by SKU."""
    async with hub.database.transaction([merchant_id]) as tx:
        parts = await kits.all_parts(tx, merchant_id)
        variants = {*parts, *(component for inside in parts.values() for component in inside)}
        names = await kits.skus_of(tx, merchant_id, variants)
        free = await kits.free_units(tx, merchant_id, variants)
    seen = []
    for kit_id, inside in parts.items():
        needs = flatten(kit_id, parts)
        seen.append(
            KitSeen(
                sku=names[kit_id],
                made_of={names[component]: units for component, units in inside.items()},
                needs={names[component]: units for component, units in needs.items()},
                ready_made=sum(max(0, shelf.get(kit_id, 0)) for shelf in free.values()),
                to_be_made=sellable(needs, free),
            )
        )
    return sorted(seen, key=lambda kit: kit.sku)
