"""What each listing of a merchant may sell: offers where listings share a pool, quotas where they sell strictly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from core.rules.kits import available
from core.rules.offers import NO_RULE, ListingRule, Offer, ahead, offer
from core.rules.quotas import QuotaLevel, grant
from core.rules.shared_quotas import Draw, Pool, grant_pools

LevelKey = tuple[int, int, int, str]  # merchant, connection, listing, channel location

PACE_HALVES = timedelta(hours=6)  # a sale of that long ago says half as much about what sells now
# So many units sold lately say as much about where a variant sells as that nothing is known of it does. Fewer, and the last
# units follow every single sale from channel to channel, each time by two writes.
_EVEN = 8.0


@dataclass(frozen=True, slots=True)
class Standing:
    """A listing at one channel location as it stands before it is levelled.

    *possible* are the most units (of the listing) whose orders may still come from it; *weight* is how fast it sells;
    *told* is false where nothing is to be written to it, so that it may go on selling what it shows. *paused* is true
    where it is to be told and cannot be for a time; *aside* are units of the variant that are kept for it until it can
    (`core.rules.untold`). *shows*, *blind* and *unsure* are those of `core.rules.quotas.QuotaLevel`.
    """

    key: LevelKey
    variant_id: int
    locations: tuple[int, ...]
    units: int = 1
    rule: ListingRule = NO_RULE
    possible: int = 0
    weight: float = 1.0
    told: bool = True
    paused: bool = False
    aside: int = 0
    shows: int | None = None
    blind: int = 0
    unsure: int = 0


@dataclass(frozen=True, slots=True)
class Goods:
    """What there is of a merchant's variants: *free* and *incoming* are location -> variant -> units, *owed* variant ->
    units sold and still missing, *needs* kit -> component -> units in one (`core.rules.kits.flatten`).
    """

    free: Mapping[int, Mapping[int, int]]
    incoming: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    owed: Mapping[int, int] = field(default_factory=dict)
    needs: Mapping[int, Mapping[int, int]] = field(default_factory=dict)

    def free_for(self, variant_id: int, locations: Iterable[int]) -> int:
        """Units free at *locations*; of a kit, those ready and those that can be put together."""
        shelves = {place: self.free[place] for place in locations if place in self.free}
        if needs := self.needs.get(variant_id):
            return available(variant_id, needs, shelves)
        return sum(shelf.get(variant_id, 0) for shelf in shelves.values())

    def incoming_for(self, variant_id: int, locations: Iterable[int]) -> int:
        return sum(self.incoming.get(place, {}).get(variant_id, 0) for place in locations)

    def takes(self, variant_id: int) -> Mapping[int, int]:
        """Variant -> units that one of *variant_id* takes from the shelves (where no kit stands ready)."""
        return self.needs.get(variant_id) or {variant_id: 1}

    def without(self, aside: Iterable[Standing]) -> Goods:
        """What is left for others of what is free: without the units kept for *aside*, at the first of its locations that
        has them.
        """
        free = {place: dict(shelf) for place, shelf in self.free.items()}
        for standing in aside:
            for variant_id, units in self.takes(standing.variant_id).items():
                missing = standing.aside * units
                for shelf in (free[place] for place in standing.locations if place in free):
                    taken = min(missing, max(0, shelf.get(variant_id, 0)))
                    shelf[variant_id] = shelf.get(variant_id, 0) - taken
                    missing -= taken
        return replace(self, free=free)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a listing may sell, how that came about, and whether it is a quota. *ahead* are the units of the variant
    it may sell before they are there.
    """

    offer: Offer
    strict: bool = False
    ahead: int = 0

    @property
    def quantity(self) -> int:
        return self.offer.quantity


def level_all(standings: Sequence[Standing], goods: Goods, now: datetime) -> list[Wish]:
    """A wish for each of *standings* of one merchant, in their order.

    Where one listing of a variant sells strictly all of them do, and so do those of kits that share a component with
    it: a quota only holds when everybody keeps to one. So *standings* must then name all of them.
    """
    quotas: dict[int, Wish] = {}
    for group in _strict_groups(standings, goods):
        quotas |= zip(group, _quotas([standings[place] for place in group], goods, now), strict=True)
    kept = [standing for standing in standings if standing.aside]
    rest = goods.without(kept) if kept else goods
    wishes: list[Wish] = []
    # Listings of one variant under one rule may sell the same: it is worked out once for all of them.
    pooled: dict[tuple[int, tuple[int, ...], int, int, bool], Wish] = {}
    for place, standing in enumerate(standings):
        wish = quotas.get(place)
        if wish is None:
            aside = bool(standing.aside)
            alike = standing.variant_id, standing.locations, standing.units, id(standing.rule), aside
            wish = pooled.get(alike)
            if wish is None:
                wish = pooled[alike] = _wish(standing, goods, now, rest=goods if aside else rest)
        wishes.append(wish)
    return wishes


def weight_now(pace: float, at: datetime | None, now: datetime) -> float:
    """How fast a listing sells beside others of its variant, by its pace measured *at*."""
    return _EVEN + pace_now(pace, at, now)


