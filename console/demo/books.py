"""Compares what the shops' own books say with what the hub stored. The hub's word counts for nothing here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from console.demo.shops import Shops, latency_ms, sold
from core.hub import Hub
from core.store import demo_books
from core.store.database import Connection
from core.store.verify import verify


@dataclass(slots=True)
class Verdict:
    """*lost*: orders in a shop's books that the hub does not have; *duplicated*: orders or units it has twice.

    *tracking_pushes*: parcels that a shop's books show; *tracking_missing*: parcels they do not show, or of which the
    hub does not know where they are; *duplicate_effects*: what happened twice at a shop or the carrier; *wrong_states*:
    orders that are cancelled for one side only.
    """

    numbers: dict[str, Any]
    lost: int = 0
    duplicated: int = 0
    oversold: int = 0
    explained: int = 0
    unexplained: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[dict[str, Any]] = field(default_factory=list)
    tracking_pushes: int = 0
    tracking_missing: int = 0
    duplicate_effects: int = 0
    wrong_states: int = 0

    def figures(self) -> dict[str, Any]:
        """What every story that is told of these books says of them."""
        return {
            "orders": self.numbers["orders"],
            "parked": self.numbers["parked"],
            "lost": self.lost,
            "duplicated": self.duplicated,
            "duplicate_effects": self.duplicate_effects,
            "tracking_pushes": self.tracking_pushes,
            "tracking_missing": self.tracking_missing,
            "oversold": self.oversold,
            "oversold_explained": self.explained,
            "unexplained": self.unexplained[:20],
            "wrong_levels": len(self.wrong),
            "wrong": self.wrong[:20],
            "invariants_violated": sum(self.numbers["violations"].values()),
            "violations": self.numbers["violations"],
        }

    @property
    def passed(self) -> bool:
        return (
            self.lost == 0
            and self.duplicated == 0
            and not self.wrong
            and self.tracking_missing == 0
            and self.duplicate_effects == 0
            and self.wrong_states == 0
            and self.explained >= self.oversold
            and not self.numbers["violations"]
        )


async def compare(hub: Hub, merchant_id: int, shops: Shops, connections: dict[str, int]) -> Verdict:
    """Judge by the shops' books."""
    async with hub.database.transaction([merchant_id]) as tx:
        stored = await demo_books.stored_orders(tx)
        verdict = Verdict({})
        for shop, books in (("shopify", shops.shopify.books), ("woocommerce", shops.woocommerce.books)):
            rows = [row for row in stored if row["connection_id"] == connections[shop]]
            _orders(verdict, books, rows)
            off = {row["channel_order_id"] for row in rows if row["cancelled"]}
            verdict.wrong_states += len(off ^ shops.called_off(shop))
        await _oversold(tx, verdict, shops)
        verdict.wrong = await _levels(tx, shops)
        _parcels(verdict, shops, connections, await demo_books.shipped_parcels(tx))
        verdict.numbers |= await demo_books.numbers(tx)
        checked = await verify(tx, at_rest=True, now=hub.clock())
    waits = sorted(latency_ms(shops))
    verdict.numbers |= {
        "violations": checked["violations"],
        "checks": checked["checks"],
        "propagation_p50_ms": round(waits[len(waits) // 2]) if waits else 0,
        "propagation_p95_ms": round(waits[int(len(waits) * 0.95)]) if waits else 0,
        "stock_pushes": sum(
            w.accepted for b in (shops.shopify.books, shops.woocommerce.books) for w in b.stock_writes
        ),
    }
    return verdict


def _orders(verdict: Verdict, books: Any, rows: list[dict[str, Any]]) -> None:
    """Every order of the books once, with its units once."""
    units: dict[str, Counter[str]] = {}
    for sale in books.sales:
        units.setdefault(sale.order_id, Counter())[sale.sku] += sale.quantity
    for back in books.restocks:
        units[back.order_id][back.sku] -= back.quantity
    found = Counter(row["channel_order_id"] for row in rows)
    verdict.lost += sum(order_id not in found for order_id in units)
    verdict.duplicated += sum(count - 1 for count in found.values())
    for row in rows:
        sold_units = units.get(row["channel_order_id"], Counter())
        claimed = Counter({sku: count for sku, count in row["units"].items() if sku})
        wanted = Counter({sku: count for sku, count in sold_units.items() if sku})
        verdict.duplicated += sum((claimed - wanted).values())
        verdict.lost += sum((wanted - claimed).values())


async def _oversold(tx: Connection, verdict: Verdict, shops: Shops) -> None:
    explained = await demo_books.explained_shortages(tx)
    for sku, count in sold(shops).items():
        over = max(0, count - shops.supply.get(sku, count))
        told = min(over, explained.get(sku, 0))
        verdict.oversold += over
        verdict.explained += told
        if told < over:
            verdict.unexplained.append({"sku": sku, "oversold": over, "explained": told})


FINAL = {
    "delivered": "delivered",
    "return_to_sender": "return_to_sender",
    "failure": "delivery_failed",
    "available_for_pickup": "ready_for_pickup",
}


def _parcels(
    verdict: Verdict, shops: Shops, connections: dict[str, int], parcels: list[dict[str, Any]]
) -> None:
    """Every parcel once in the books of its shop and once at the carrier, and the hub knows where it ended."""
    truth = shops.easypost.truth()
    told = {
        connections["shopify"]: Counter(
            (row.order_id, row.tracking_number) for row in shops.shopify.books.shipped
        ),
        connections["woocommerce"]: Counter(
            (row.order_id, word)
            for row in shops.woocommerce.books.noted
            for word in row.text.split()
            if word in truth
        ),
    }
    for row in parcels:
        times = told[row["connection_id"]][row["channel_order_id"], row["tracking_number"]]
        verdict.tracking_pushes += times > 0
        known = FINAL.get(truth.get(row["tracking_number"], "")) == row["status"]
        verdict.tracking_missing += times == 0 or not known
    effects: list[Counter[Any]] = [*told.values()]
    effects.append(Counter((row.order_id, row.text) for row in shops.shopify.books.noted))
    effects.append(Counter(row.tracking_code for row in shops.easypost.trackers_made))
    verdict.duplicate_effects = sum(times - 1 for counted in effects for times in counted.values())


async def _levels(tx: Connection, shops: Shops) -> list[dict[str, Any]]:
    """Listings that at the end show something else than what is free."""
    free = await demo_books.free_by_sku(tx)
    shown: list[tuple[str, str, int | None]] = []
    shown += [("shopify", sku, shops.shopify.available(sku)) for sku in shops.supply]
    shown += [("woocommerce", sku, shops.woocommerce.stock_of(sku)) for sku in shops.supply]
    return [
        {"shop": shop, "sku": sku, "shows": shows, "free": free.get(sku, 0)}
        for shop, sku, shows in shown
        if shows != max(0, free.get(sku, 0))
    ]
