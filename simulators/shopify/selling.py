"""Checkout: a basket becomes an order, or nothing does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from simulators.books import Sale, SoldOut
from simulators.shopify.buyers import draw_buyer
from simulators.shopify.goods import SimLine, SimVariant
from simulators.shopify.routing import route
from simulators.shopify.shop import Shop
from simulators.shopify.things import Buyer, Discount, SimOrder, SimShipping, SimTransaction

TRANSACTION_OF = {
    "paid": ("sale", "success"),
    "pending": ("sale", "pending"),
    "authorized": ("authorization", "success"),
}


def checkout(
    shop: Shop,
    basket: Sequence[tuple[str, int]],
    *,
    buyer: Buyer | None,
    source_name: str,
    test: bool,
    financial_status: str,
    note: str | None,
    properties: Mapping[str, str],
    discount: Discount | None,
) -> SimOrder | None:
    """Sell all of *basket*, or None when the shop shows too few of something in it."""
    wanted = [(shop.variant(name), quantity) for name, quantity in basket]
    if not wanted or any(quantity < 1 for _, quantity in wanted):
        raise ValueError("a basket holds at least one unit of everything in it")
    at = shop.moment()
    needed: Counter[SimVariant] = Counter()
    for variant, quantity in wanted:
        needed[variant] += quantity
    short = [variant for variant in needed if variant.tracked and variant.available < needed[variant]]
    if short:
        shop.books.sold_out.extend(SoldOut(variant.sku, needed[variant], shop.now()) for variant in short)
        return None
    shop.shift(needed, available=-1, committed=1, at=at)
    order = _order(
        shop, wanted, at, buyer=buyer, source_name=source_name, discount=discount, properties=properties
    )
    order.test, order.note, order.financial_status = test, note, financial_status
    kind, status = TRANSACTION_OF[financial_status]
    order.transactions.append(_transaction(shop, order, kind, status, at))
    for line in order.lines:
        route(shop, order, line, line.quantity, at)
    shop.orders[order.key] = order
    shop.by_created.add(at, order.order_id, order)
    shop.by_updated.add(at, order.order_id, order)
    shop.books.sales.extend(
        Sale(order.key, variant.sku, quantity, shop.now()) for variant, quantity in wanted
    )
    shop.tell("orders/create", order)
    if financial_status == "paid":
        shop.tell("orders/paid", order)
    shop.tell_levels(needed)
    return order


def make_line(
    shop: Shop, variant: SimVariant, quantity: int, properties: Mapping[str, str], percentage: int
) -> SimLine:
    discount = variant.price * quantity * percentage // 100
    return SimLine(shop.next_id(), variant, quantity, variant.price, discount, dict(properties))


def _order(
    shop: Shop,
    wanted: Sequence[tuple[SimVariant, int]],
    at: datetime,
    *,
    buyer: Buyer | None,
    source_name: str,
    discount: Discount | None,
    properties: Mapping[str, str],
) -> SimOrder:
    percentage = discount.percentage if discount else 0
    over_the_counter = source_name == "pos"
    return SimOrder(
        order_id=shop.next_id(),
        number=1001 + len(shop.orders),
        token=f"{shop.rng.getrandbits(128):032x}",
        created_at=at,
        updated_at=at,
        buyer=buyer or (None if over_the_counter else draw_buyer(shop.rng, shop.next_id)),
        lines=[make_line(shop, variant, quantity, properties, percentage) for variant, quantity in wanted],
        shipping=None if over_the_counter else SimShipping(shop.next_id(), "Standard", "standard", 490),
        discount=discount,
        financial_status="pending",
        transactions=[],
        source_name=source_name,
        test=False,
        note=None,
    )


def _transaction(shop: Shop, order: SimOrder, kind: str, status: str, at: datetime) -> SimTransaction:
    amount = sum(line.total(line.quantity) for line in order.lines)
    amount += order.shipping.price if order.shipping else 0
    gateway = "manual" if status == "pending" else "shopify_payments"
    return SimTransaction(shop.next_id(), kind, status, gateway, amount, at)