def pace_now(pace: float, at: datetime | None, now: datetime) -> float:
    """What a pace measured *at* is worth now, in units sold lately."""
    if at is None or pace <= 0:
        return 0.0
    return float(pace * 0.5 ** (max(timedelta(0), now - at) / PACE_HALVES))


def _wish(
    standing: Standing, goods: Goods, now: datetime, quota: int | None = None, rest: Goods | None = None
) -> Wish:
    """*rest*: what is left of *goods* by channels that cannot be told; of a quota those have their own."""
    free = goods.free_for(standing.variant_id, standing.locations)
    left = free if rest is None else rest.free_for(standing.variant_id, standing.locations)
    incoming = goods.incoming_for(standing.variant_id, standing.locations)
    owed = goods.owed.get(standing.variant_id, 0)
    made = offer(
        free,
        standing.rule,
        now=now,
        aside=free - left,
        units=standing.units,
        incoming=incoming,
        backordered=owed,
        quota=quota,
    )
    return Wish(made, quota is not None, sum(ahead(standing.rule, now, incoming, owed)))


def _strict_groups(standings: Sequence[Standing], goods: Goods) -> list[list[int]]:
    """Places of *standings* that share units and sell strictly."""
    if not any(s.rule.mode or s.rule.strict_below is not None for s in standings):
        return []
    by_variant: dict[int, list[int]] = defaultdict(list)
    for place, standing in enumerate(standings):
        by_variant[standing.variant_id].append(place)
    root = {variant_id: variant_id for variant_id in by_variant}
    owner: dict[int, int] = {}  # component -> a variant that takes it
    for variant_id in by_variant:
        for component in goods.takes(variant_id):
            other = _root(root, owner.setdefault(component, variant_id))
            root[_root(root, variant_id)] = other
    groups: dict[int, list[int]] = defaultdict(list)
    strict: set[int] = set()
    for variant_id, places in by_variant.items():
        groups[_root(root, variant_id)] += places
        everywhere = {location for place in places for location in standings[place].locations}
        free = goods.free_for(variant_id, everywhere)
        if any(standings[place].rule.strict(free) for place in places):
            strict.add(variant_id)
    held = {_root(root, variant_id) for variant_id in strict}
    return [sorted(places) for top, places in groups.items() if top in held]


def _root(root: dict[int, int], variant_id: int) -> int:
    while root[variant_id] != variant_id:
        variant_id = root[variant_id]
    return variant_id


def _quotas(group: Sequence[Standing], goods: Goods, now: datetime) -> list[Wish]:
    alone = [_wish(standing, goods, now) for standing in group]
    levels = [
        QuotaLevel(
            standing.key,
            standing.possible,
            standing.weight,
            # Whoever cannot be told keeps what it may be showing, and nobody else gets that.
            limit=wish.quantity if standing.told else standing.possible,
            minimum=(standing.rule.minimum or 0) if standing.told else 0,
            units=standing.units,
            shows=standing.shows,
            blind=standing.blind,
            unsure=standing.unsure,
        )
        for standing, wish in zip(group, alone, strict=True)
    ]
    kept = {place for place, standing in enumerate(group) if not standing.told}
    open_ = [place for place in range(len(group)) if place not in kept]
    extra = max((wish.ahead for wish in alone), default=0)
    granted = [level.possible for level in levels]
    if len({standing.variant_id for standing in group}) == 1 and len({s.locations for s in group}) == 1:
        free = goods.free_for(group[0].variant_id, group[0].locations) + extra
        free -= sum(levels[place].possible * levels[place].units for place in kept)
        for place, got in zip(open_, grant(free, [levels[place] for place in open_]), strict=True):
            granted[place] = got
    else:
        for place, got in enumerate(grant_pools(_pools(group, goods, extra, kept), levels)):
            granted[place] = granted[place] if place in kept else got
    return [_wish(standing, goods, now, quota) for standing, quota in zip(group, granted, strict=True)]


def _pools(group: Sequence[Standing], goods: Goods, extra: int, kept: set[int]) -> list[Pool]:
    """One pool for each component and each set of shelves that a listing takes it from."""
    takers: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, standing in enumerate(group):
        for component in goods.takes(standing.variant_id):
            takers[component][standing.variant_id].append(place)
    pools = []
    for component, variants in takers.items():
        asked: dict[frozenset[int], list[int]] = defaultdict(list)
        for places in variants.values():
            for place in places:
                asked[frozenset(group[place].locations)].append(place)
        for shelves, places in asked.items():
            draws = []
            free = goods.free_for(component, shelves) if component not in goods.needs else 0
            for variant_id, all_of in variants.items():
                near = tuple(place for place in all_of if shelves & set(group[place].locations))
                if near:
                    each = goods.takes(variant_id)[component]
                    draws.append(Draw(near, each, _ready(variant_id, near, group, goods)))
            waiting = tuple(place for place in places if place not in kept)
            if waiting:
                pools.append(Pool(free + extra, tuple(draws), waiting))
    return pools


def _ready(variant_id: int, places: Sequence[int], group: Sequence[Standing], goods: Goods) -> int:
    """Kits that stand ready for all listings at *places* alike."""
    if variant_id not in goods.needs:
        return 0
    shared = frozenset.intersection(*(frozenset(group[place].locations) for place in places))
    return sum(max(0, goods.free.get(location, {}).get(variant_id, 0)) for location in shared)
