"""What the channels' books say of a day. No hub's word counts here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from console.scenarios.crowd import DEAD, Plan, supply
from simulators.plain import PlainShop


def sales_of(plan: Plan, shops: Mapping[str, PlainShop]) -> dict[str, Any]:
    """Orders, units sold that nobody had, and the share of the hot SKUs' units that was sold.

    *oversold_at_dead* are those of them that the channel sold that could not be told, while it could not.
    """
    stock = supply(plan)
    sold: Counter[str] = Counter()
    sales = sorted(
        (sale.at, name, sale.sku, sale.quantity) for name, shop in shops.items() for sale in shop.books.sales
    )
    oversold = at_dead = 0
    for at, name, sku, quantity in sales:
        sold[sku] += quantity
        over = min(quantity, max(0, sold[sku] - stock[sku]))
        oversold += over
        if name == DEAD and plan.dies <= at < plan.relinked:
            at_dead += over
    hot = [sku for sku in stock if sku.startswith("HOT")]
    units = sum(stock[sku] for sku in hot)
    orders = len(sales)
    return {
        "orders": orders,
        "turned_away": sum(len(shop.books.sold_out) for shop in shops.values()),
        "oversold": oversold,
        "oversold_at_dead": at_dead,
        "per_10k": round(oversold * 10_000 / max(1, orders), 2),
        "sell_through": round(sum(min(sold[sku], stock[sku]) for sku in hot) / units, 4),
    }


def p95(values: list[float]) -> float | None:
    """Of seconds; None where there are none."""
    found = sorted(values)
    return round(found[min(len(found) - 1, int(len(found) * 0.95))], 1) if found else None
