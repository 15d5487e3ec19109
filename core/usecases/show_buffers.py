"""Show buffers: what listings hold back or would hold back, and what that costs, beside the same number everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import Missing
from core.hub import Hub
from core.rules.buffers import Buffers, judged, race_of
from core.rules.lags import ENOUGH
from core.store import lags
from core.store.database import Row
from core.usecases.hold_back import Pool, pools_of

FIXED = range(6)  # buffers to compare with


async def show_buffers(
    hub: Hub, merchant_id: int, skus: Sequence[str], *, limit: float, most: int
) -> list[dict[str, Any]]:
    """What was measured of *skus* (or of the *most* variants that sell fastest): their listings with lags in seconds and
    units per hour; the measured buffers and fixed ones, each with what is expected of them: units oversold in 10,000
    orders, hours without an offer and units left over each time the pool sells out.

    *limit*, oversold in 10,000 orders, stands in where no rule says one. Raises `Missing` for a SKU nobody knows.
    """
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        variants = await lags.selling(tx, merchant_id, skus, most, now)
        pools = await pools_of(tx, merchant_id, variants, now)
        listed = [listing_id for pool in pools for listing_id in pool.listings]
        names = await lags.names_of_listings(tx, merchant_id, listed)
        known = await lags.skus_of(tx, merchant_id, skus)
    if unknown := sorted(set(skus) - known):
        raise Missing(f"No variant has the SKU {unknown[0]}.", fix="See them all: fairway stock")
    return [_shown(pool, names, limit) for pool in pools]


def _shown(pool: Pool, names: Mapping[int, Row], stand_in: float) -> dict[str, Any]:
    limit = stand_in if pool.limit is None else pool.limit
    race = race_of(pool.outlets)
    held = judged(pool.outlets, pool.held(limit).units, race)
    fixed = [judged(pool.outlets, [units] * len(pool.outlets), race) for units in FIXED]
    return {
        "sku": names[pool.listings[0]]["sku"],
        "limit": limit,
        "said": pool.limit is not None,
        "orders": round(pool.orders),
        "listings": [
            {
                "listing_id": listing_id,
                "connection": names[listing_id]["connection"],
                "buffer": units,
                "in_use": in_use,
                "per_hour": outlet.velocity.units_per_hour,
                "news_p50_s": outlet.news.quantile(0.5),
                "news_p95_s": outlet.news.quantile(0.95),
                "told_p50_s": outlet.publish.quantile(0.5),
                "told_p95_s": outlet.publish.quantile(0.95),
                "assumed": min(outlet.news.total, outlet.publish.total) < ENOUGH,
            }
            for listing_id, units, in_use, outlet in zip(
                pool.listings, held.units, pool.limited, pool.outlets, strict=True
            )
        ],
        "measured": _expected(held, pool.orders),
        "fixed": [
            {"buffer": units, **_expected(one, pool.orders)} for units, one in zip(FIXED, fixed, strict=True)
        ],
    }


def _expected(buffers: Buffers, orders: float) -> dict[str, float]:
    return {
        "oversold_per_10000": buffers.expected_oversold / orders * 10_000,
        "lost_listing_hours": buffers.lost_listing_hours,
        "unsold": buffers.unsold,
    }
