"""The channels of the simulation: how long each one's news takes, how it is written to, and where each figure is from.

Nothing is called a measurement that is none: a source begins with "measured", "documented", "setting" or "assumed".
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from math import exp, log
from statistics import NormalDist

from core.settings import Settings

HOUR = 3600.0
DAY = 24 * HOUR
# Buyers and visitors in each hour of the day, relative to each other. Assumed: quiet nights, full evenings.
HOURS = (4, 2, 1, 1, 1, 2, 4, 7, 10, 12, 13, 13, 13, 13, 13, 13, 13, 14, 16, 18, 19, 17, 12, 7)

_DEFAULTS = {each.name: each.default for each in fields(Settings)}
PULL_EVERY_S = float(str(_DEFAULTS["pull_every_s"]))
CATALOG_EVERY_S = float(str(_DEFAULTS["catalog_every_s"]))
UNSEEN_PATIENCE_S = float(str(_DEFAULTS["unseen_patience_s"]))
CALL_DEADLINE_S = float(str(_DEFAULTS["call_deadline_s"]))
PULL_TAKES_S = 1.0  # assumed


@dataclass(frozen=True, slots=True)
class News:
    """*arrives*: (when an order was placed, luck from 0 to 1) → when the hub has it; *pulls* is when the first pull has
    come. All in seconds of the simulation.
    """

    arrives: Callable[[float, float], float]
    pulls: float


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: *share* of the buyers, *call_s* from a request to its answer, *batch* listings in one write,
    *points_per_s* and *burst* calls it bears, *compares* before it sets, *reads* the live count first where it does not.
    """

    name: str
    share: float
    call_s: float
    batch: int
    points_per_s: float
    burst: float
    compares: bool
    webhook_median_s: float | None = None
    webhook_p99_s: float = 0.0
    webhooks_lost: float = 0.0
    queue_every_s: float | None = None
    visits_per_buyer: float = 0.0
    visible_after_s: float = 0.0
    sources: dict[str, str] = field(default_factory=dict)


CHANNELS = (
    Channel(
        name="shopify",
        share=0.35,
        call_s=0.3,
        batch=250,
        points_per_s=100 / 11,
        burst=2000 / 11,
        compares=True,
        webhook_median_s=1.0,
        webhook_p99_s=7.0,
        webhooks_lost=0.002,
        sources={
            "webhook_median_s, webhook_p99_s": "measured by Hookdeck: hundreds of millions of Shopify webhooks over "
            "72 hours of Black Friday 2024, p50 about 1 s, p99 about 7 s",
            "webhooks_lost": "documented that it happens, not how often; 1 of 500 assumed: "
            "https://shopify.dev/docs/apps/build/webhooks/best-practices",
            "batch, points_per_s, burst": "documented: 250 quantities a mutation, 11 points each, 100 points a second: "
            "https://shopify.dev/docs/api/usage/limits",
            "compares": "documented: changeFromQuantity",
            "call_s": "assumed",
        },
    ),
    Channel(
        name="woocommerce",
        share=0.25,
        call_s=0.14,
        batch=100,
        points_per_s=4.0,
        burst=20.0,
        compares=False,
        webhooks_lost=0.005,
        queue_every_s=60.0,
        visits_per_buyer=5.0,
        sources={
            "queue_every_s": "measured, WooCommerce 11.0.1 with WP-Cron: the queue goes out once a minute when somebody "
            "visits, 7 to 52 s after the order with a visitor every 3 s, not at all in 100 s without visitors",
            "webhooks_lost": "measured that a delivery is never repeated, and lost for good with any answer but 200 to "
            "302; 1 of 200 assumed",
            "visits_per_buyer": "assumed: page requests that no cache answers, for each buyer",
            "call_s": "measured: 0.14 s is the median of 71 writes to products",
            "batch": "measured: more than 100 are refused with 413",
            "points_per_s, burst": "assumed, as in the connector: hosts put their own limits in front",
            "compares": "measured: no ETag, no If-Match; an absolute write wipes out sales since the read",
        },
    ),
    Channel(
        name="amazon",
        share=0.25,
        call_s=0.3,
        batch=1,
        points_per_s=5.0,
        burst=5.0,
        compares=False,
        visible_after_s=120.0,
        sources={
            "visible_after_s": "documented: a search for orders ends at least 2 minutes before now: "
            "https://developer-docs.amazon.com/sp-api/docs/orders-api",
            "batch, points_per_s, burst": "documented: one listing a patch, 5 a second, 5 at once: "
            "https://developer-docs.amazon.com/sp-api/docs/listings-items-api-rate-limits",
            "call_s": "assumed; that a patch is applied later than it is answered is left out",
        },
    ),
    Channel(
        name="walmart",
        share=0.15,
        call_s=0.3,
        batch=1,
        points_per_s=5.0,
        burst=5.0,
        compares=False,
        visible_after_s=5.0,
        sources={
            "visible_after_s": "assumed",
            "batch": "documented: PUT /v3/inventory takes one SKU: "
            "https://developer.walmart.com/us-marketplace/docs/inventory-api-overview",
            "points_per_s, burst, call_s": "assumed",
        },
    ),
)
COMMON_SOURCES = {
    "pull_every_s": f"setting of the hub: every channel is asked for changed orders every {PULL_EVERY_S:.0f} s; it is "
    "how polled channels' orders come, and those of lost webhooks",
    "replies_lost": "given: 2 of 10 writes have no answer, half of them had no effect; it is noticed after "
    f"{CALL_DEADLINE_S:.0f} s, the hub's deadline",
    "hours": "assumed: buyers and visitors by hour of day",
}


