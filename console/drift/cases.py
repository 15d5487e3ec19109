"""What is injected: of every class of drift the ways it comes about. The hub is told none of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from console.drift.shops import CHANNELS, SHOPIFY, WOOCOMMERCE
from core.rules.drift import Drift

COUNTS = (25, 60)  # units on the shelf, from and to
FEW = (1, 4)  # units of an order, and of what changes
BUSY = 3  # drifts for one SKU that is bought all the time with nothing wrong about it
QUIET = 10  # drifts for one SKU that nothing happens to


class How(StrEnum):
    """How a drift came about. *Selling*: with orders that have not come when the shops are read."""

    RAISED = "a person raised the count"
    LOWERED = "a person lowered the count"
    EMPTIED = "a person took it off sale"
    RAISED_SELLING = "raised, and selling"
    LOWERED_SELLING = "lowered, and selling"
    RAISED_SOLD = "raised after a sale"
    CUT_LOST = "a lowering write was lost"
    LIFT_LOST = "a raising write was lost"
    CUT_LOST_SOLD = "a lowering write was lost, then sold"
    LIFT_LOST_SOLD = "a raising write was lost, then sold"
    CUT_LOST_SELLING = "a lowering write was lost, and selling"
    LIFT_LOST_SELLING = "a raising write was lost, and selling"
    RETURNED = "returned goods are on sale, and the order says so"
    RETURNING = "returned goods are on sale before the order says so"
    RETURNING_TOLD = "returned goods are on sale before the order says so, as it will"
    RETURNING_PART = "a part of an order is returned and on sale before the order says so"
    CANCELLING = "cancelled, and the order has not said so"
    SELLING = "sold, and the order has not come"
    SELLING_TWICE = "sold twice, and the orders have not come"
    SELLING_ON = "sold, and sold again while it is watched"
    SELLING_OUT = "sold out, and the order has not come"
    SELLING_AT_BOTH = "sold at both shops at once"
    UNANSWERED = "a write whose answer was lost"
    UNANSWERED_SELLING = "a write whose answer was lost, and selling"
    COUNTED = "an order counted while an old page is read"
    PENDING_SELLING = "a write is due, and selling"
    RENAMED = "another SKU"
    UNCOUNTED = "the shop stopped counting it"
    REMOVED = "not there any more"


WAYS: Mapping[Drift, tuple[How, ...]] = {
    Drift.CHANNEL_EDIT: (
        How.RAISED, How.LOWERED, How.EMPTIED, How.RAISED_SELLING, How.LOWERED_SELLING, How.RAISED_SOLD,
    ),
    Drift.LOST_PUSH: (
        How.CUT_LOST, How.LIFT_LOST, How.CUT_LOST_SOLD, How.LIFT_LOST_SOLD, How.CUT_LOST_SELLING, How.LIFT_LOST_SELLING,
    ),
    Drift.UNSEEN_ORDER: (
        How.SELLING, How.SELLING_TWICE, How.SELLING_ON, How.SELLING_OUT, How.SELLING_AT_BOTH,
    ),
    Drift.CHANNEL_RESTOCK: (How.RETURNED, How.RETURNING, How.RETURNING_TOLD, How.RETURNING_PART, How.CANCELLING),
    Drift.OWN_ECHO: (How.UNANSWERED,),
    Drift.MAPPING_CHANGED: (How.RENAMED, How.UNCOUNTED, How.REMOVED),
    Drift.IN_FLIGHT: (How.COUNTED, How.PENDING_SELLING, How.UNANSWERED_SELLING),
}  # fmt: skip

# Of a hundred drifts so many are of each class.
SHARES: Mapping[Drift, int] = {
    Drift.CHANNEL_EDIT: 20,
    Drift.LOST_PUSH: 18,
    Drift.UNSEEN_ORDER: 24,
    Drift.CHANNEL_RESTOCK: 14,
    Drift.OWN_ECHO: 8,
    Drift.MAPPING_CHANGED: 7,
    Drift.IN_FLIGHT: 9,
}

# Where it can come about, if not at both: what WooCommerce puts back on sale, its orders say.
ONLY_AT: Mapping[How, str] = {
    How.RETURNED: SHOPIFY,
    How.RETURNING: SHOPIFY,
    How.RETURNING_TOLD: WOOCOMMERCE,
    How.RETURNING_PART: WOOCOMMERCE,
}

HEALED = (Drift.CHANNEL_EDIT, Drift.LOST_PUSH, Drift.CHANNEL_RESTOCK)


@dataclass(slots=True)
class Case:
    """One drift: listing *sku* at *shop*. *units* are what was changed or sold, *order_id* the order it is about, *before*
    what the shop showed before.
    """

    shop: str
    sku: str
    truth: Drift
    how: How
    units: int
    sold: int
    order_id: str = ""
    before: int = 0

    @property
    def other(self) -> str:
        return next(shop for shop in CHANNELS if shop != self.shop)

    @property
    def bought(self) -> int:
        """Units of the order; of some more than what comes back."""
        return self.sold + (self.how is How.RETURNING_PART)

    @property
    def healed(self) -> bool:
        """Whether the hub has to do something about it; else to do so would be wrong."""
        return self.truth in HEALED and self.how not in (
            How.CANCELLING,
            How.RETURNING_TOLD,
            How.RETURNING_PART,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """*shelves* are the counts at the beginning by SKU, *shown* what each shop shows of it before it is told, *busy* SKUs
    that are bought at both shops all the time.
    """

    seed: int
    cases: list[Case]
    shelves: Mapping[str, int]
    shown: Mapping[str, tuple[int, int]]
    busy: list[str] = field(default_factory=list)

    def ways(self, *hows: How) -> list[Case]:
        return [case for case in self.cases if case.how in hows]


def draw(seed: int, drifts: int) -> Plan:
    """At least *drifts* drifts, of every class, one at a listing."""
    luck = random.Random(f"drifts {seed}")  # noqa: S311
    cases = list(_cases(drifts, luck))
    skus = list(dict.fromkeys(case.sku for case in cases))
    busy = [f"BUSY-{number}" for number in range(max(4, drifts // BUSY))]
    quiet = [f"QUIET-{number}" for number in range(max(2, drifts // QUIET))]
    shelves = {sku: luck.randint(*COUNTS) for sku in [*skus, *busy, *quiet]}
    shown = {sku: (luck.randint(0, count), luck.randint(0, count)) for sku, count in shelves.items()}
    return Plan(seed, cases, shelves, shown, busy)


def _cases(drifts: int, luck: random.Random) -> Iterator[Case]:
    number = 0
    for truth, share in SHARES.items():
        ways = WAYS[truth]
        wanted = max(len(ways) * 2, -(-drifts * share // 100))
        made = 0
        while made < wanted:
            how = ways[made % len(ways)]
            sku, shop = (
                f"{truth.value.upper()}-{number}",
                ONLY_AT.get(how, CHANNELS[(number // len(ways)) % 2]),
            )
            number += 1
            for place, where in enumerate(_places(how, shop)):
                # The other shop's answer was lost as well; nothing is sold there.
                both = how is How.UNANSWERED_SELLING and place
                yield Case(
                    where, sku, Drift.OWN_ECHO if both else truth, How.UNANSWERED if both else how,
                    luck.randint(*FEW) + 4, luck.randint(*FEW),
                )  # fmt: skip
                made += 1


def _places(how: How, shop: str) -> tuple[str, ...]:
    if how in (How.UNANSWERED, How.UNANSWERED_SELLING, How.SELLING_AT_BOTH):
        return (shop, next(other for other in CHANNELS if other != shop))
    return (shop,)
