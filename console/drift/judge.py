"""Judges what the hub made of the drifts: what it calls them by its own tables, what it did by the shops' books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from console.drift.cases import Plan
from console.drift.shops import CHANNELS
from console.drift.verdict import Listing, Rows, key, passed, scored
from console.drift.world import BELIEVED, World
from core.rules.drift import Drift
from core.store import drift_books, scenario_books
from core.store.verify import verify
from simulators.books import Sale, StockWrite

KNOWN_AFTER = timedelta(minutes=10)  # an order is known everywhere by then
RACE = timedelta(
    seconds=1
)  # a sale between the read and the write of one call: no shop without a compare can help it


@dataclass(slots=True)
class Judge:
    """*wrong* are listings that may sell what is sold, with what the hub wrote, *cautious* those that sell too little;
    *taken_for* what it took each for right after the sweep, when *in_flight* orders had not come.
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

    def _sales(self, shop: str) -> Sequence[Sale]:
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
        """What was measured, with "passed"."""
        async with self.world.hub.database.transaction([self.world.merchant_id]) as tx:
            rows = {
                (row["connection"], row["sku"]): dict(row) for row in await drift_books.found_by(tx, sweeps)
            }
            booked = {row["sku"]: row["units"] for row in await drift_books.booked(tx)}
            unsettled = await drift_books.unsettled(tx)
            violations = (await verify(tx, at_rest=True, now=self.world.clock()))["violations"]
        false, wrong = self._false_heals(rows, booked), self._wrong_levels()
        numbers = {
            **scored(self.plan.cases, self.taken_for, rows),
            "false_heals": len(false),
            "orders_in_flight": self.in_flight,
            "held_back": len(self.cautious.keys() - rows.keys()),
            "wrong_levels": len(wrong),
            "unsettled": unsettled,
            "violations": violations,
            "wrongly_healed": false,
            "wrong": wrong,
            "seconds": round(seconds, 1),
        }
        return {"passed": passed(numbers), **numbers}

    def _false_heals(self, rows: Rows, booked: Mapping[str, int]) -> list[str]:
        """Where the hub healed what was none, or healed it wrongly, with what it did."""
        false = {f"{shop} {sku}": what for (shop, sku), what in self.wrong.items()}
        # What is taken off without a difference that was found is no healing: a try without an answer may have landed.
        false |= {f"{shop} {sku}": what for (shop, sku), what in self.cautious.items() if (shop, sku) in rows}
        healed = {key(case) for case in self.plan.cases if case.healed}
        for (shop, sku), row in rows.items():
            if (shop, sku) not in healed and row["units"] < 0 and row["healed_by"] in ("hub", "channel"):
                false.setdefault(f"{shop} {sku}", f"healed as {row['kind']} by the {row['healed_by']}")
        back = {
            case.sku: case.sold
            for case in self.plan.cases
            if case.truth is Drift.CHANNEL_RESTOCK and case.healed and case.shop == BELIEVED
        }
        false |= {
            f"ledger {sku}": f"{units} booked" for sku, units in booked.items() if back.get(sku) != units
        }
        return [f"{where}: {what}" for where, what in sorted(false.items())]

    def _wrong_levels(self) -> list[str]:
        """Listings that do not show what is left, at the end."""
        other = {key(case) for case in self.plan.cases if case.truth is Drift.MAPPING_CHANGED}
        return [
            f"{shop} {sku}: shows {shown}, and {left} are left"
            for sku, left in self.world.truth.items()
            for shop in CHANNELS
            if (shop, sku) not in other and (shown := self.world.shops[shop].shown(sku)) != left
        ]
