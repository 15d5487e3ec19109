"""What many a hub does, for comparison: every fifteen minutes it pulls every order and writes absolute counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from console.scenarios.crowd import DEAD, START, Plan, Tell, buyers, supply
from console.scenarios.market import Clock, open_shops
from console.scenarios.verdict import sales_of
from simulators.plain import PlainShop

EVERY = timedelta(minutes=15)


def run_cron(plan: Plan, tell: Tell) -> dict[str, Any]:
    """The day with a hub that knows nothing but its timer."""
    clock = Clock(START)
    shops = open_shops(plan, clock)
    seen: dict[str, set[str]] = {name: set() for name in shops}
    stock, next_round = supply(plan), START + EVERY
    crowd = buyers(plan)
    for number, buyer in enumerate(crowd):
        while next_round <= buyer.at:
            clock.now = next_round
            _round(plan, clock, shops, seen, stock)
            next_round += EVERY
        clock.now = buyer.at
        shops[buyer.channel].buy(buyer.sku)
        if number % 500 == 0:
            tell(number / len(crowd))
    tell(1.0)
    return {"policy": "cron", **sales_of(plan, shops)}


def _round(
    plan: Plan,
    clock: Clock,
    shops: dict[str, PlainShop],
    seen: dict[str, set[str]],
    stock: dict[str, int],
) -> None:
    dead = {DEAD} if plan.dies <= clock.now < plan.relinked else set()
    for name, shop in shops.items():
        if name in dead:
            continue
        for order in shop.orders.values():
            if order.order_id not in seen[name]:
                seen[name].add(order.order_id)
                for line in order.lines:
                    stock[line.sku] -= line.quantity
    for name, shop in shops.items():
        for listing in () if name in dead else shop.listings.values():
            wanted = max(0, stock[listing.sku])
            if wanted == 0 and shop.semantics.zero == "deactivate":
                shop.deactivate(listing.listing_id)
            elif listing.active:
                shop.write(listing.listing_id, "", wanted)
