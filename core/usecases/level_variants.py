"""Works out what every listing of some variants may sell: reads the facts, asks the rules. Writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.rules.demand import HALF_LIVES, Tally
from core.rules.kits import flatten
from core.rules.levelling import Goods, Standing, Wish, level_all, weight_now
from core.rules.offers import ListingRule, merge
from core.rules.quotas import BLIND
from core.rules.stock import Level
from core.rules.untold import set_aside
from core.store import kits, lags, level_facts, listing_rules
from core.store.database import Connection, Row
from core.store.level_facts import Outlet
from core.store.listing_rules import Said

Pair = tuple[int, int]  # merchant, variant
_NOWHERE = Outlet((), told=False)


@dataclass(frozen=True, slots=True)
class Levelled:
    """A level as it is stored, how it stands, the rules about it (widest first), what it may sell."""

    row: Row
    standing: Standing
    said: tuple[Said, ...]
    wish: Wish


async def level_variants(
    tx: Connection, variants: Iterable[Pair], now: datetime, *, blind: Collection[str]
) -> list[Levelled]:
    """Every level of (merchant, variant) pairs, in key order; where quotas are shared, those they are shared with too.
    *blind* channels are written to without comparing (`Hub.blind_channels`).

    Left out, so that nothing is told: a channel location without a shelf, a variant that was never counted.
    """
    pairs = sorted(set(variants))
    # Levels before stock: a sale between the two reads can then only make an offer smaller.
    rows = await level_facts.levels_of(tx, pairs)
    said = await listing_rules.rules_about(
        tx, {pair[0] for pair in pairs}, [row["listing_id"] for row in rows]
    )
    if any(one.rule.mode or one.rule.strict_below is not None for one in said):
        wider = await level_facts.kin(tx, pairs)
        if len(wider) > len(pairs):
            pairs = wider
            rows = await level_facts.levels_of(tx, pairs)
            said = await listing_rules.rules_about(
                tx, {pair[0] for pair in pairs}, [row["listing_id"] for row in rows]
            )
    tags = await listing_rules.tags_of(tx, pairs) if any(one.scope.tag for one in said) else {}
    outlets = await level_facts.outlets(tx, {pair[0] for pair in pairs})
    units = await level_facts.units_of(tx, pairs)
    goods = await _goods(tx, pairs, said)
    rules = _Rules(said, tags)
    limited = any(one.rule.buffer_limit is not None for one in said)
    measured = await lags.measured_buffers(tx, {pair[0] for pair in pairs}, list(units)) if limited else {}
    counted = {merchant_id: _counted(of_merchant) for merchant_id, of_merchant in goods.items()}
    found: dict[int, list[tuple[Row, Standing, tuple[Said, ...]]]] = defaultdict(list)
    for row in rows:
        if row["listing_id"] not in units:
            continue
        where = (row["merchant_id"], row["connection_id"], row["channel_location_id"])
        about = rules.about(row)
        rule = _with_measured(rules.merged(about), measured.get(row["listing_id"]))
        standing = _standing(row, units[row["listing_id"]], outlets.get(where, _NOWHERE), rule, now, blind)
        if counted[row["merchant_id"]].isdisjoint(
            (location, variant)
            for location in standing.locations
            for variant in (row["variant_id"], *goods[row["merchant_id"]].takes(row["variant_id"]))
        ):
            continue
        found[row["merchant_id"]].append((row, standing, about))
    levelled = []
    for merchant_id, levels in sorted(found.items()):
        standings = await _with_aside(tx, merchant_id, [standing for _, standing, _ in levels], now)
        wishes = level_all(standings, goods[merchant_id], now)
        levelled += [
            Levelled(row, standing, about, wish)
            for (row, _, about), standing, wish in zip(levels, standings, wishes, strict=True)
        ]
    return levelled


async def _with_aside(
    tx: Connection, merchant_id: int, standings: Sequence[Standing], now: datetime
) -> list[Standing]:
    """*standings*, those that cannot be told now with what is kept for them."""
    untold = [standing for standing in standings if standing.paused and standing.possible]
    if not untold:
        return list(standings)
    tallies: dict[int, list[Tally]] = defaultdict(list)
    pairs = {(merchant_id, standing.variant_id) for standing in untold}
    for (_, _, variant_id, _), tally in (await lags.tallies_of(tx, pairs)).items():
        tallies[variant_id].append(tally)
    since = await lags.measured_since(tx, merchant_id)
    shares = await lags.shares_of(tx, merchant_id)

    def kept(standing: Standing) -> int:
        nothing = [Tally(half_life, since or now, since or now) for half_life in HALF_LIVES]
        sold = tallies.get(standing.variant_id, nothing)
        return set_aside(standing.possible * standing.units, sold, shares.get(standing.key[1], 1.0), now)

    return [replace(one, aside=kept(one)) if one.paused and one.possible else one for one in standings]


def _counted(goods: Goods) -> set[tuple[int, int]]:
    """(location, variant) pairs that were ever counted."""
    return {(location, variant) for location, shelf in goods.free.items() for variant in shelf}


def _with_measured(rule: ListingRule, buffer: int | None) -> ListingRule:
    if rule.buffer_limit is None or buffer is None:
        return rule
    return rule.model_copy(update={"buffer": buffer})


def _standing(
    row: Row, units: int, outlet: Outlet, rule: ListingRule, now: datetime, blind: Collection[str]
) -> Standing:
    sells = Level(row["predicted"], row["unseen"], row["unshipped"]).sells
    return Standing(
        key=(row["merchant_id"], row["connection_id"], row["listing_id"], row["channel_location_id"]),
        variant_id=row["variant_id"],
        locations=outlet.locations,
        units=units,
        rule=rule,
        possible=row["possible"],
        weight=weight_now(row["pace"], row["pace_at"], now),
        told=outlet.told and row["parked_at"] is None and rule.freeze is None,
        paused=outlet.told and (outlet.paused or row["parked_at"] is not None or rule.freeze is not None),
        shows=None if sells is None else sells + row["unseen"],
        blind=BLIND if outlet.channel in blind else 0,
        unsure=row["unsure"],
    )


async def _goods(tx: Connection, pairs: Sequence[Pair], said: Sequence[Said]) -> dict[int, Goods]:
    """Merchant -> what there is of the variants and of what they are made of."""
    parts = await kits.parts_of(tx, pairs)
    owner = {variant_id: merchant_id for merchant_id, variant_id in pairs}
    needs = {variant_id: flatten(variant_id, parts) for variant_id in owner if variant_id in parts}
    for variant_id, components in needs.items():
        owner |= dict.fromkeys(components, owner[variant_id])
    everything = [(merchant_id, variant_id) for variant_id, merchant_id in owner.items()]
    free: dict[int, dict[int, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    for row in await level_facts.free_of(tx, everything):
        free[row["merchant_id"]][row["location_id"]][row["variant_id"]] = row["free"]
    early = any(one.rule.backorder or one.rule.preorder for one in said)
    missing = await level_facts.owed(tx, everything) if early else {}
    return {
        merchant_id: Goods(free[merchant_id], owed=missing, needs=needs)
        for merchant_id in {pair[0] for pair in pairs}
    }


class _Rules:
    """Finds the rules about a level, from the widest scope to the narrowest."""

    def __init__(self, said: Sequence[Said], tags: Mapping[int, Sequence[str]]) -> None:
        self._tags = tags
        self._by_scope = {
            (one.merchant_id, one.scope.connection_id, one.scope.tag, one.scope.listing_id): one
            for one in said
        }
        self._merged: dict[tuple[int, ...], ListingRule] = {}

    def merged(self, about: Sequence[Said]) -> ListingRule:
        """One rule of those *about* a level; the very same one for all levels that the same are about."""
        which = tuple(id(one) for one in about)  # they live as long as we do, so nothing else has their ids
        if which not in self._merged:
            self._merged[which] = merge(one.rule for one in about)
        return self._merged[which]

    def about(self, row: Row) -> tuple[Said, ...]:
        if not self._by_scope:
            return ()
        merchant_id = row["merchant_id"]
        scopes = [
            (merchant_id, 0, "", 0),
            (merchant_id, row["connection_id"], "", 0),
            *((merchant_id, 0, tag, 0) for tag in self._tags.get(row["variant_id"], ())),
            (merchant_id, 0, "", row["listing_id"]),
        ]
        return tuple(self._by_scope[scope] for scope in scopes if scope in self._by_scope)
