"""Hold back: work out from what was measured how many of the last units each listing leaves to the others."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from core.failpoints import reach
from core.hub import Hub
from core.rules.buffers import Buffers, Outlet, alike, limit_per_sell_out, smallest_buffers
from core.rules.demand import HALF_LIVES, Tally, Velocity, fastest, parts, together
from core.rules.lags import LagModel
from core.store import connections, lags, listing_rules, stock
from core.store.database import Connection, declare
from core.usecases.level_variants import Levelled, level_variants
from core.usecases.run_log import recorded

MOST = 2000  # variants worked out in one run, the fastest sellers first
_UNSEEN = (LagModel(), LagModel())


@dataclass(frozen=True, slots=True)
class Pool:
    """Listings that sell the same units. *limit* is what the merchant accepts in 10,000 orders, None where nothing is said
    of it; *orders* is about how many orders sell the pool out; *fixed* are the buffers said for each listing.
    """

    variant_id: int
    listings: tuple[int, ...]
    outlets: tuple[Outlet, ...]
    limited: tuple[bool, ...]
    fixed: tuple[int, ...]
    limit: float | None
    orders: float

    def held(self, limit: float) -> Buffers:
        """The smallest buffers that oversell at most *limit* in 10,000 orders."""
        return _held(*alike(self.outlets, limit_per_sell_out(limit, self.orders)))


@lru_cache(maxsize=4096)
def _held(outlets: tuple[Outlet, ...], limit: float) -> Buffers:
    return smallest_buffers(outlets, limit)


async def hold_back(hub: Hub, sold: Mapping[int, Collection[int]] | None = None) -> int:
    """Store the buffers of all listings with a limit, or only of those of variants just *sold* (merchant -> variants), and
    have those levelled whose buffer changed; returns how many pools that were.
    """
    now = hub.clock()
    pools: dict[int, list[Pool]] = {}
    async with hub.database.transaction(sold or []) as tx:
        among = list(sold or ())
        if sold is None:
            among = await connections.merchant_ids(tx)
            await declare(tx, among)
        limited = await listing_rules.with_limit(tx, among)
        merchants = set(limited)
        if sold is None:
            merchants |= {*await lags.with_measured_buffers(tx, among)}  # also whose limit was taken back
        for merchant_id in limited:
            variants = (
                await lags.selling(tx, merchant_id, [], MOST, now)
                if sold is None
                else sorted(sold[merchant_id])
            )
            found = await pools_of(tx, merchant_id, variants, now)
            pools[merchant_id] = [pool for pool in found if pool.limit is not None]
    if sold is not None and not pools:
        return 0
    # Arithmetic that may take seconds: the rest of the process goes on meanwhile, and no transaction waits.
    rows = await asyncio.to_thread(_work_out, pools)
    async with recorded(hub, "hold_back", [], now) as (tx, about):
        await declare(tx, {0, *merchants})
        changed = {
            (merchant_id, variant_id)
            for merchant_id in sorted(merchants)
            for variant_id in await lags.put_measured_buffers(
                tx, merchant_id, rows.get(merchant_id, []), now, None if sold is None else sold[merchant_id]
            )
        }
        if changed:
            await stock.mark_dirty(tx, changed, now, sold=True)
            about.counts = {"variants": len(changed)}
        await reach("buffers.storing")
    await reach("buffers.stored")
    if changed:
        await hub.wake.ring("relevel", {merchant_id for merchant_id, _ in changed})
    return sum(len(of_merchant) for of_merchant in pools.values())


async def pools_of(tx: Connection, merchant_id: int, variants: Iterable[int], now: datetime) -> list[Pool]:
    """The pools of *variants* with what was measured of their listings, in the order of *variants*."""
    wanted = list(variants)
    levelled: dict[int, list[Levelled]] = defaultdict(list)
    pairs = [(merchant_id, variant_id) for variant_id in wanted]
    for one in await level_variants(tx, pairs, now, blind=()):  # how they stand; not what they may sell
        levelled[one.standing.variant_id].append(one)
    models = await lags.lag_models(tx, merchant_id, now)
    tallies = await lags.tallies_of(tx, pairs)
    shares = await lags.shares_of(tx, merchant_id)
    return [
        _pool(variant_id, levelled[variant_id], models, tallies, shares, now)
        for variant_id in wanted
        if levelled[variant_id]
    ]


def _pool(
    variant_id: int,
    levelled: Sequence[Levelled],
    models: Mapping[int, tuple[LagModel, LagModel]],
    tallies: Mapping[lags.TallyKey, Tally],
    shares: Mapping[int, float],
    now: datetime,
) -> Pool:
    by_listing = {one.standing.key[2]: one for one in levelled}
    at = [one.standing.key[1] for one in by_listing.values()]  # the connection of each listing
    counted = together(tally for (_, _, sold, _), tally in tallies.items() if sold == variant_id)
    speed = fastest(tally.velocity(now) for tally in counted) if counted else Velocity(0.0)
    merchant_id = levelled[0].standing.key[0]
    heard = [
        _orders(tallies, (merchant_id, connection_id, variant_id), now) / at.count(connection_id)
        for connection_id in at
    ]
    rare = min(shares.values(), default=1.0)  # what nothing is known of yet
    usual = [shares.get(connection_id, rare) / at.count(connection_id) for connection_id in at]
    outlets = []
    for connection_id, part in zip(at, parts(heard, usual), strict=True):
        news, publish = models.get(connection_id, _UNSEEN)
        outlets.append(
            Outlet(
                Velocity(speed.units_per_hour * part, speed.dispersion, speed.seen),
                news.assured(),
                publish.assured(),
            )
        )
    free = max(0, *(one.wish.offer.steps[0].quantity for one in levelled))
    limits = [
        one.standing.rule.buffer_limit
        for one in by_listing.values()
        if one.standing.rule.buffer_limit is not None
    ]
    return Pool(
        variant_id,
        tuple(by_listing),
        tuple(outlets),
        tuple(one.standing.rule.buffer_limit is not None for one in by_listing.values()),
        tuple(one.standing.rule.buffer or 0 for one in by_listing.values()),
        min(limits, default=None),
        # What is there and what was sold lately: about the same all the while the pool sells out.
        max(1.0, sum(heard) + free),
    )


def _orders(tallies: Mapping[lags.TallyKey, Tally], where: tuple[int, int, int], now: datetime) -> float:
    """Orders of a (merchant, connection, variant) heard of, those of days ago counting less."""
    tally = tallies.get((*where, HALF_LIVES[-1]))
    return tally.aged(now).orders if tally else 0.0


def _work_out(pools: Mapping[int, Sequence[Pool]]) -> dict[int, list[tuple[int, int, float]]]:
    rows: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
    for merchant_id, of_merchant in pools.items():
        for pool in of_merchant:
            held = pool.held(pool.limit or 0.0)
            rows[merchant_id] += [
                (listing_id, units, held.expected_oversold)
                for listing_id, units, limited in zip(pool.listings, held.units, pool.limited, strict=True)
                if limited
            ]
    return rows
