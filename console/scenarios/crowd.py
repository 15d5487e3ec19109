"""Who wants to buy what, where and when on a Black Friday: drawn from a seed, whatever any hub does."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulators.plain import Lag, Semantics

START = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
CHANNELS = ("shop", "boutique", "bazaar", "auction")
DEAD = "boutique"  # whose token is not accepted for a while


@dataclass(frozen=True, slots=True)
class Plan:
    """How much happens: *orders* in *hours*, *hot* SKUs that sell out among *others* that do not."""

    seed: int
    orders: int = 24_000
    hours: float = 6.0
    hot: int = 300
    others: int = 300
    dead_minutes: float = 90.0

    @property
    def ends(self) -> datetime:
        return START + timedelta(hours=self.hours)

    @property
    def dies(self) -> datetime:
        """The peak is at three fifths of the time; the token is dead around it."""
        return START + timedelta(hours=self.hours * 0.6, minutes=-self.dead_minutes / 2)

    @property
    def relinked(self) -> datetime:
        return self.dies + timedelta(minutes=self.dead_minutes)


@dataclass(frozen=True, slots=True)
class Buyer:
    """Wants one unit of *sku* at *channel*."""

    at: datetime
    channel: str
    sku: str


def supply(plan: Plan) -> dict[str, int]:
    """What the merchant has of each SKU: five to forty of a hot one, more than enough of the others."""
    rng = random.Random(f"supply {plan.seed}")  # noqa: S311 - a day that can be told again
    found = {f"HOT-{number:03}": rng.randint(5, 40) for number in range(plan.hot)}
    return found | {f"ALL-{number:03}": plan.orders for number in range(plan.others)}


def buyers(plan: Plan) -> list[Buyer]:
    """Everybody who comes, in order of time. Of each hot SKU more is wanted than there is; the rest of the orders is for
    the others.
    """
    rng = random.Random(f"buyers {plan.seed}")  # noqa: S311
    stock = supply(plan)
    wanted = [
        sku for sku, units in stock.items() if sku.startswith("HOT") for _ in range(int(units * 1.5) + 2)
    ]
    hot_units = sum(units for sku, units in stock.items() if sku.startswith("HOT"))
    calm = [sku for sku in stock if sku.startswith("ALL")]
    wanted += [rng.choice(calm) for _ in range(max(0, plan.orders - hot_units))]
    seconds = plan.hours * 3600

    def moment() -> float:
        """Three of five come around the peak, the others at any time."""
        peaks = rng.random() < 0.6
        return rng.triangular(0, seconds, seconds * 0.6) if peaks else rng.uniform(0, seconds)

    found = [
        Buyer(START + timedelta(seconds=round(moment(), 3)), rng.choice(CHANNELS), sku) for sku in wanted
    ]
    return sorted(found, key=lambda buyer: (buyer.at, buyer.sku, buyer.channel))


def recorded(shortest_s: float, longest_s: float, never: float = 0.0) -> Lag:
    """A lag between two seconds; a share of changes that is *never* told."""

    def sample(_at: datetime, rng: random.Random) -> float | None:
        return None if rng.random() < never else rng.uniform(shortest_s, longest_s)

    return sample


def polled(_at: datetime, _rng: random.Random) -> None:
    """Nothing is ever told: a list shows it."""


# As recorded at a WooCommerce shop whose queue runs once a minute while visitors come: 7 to 52 s.
WORLD: dict[str, tuple[Semantics, Lag]] = {
    "shop": (Semantics(lowers_at="payment"), recorded(7, 52, never=0.01)),
    "boutique": (Semantics(compares=True, batch=250), recorded(1, 5)),
    "bazaar": (Semantics(), polled),
    "auction": (Semantics(zero="deactivate"), recorded(2, 10)),
}

Tell = Callable[[float], None]
