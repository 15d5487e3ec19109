"""How long a channel takes at least to hear and tell everything after an outage: arithmetic. Calls nobody.

Limits of channels that have a connector are in its manifest. Those of the others are what the vendors publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from core.connector import Limits


@dataclass(frozen=True, slots=True)
class Need:
    """*calls* of *points* each that draw from the bucket *limits*."""

    calls: int
    points: float
    limits: Limits


@dataclass(frozen=True, slots=True)
class Published:
    """A channel without a connector: *per_page* orders in a call that lists them, *per_write* counts in one that sets
    them; *orders* and *stock* are the buckets of the two, *source* says where that is written.
    """

    name: str
    per_page: int
    per_write: int
    orders: Limits
    stock: Limits
    source: str


DAY_S = 86_400
PUBLISHED = (
    Published(
        "Amazon",
        per_page=100,
        per_write=1,
        orders=Limits(points_per_s=0.0056, burst=20),
        stock=Limits(points_per_s=5, burst=5),
        source="SP-API models: searchOrders 0.0056 a second, patchListingsItem 5 a second",
    ),
    # No rate a second is published; this is what a new application may call in a day, before eBay's growth check.
    Published(
        "eBay",
        per_page=200,
        per_write=25,
        orders=Limits(points_per_s=5_000 / DAY_S, burst=5_000),
        stock=Limits(points_per_s=5_000 / DAY_S, burst=5_000),
        source="developer.ebay.com: 5,000 calls a day for a new application; no rate a second",
    ),
)


def pages(items: int, size: int) -> int:
    """Calls for *items*, *size* in each."""
    return ceil(items / size)


def least_s(needs: Sequence[Need]) -> float:
    """Seconds until the bucket that all *needs* draw from, full at first, has given what they take."""
    if not needs:
        return 0.0
    limits = needs[0].limits
    points = sum(need.calls * need.points for need in needs)
    return max(0.0, points - limits.burst) / limits.points_per_s


def computed_s(channel: Published, orders: int, listings: int, latency_s: float) -> tuple[float, float]:
    """Seconds until *orders* are read and *listings* told: as long as the bucket or, one call after the other, answers of
    *latency_s* take. Both go on side by side, from buckets of their own.
    """
    reading = Need(pages(orders, channel.per_page), 1, channel.orders)
    telling = Need(pages(listings, channel.per_write), 1, channel.stock)
    found = [max(least_s([need]), need.calls * latency_s) for need in (reading, telling)]
    return found[0], found[1]
