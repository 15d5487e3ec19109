"""Judges what the hub made of the drifts: what it calls them by its own tables, what it did by the shops' books."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from console.drift.cases import Case, Plan
from console.drift.shops import CHANNELS
from console.drift.world import BELIEVED, World
from console.scenarios.verdict import p95
from core.rules.drift import Drift
from core.store import drift_books, scenario_books
from core.store.verify import verify
from simulators.books import StockWrite

LEAST_RIGHT = 0.95
LONGEST_HEAL_S = 300.0
KNOWN_AFTER = timedelta(minutes=10)  # an order is known everywhere by then
RACE = timedelta(
    seconds=1
)  # a sale between the read and the write of one call: no shop without a compare can help it

Listing = tuple[str, str]  # shop, SKU


@dataclass(slots=True)
class Judge:
    """*wrong* are listings that may sell what is sold, with what the hub wrote, *cautious* those that sell too little; *taken_for* what it took each for
    right after the sweep, when *in_flight* orders had not come.
    """

    plan: Plan
    world: World
    wrong: dict[Listing, str] = field(default_factory=dict)
    cautious: dict[Listing, str] = field(default_factory=dict)
    taken_for: dict[Listing, str] = field(default_factory=dict)
    in_flight: int = 0
    _read: dict[str, int] | None = None

    def watch(self) -> None:
        """Look at what the hub has written since the last time. To be called before anything else changes."""
        books = {shop: self.world.shops[shop].books for shop in CHANNELS}
        if self._read is None:
            self._read = {shop: len(books[shop].stock_writes) for shop in CHANNELS}
        for shop in CHANNELS:
            fresh = books[shop].stock_writes[self._read[shop] :]
            self._read[shop] += len(fresh)
            for write in fresh:
                if write.accepted:
                    self._note(shop, write)

    def _note(self, shop: str, write: StockWrite) -> None:
        """Note a write that puts back units that the shop has sold, or that leads away from what is left."""
        left = self.world.truth[write.sku]
        if any(sale.sku == write.sku and sale.at > write.at - RACE for sale in self._sales(shop)[-20:]):
            return
        elsewhere = sum(
            sale.quantity
            for other in CHANNELS
            if other != shop
            for sale in self._sales(other)
            if sale.sku == write.sku and sale.at > write.at - KNOWN_AFTER
        )
        what = f"{write.before} -> {write.after}, and {left} are left"
        if write.after > left + elsewhere:
            self.wrong[shop, write.sku] = what
        elif abs(write.after - left) > abs(write.before - left):
            self.cautious[shop, write.sku] = what

    def _sales(self, shop: str) -> Sequence[Any]:
        return self.world.shops[shop].books.sales

    async def look(self, sweeps: Sequence[int], asked_at: datetime) -> None:
        """The sweep is over: what does the hub take each listing for now?"""
        async with self.world.hub.database.transaction([self.world.merchant_id]) as tx:
            for row in await drift_books.looked(tx):
                if row["live_at"] is not None and row["live_at"] >= asked_at:
                    self.taken_for[row["connection"], row["sku"]] = row["live_as"]
            for row in await drift_books.found_by(tx, sweeps):
                self.taken_for[row["connection"], row["sku"]] = row["kind"]
            stored = await scenario_books.stored_orders(tx)
        self.in_flight = sum(
            len({sale.order_id for sale in self._sales(shop)} - stored.get(self.world.links[shop], set()))
            for shop in CHANNELS
        )

    async def verdict(self, sweeps: Sequence[int], seconds: float) -> dict[str, Any]:
        async with self.world.hub.database.transaction([self.world.merchant_id]) as tx:
            rows = {(row["connection"], row["sku"]): row for row in await drift_books.found_by(tx, sweeps)}
            booked = {row["sku"]: row["units"] for row in await drift_books.booked(tx)}
            unsettled = await drift_books.unsettled(tx)
            violations = (await verify(tx, at_rest=True, now=self.world.clock()))["violations"]
        cases = {(case.shop, case.sku): case for case in self.plan.cases}
        false = self._false_heals(cases, rows, booked)
        heals: dict[Drift, list[float]] = defaultdict(list)
        found, right, missed = Counter[Drift](), Counter[Drift](), Counter[str]()
        for key, case in cases.items():
            row = rows.get(key)
            taken_for = self.taken_for.get(key, "none")
            found[case.truth] += taken_for != Drift.NONE
            called = row["kind"] if row and case.truth is not Drift.IN_FLIGHT else taken_for
            right[case.truth] += called == case.truth
            if called != case.truth:
                missed[f"{case.how}: {called}"] += 1
            if row and row["closed_at"] and case.healed:
                heals[case.truth].append((row["closed_at"] - row["found_at"]).total_seconds())
        every = [seconds for one in heals.values() for seconds in one]
        injected = Counter(case.truth for case in self.plan.cases)
        wrong_levels = self._wrong_levels(cases)
        unhealed = sum(case.healed for case in cases.values()) - len(every)
        numbers: dict[str, Any] = {
            "injected": injected.total(),
            "found": found.total(),
            "classified_right": right.total(),
            "false_heals": len(false),
            "heal_p95_s": p95(every),
            "unhealed": unhealed,
            "held_back": len(self.cautious.keys() - rows.keys()),
            "orders_in_flight": self.in_flight,
            "wrong_levels": len(wrong_levels),
            "unsettled": unsettled,
            "violations": violations,
            "classes": [
                {
                    "class": kind.value,
                    "injected": injected[kind],
                    "found": found[kind],
                    "classified_right": right[kind],
                    "healed": len(heals[kind]),
                    "heal_p95_s": p95(heals[kind]),
                }
                for kind in injected
            ],
            "taken_for_another": dict(missed.most_common()),
            "wrongly_healed": false,
            "wrong": wrong_levels,
            "seconds": round(seconds, 1),
        }
        numbers["passed"] = passed(numbers)
        return numbers

    def _false_heals(
        self, cases: dict[Listing, Case], rows: dict[Listing, Any], booked: dict[str, int]
    ) -> list[str]:
        false = {f"{shop} {sku}": what for (shop, sku), what in self.wrong.items()}
        # What is taken off without a difference that was found is no healing: a try without an answer may have landed.
        false |= {f"{shop} {sku}": what for (shop, sku), what in self.cautious.items() if (shop, sku) in rows}
        for (shop, sku), row in rows.items():
            case = cases.get((shop, sku))
            if (
                (case is None or not case.healed)
                and row["units"] < 0
                and row["healed_by"] in ("hub", "channel")
            ):
                false.setdefault(f"{shop} {sku}", f"healed as {row['kind']} by the {row['healed_by']}")
        back = {
            case.sku: case.sold
            for case in cases.values()
            if case.truth is Drift.CHANNEL_RESTOCK and case.healed and case.shop == BELIEVED
        }
        for sku, units in booked.items():
            if back.get(sku) != units:
                false.setdefault(f"ledger {sku}", f"{units} units were booked")
        return [f"{where}: {what}" for where, what in sorted(false.items())]

    def _wrong_levels(self, cases: dict[Listing, Case]) -> list[str]:
        """Listings that do not show what is left, at the end."""
        return [
            f"{shop} {sku}: shows {shown}, {left} are left"
            for sku, left in self.world.truth.items()
            for shop in CHANNELS
            if (case := cases.get((shop, sku))) is None or case.truth is not Drift.MAPPING_CHANGED
            if (shown := self.world.shops[shop].shown(sku)) != left
        ]


def passed(numbers: dict[str, Any]) -> bool:
    return (
        numbers["found"] == numbers["injected"]
        and numbers["classified_right"] >= LEAST_RIGHT * numbers["injected"]
        and not numbers["false_heals"]
        and not numbers["unhealed"]
        and not numbers["wrong_levels"]
        and not numbers["unsettled"]
        and not numbers["violations"]
        and numbers["heal_p95_s"] is not None
        and numbers["heal_p95_s"] < LONGEST_HEAL_S
    )