def news_of(channel: Channel, seed: str, seconds: float, buyers: float) -> News:
    """When orders of *channel* reach the hub in a run of *seconds* with so many *buyers* there."""
    stream = random.Random(f"{seed}/news/{channel.name}")  # noqa: S311 - a world that can be told again
    first = stream.random() * PULL_EVERY_S

    def pulled(placed: float, _luck: float = 0.0) -> float:
        rounds = -(-(placed + channel.visible_after_s + PULL_TAKES_S - first) // PULL_EVERY_S)
        return first + rounds * PULL_EVERY_S

    kept = 1.0 - channel.webhooks_lost
    if channel.webhook_median_s is not None:
        median, spread = channel.webhook_median_s, log(channel.webhook_p99_s / channel.webhook_median_s)
        normal = NormalDist(0.0, spread / NormalDist().inv_cdf(0.99))

        def sent(placed: float, luck: float) -> float:
            if luck >= kept:
                return pulled(placed)
            return min(placed + median * exp(normal.inv_cdf(max(1e-9, luck / kept))), pulled(placed))

        return News(sent, first)
    if channel.queue_every_s is not None:
        goes_out = queue_runs(
            stream, channel.queue_every_s, seconds, buyers * channel.visits_per_buyer / seconds
        )

        def queued(placed: float, luck: float) -> float:
            place = bisect_left(goes_out, placed) if luck < kept else len(goes_out)
            by_pull = pulled(placed)
            return min(by_pull, goes_out[place] + luck) if place < len(goes_out) else by_pull

        return News(queued, first)
    return News(pulled, first)


def queue_runs(stream: random.Random, every: float, seconds: float, visits_per_s: float) -> list[float]:
    """When a queue goes out that a visitor starts, at most once in *every* seconds; visits follow the hours of the day."""
    runs = []
    due = stream.random() * every
    while due < seconds:
        rate = max(1e-9, visits_per_s * busy(due))
        at = due + stream.expovariate(rate)
        runs.append(at)
        due += every * max(1, -(-(at - due) // every))
    return runs


def busy(at: float) -> float:
    """How much of the average happens at this time of day; 1.0 is the average."""
    return HOURS[int(at % DAY // HOUR)] * len(HOURS) / sum(HOURS)
