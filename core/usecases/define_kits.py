"""Define kits: what they are made of is said, changed or taken back, and their listings are levelled anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import UsageProblem
from core.failpoints import reach
from core.hub import Hub
from core.rules.kits import KitCycle, flatten
from core.rules.skus import tidy_sku
from core.store import kits, listings, stock
from core.store.database import Connection, again
from core.store.kits import Parts

MOST_UNITS = 100_000  # of one component in one kit, nested kits multiplied out


@dataclass(frozen=True, slots=True)
class KitChange:
    """What kit *sku* was made of *before* and is *after*: SKU -> units in one; {} is no kit. *new*: the SKU was not
    known.
    """

    sku: str
    before: dict[str, int]
    after: dict[str, int]
    new: bool = False

    @property
    def outcome(self) -> str:
        if self.before == self.after:
            return "same"
        return "changed" if self.before and self.after else "added" if self.after else "removed"


@again
async def define_kits(
    hub: Hub, merchant_id: int, wanted: Mapping[str, Mapping[str, int]], *, dry_run: bool = False
) -> list[KitChange]:
    """Make each kit of *wanted* (kit SKU -> component SKU -> units in one) consist of exactly that; {} makes it no kit.

    Orders that have come keep what they reserved. Nothing is written with *dry_run*. Raises `UsageProblem` for a
    component that is not known, for units that cannot be, and `KitCycle`; then nothing is written either.
    """
    said = {tidy_sku(kit): _tidy(kit, components) for kit, components in wanted.items()}
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        await kits.lock_definitions(tx, merchant_id)
        before = await kits.all_parts(tx, merchant_id)
        skus = {*said, *(component for parts in said.values() for component in parts)}
        ids = await kits.variants_named(tx, merchant_id, sorted(skus))
        unknown = sorted(skus - set(said) - set(ids))
        if unknown:
            raise UsageProblem(
                f"There is no variant with the SKU {', '.join(map(repr, unknown[:5]))}.",
                fix="A component has to be counted (`fairway stock count`) or listed by a channel first.",
            )
        new = sorted(set(said) - set(ids))
        # A dry run gives new kits ids that no variant has.
        ids |= {sku: -number for number, sku in enumerate(new, 1)} if dry_run else {}
        if new and not dry_run:
            ids |= await listings.put_variants(tx, merchant_id, new)
        after = before | {
            ids[kit]: {ids[component]: units for component, units in parts.items()}
            for kit, parts in said.items()
        }
        changed = {ids[kit] for kit in said if after[ids[kit]] != before.get(ids[kit], {})}
        names = await kits.skus_of(
            tx, merchant_id, {*before, *(c for parts in before.values() for c in parts)}
        )
        names |= {variant_id: sku for sku, variant_id in ids.items()}
        _check(after, names)
        if changed and not dry_run:
            await _write(tx, merchant_id, changed, before, after)
            await stock.mark_dirty(tx, {(merchant_id, kit_id) for kit_id in changed}, now)
            await reach("kit.storing")
    if changed and not dry_run:
        await reach("kit.stored")
        await hub.wake.ring("relevel", [merchant_id])
    return [
        KitChange(
            sku,
            {names[component]: units for component, units in before.get(ids[sku], {}).items()},
            parts,
            sku in new,
        )
        for sku, parts in said.items()
    ]


def _tidy(kit: str, components: Mapping[str, int]) -> dict[str, int]:
    parts: dict[str, int] = {}
    for sku, units in components.items():
        name = tidy_sku(sku)
        if not tidy_sku(kit) or not name or not 1 <= units <= MOST_UNITS:
            raise UsageProblem(
                f"A kit {kit!r} of {units} {sku!r} cannot be.", fix=f"Units are 1 to {MOST_UNITS}."
            )
        if name in parts:
            raise UsageProblem(f"The kit {kit!r} names its component {name!r} twice.", fix="Say it once.")
        parts[name] = units
    return parts


def _check(parts: Parts, names: Mapping[int, str]) -> None:
    """Every kit ends in single components, and none has more of one than can be counted."""
    for kit_id in parts:
        try:
            needs = flatten(kit_id, parts)
        except KitCycle as cycle:
            raise KitCycle(cycle.path, names) from None
        for component, units in needs.items():
            if units > MOST_UNITS:
                raise UsageProblem(
                    f"One kit {names[kit_id]!r} would need {units} of {names[component]!r}.",
                    fix=f"At most {MOST_UNITS} can be in one.",
                )


async def _write(tx: Connection, merchant_id: int, changed: set[int], before: Parts, after: Parts) -> None:
    # Whoever moves a component now either has done so before this is seen, or sees this and marks the kit itself.
    inside = {
        component for parts in (before, after) for kit_id in changed for component in flatten(kit_id, parts)
    }
    await stock.lock(tx, {(merchant_id, variant_id) for variant_id in {*changed, *inside}})
    await kits.lock_variants(tx, merchant_id, sorted(inside))
    await kits.replace(tx, merchant_id, {kit_id: after[kit_id] for kit_id in changed})
