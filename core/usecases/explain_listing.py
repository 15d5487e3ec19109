"""Explain a listing: every number between the shelf and what its channels show, and why. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import Missing
from core.hub import Hub
from core.rules.standing import not_levelled, where_it_stands, why_pending
from core.store import connections, kits, why
from core.store.database import Connection
from core.usecases.level_variants import Levelled, level_variants

LAST = 5  # attempts and reservations that are shown


@dataclass(frozen=True, slots=True)
class LevelExplained:
    """One listing at one location of its channel. *facts* is the level as it is stored; *steps* lead from what is free
    to the *offer*, *stands* from what was told to what is shown; *waits* says why that is not the same.
    """

    facts: dict[str, Any]
    offer: int | None
    steps: tuple[str, ...]
    rules: tuple[dict[str, Any], ...]
    stands: tuple[str, ...]
    waits: tuple[str, ...]
    attempts: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """A variant with its balances (of its components, where it is a kit), who holds units, and every level."""

    merchant_id: int
    variant_id: int | None
    sku: str
    made_of: dict[str, int]
    balances: tuple[dict[str, Any], ...]
    reservations: tuple[dict[str, Any], ...]
    levels: tuple[LevelExplained, ...]


async def explain_listing(hub: Hub, name: str) -> list[Explained]:
    """Explain the listings called *name*: a SKU, or the id of one listing. One answer per variant.

    Raises `Missing` where no listing is called that.
    """
    async with hub.database.transaction([]) as tx:
        merchants = await connections.merchant_ids(tx)
    async with hub.database.transaction(merchants) as tx:
        found = await why.listings_called(tx, name)
        if not found:
            raise Missing(f"No listing is called {name!r}.", fix="See `fairway catalog`.")
        groups: dict[tuple[int, int | None], list[int]] = {}
        for row in found:
            groups.setdefault((row["merchant_id"], row["variant_id"]), []).append(row["listing_id"])
        return [
            await _explain(hub, tx, merchant_id, variant_id, listings, found[0]["sku"] or name)
            for (merchant_id, variant_id), listings in groups.items()
        ]


async def _explain(
    hub: Hub, tx: Connection, merchant_id: int, variant_id: int | None, listings: Sequence[int], name: str
) -> Explained:
    now = hub.clock()
    levelled: dict[tuple[int, str], Levelled] = {}
    parts: dict[int, int] = {}
    if variant_id is not None:
        for found in await level_variants(tx, [(merchant_id, variant_id)], now, blind=hub.blind_channels):
            levelled[found.row["listing_id"], found.row["channel_location_id"]] = found
        parts = (await kits.parts_of(tx, [(merchant_id, variant_id)])).get(variant_id, {})
    variants = [variant_id, *parts] if variant_id is not None else []
    names = await why.variants_called(tx, merchant_id, variants)
    levels = []
    for row in await why.levels(tx, merchant_id, listings):
        one = levelled.get((row["listing_id"], row["channel_location_id"]))
        missing = not_levelled(row, counted=one is not None)
        tried = []
        if row["channel_location_id"] is not None:
            tried = await why.attempts(tx, merchant_id, row["listing_id"], row["channel_location_id"], LAST)
        levels.append(
            LevelExplained(
                facts=row,
                offer=one.wish.quantity if one else None,
                steps=tuple(step.words for step in one.wish.offer.steps) if one else (),
                rules=_rules(one) if one else (),
                stands=tuple(where_it_stands(row)) if row["channel_location_id"] is not None else (),
                waits=(missing,) if missing else tuple(why_pending(row, now)),
                attempts=tuple(tried),
            )
        )
    return Explained(
        merchant_id,
        variant_id,
        names.get(variant_id, name) if variant_id is not None else name,
        {names[part]: units for part, units in parts.items()},
        tuple(await why.balances(tx, merchant_id, variants)),
        tuple(await why.reservations(tx, merchant_id, variants, LAST)),
        tuple(levels),
    )


def _rules(one: Levelled) -> tuple[dict[str, Any], ...]:
    """The rules about a level, the widest scope first."""
    return tuple(
        {"scope": said.scope.words, **said.rule.model_dump(mode="json", exclude_none=True)}
        for said in one.said
    )
