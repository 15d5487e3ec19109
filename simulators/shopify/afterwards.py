"""What a merchant does to an order after checkout, shipping apart: edits it, refunds it, cancels it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from simulators.books import Sale, SoldOut
from simulators.shopify.amounts import current, received, refunded
from simulators.shopify.goods import SimLine, SimVariant
from simulators.shopify.routing import route, take_off
from simulators.shopify.selling import make_line
from simulators.shopify.shop import Shop
from simulators.shopify.things import SimOrder, SimRefund, SimRefundLine, SimTransaction


def edit(shop: Shop, order: SimOrder, sku: str, quantity: int) -> bool:
    """Make *quantity* the open units of *sku*, as an order edit does; False when the stock is too small."""
    variant, at = shop.variant(sku), shop.moment()
    line = next((line for line in order.lines if line.variant is variant), None)
    difference = quantity - (line.open_quantity if line else 0)
    if variant.tracked and variant.available < difference:
        shop.books.sold_out.append(SoldOut(sku, difference, shop.now()))
        return False
    shop.shift({variant: difference}, available=-1, committed=1, at=at)
    if difference > 0:
        shop.books.sales.append(Sale(order.key, sku, difference, shop.now()))
        if line is None:
            line = make_line(shop, variant, difference, {}, 0)
            order.lines.append(line)
        else:
            line.quantity += difference
        route(shop, order, line, difference, at)
    elif line is not None:
        shop.books.restocks.append(Sale(order.key, sku, -difference, shop.now()))
        line.removed -= difference
        take_off(order, line, -difference, at)
    order.edited = True
    if current(order).total > received(order) - refunded(order) > 0:
        order.financial_status = "partially_paid"
    shop.touch(order, at)
    shop.tell("orders/edited", (order, line or order.lines[-1], difference))
    shop.tell("orders/updated", order)
    shop.tell_levels([variant])
    return True


def refund(
    shop: Shop,
    order: SimOrder,
    units: Mapping[str, int],
    *,
    restock: bool,
    note: str | None,
    with_shipping: bool,
) -> SimRefund:
    """Give money back for *units* by SKU. Open units are taken off the order, shipped ones count as returned.

    Raises ValueError when the order has fewer units left than named.
    """
    at = shop.moment()
    lines: list[SimRefundLine] = []
    for sku, quantity in units.items():
        lines.extend(_take_back(shop, order, sku, quantity, at, restock=restock))
    shipping = order.shipping.price if with_shipping and order.shipping else 0
    amount = min(sum(line.subtotal for line in lines) + shipping, received(order) - refunded(order))
    paid = order.transactions[0]
    back = SimTransaction(shop.next_id(), "refund", "success", paid.gateway, amount, at, paid.transaction_id)
    transactions = (back,) if amount else ()
    order.transactions.extend(transactions)
    made = SimRefund(shop.next_id(), at, note, tuple(lines), transactions, shipping, shop.next_id())
    order.refunds.append(made)
    if amount:
        order.financial_status = "partially_refunded" if current(order).total else "refunded"
    _put_back(shop, order, made, at, restock=restock)
    shop.touch(order, at)
    shop.tell("refunds/create", (order, made))
    shop.tell("orders/updated", order)
    shop.tell_levels(_units((line.line, line.quantity) for line in lines) if restock else ())
    return made


def cancel(shop: Shop, order: SimOrder, *, restock: bool) -> None:
    """Cancel what has not shipped and give its money back; raises ValueError when it is cancelled already."""
    if order.cancelled_at is not None:
        raise ValueError(f"order {order.name} is cancelled already")
    open_units: Counter[str] = Counter()
    for line in order.lines:
        open_units[line.variant.sku] += line.open_quantity
    order.cancelled_at = order.closed_at = shop.moment()
    order.cancel_reason = "customer"
    if order.financial_status != "paid":
        order.financial_status = "voided"
    refund(shop, order, +open_units, restock=restock, note=None, with_shipping=not order.fulfillments)
    shop.tell("orders/cancelled", order)


def _take_back(
    shop: Shop, order: SimOrder, sku: str, quantity: int, at: datetime, *, restock: bool
) -> list[SimRefundLine]:
    lines = [line for line in order.lines if line.variant.sku == sku]
    if sum(line.current_quantity for line in lines) < quantity:
        raise ValueError(f"order {order.name} has fewer than {quantity} units of {sku} left")
    taken: list[SimRefundLine] = []
    for line in lines:
        for restock_type, has in (("cancel", line.open_quantity), ("return", line.fulfilled - line.returned)):
            part = min(quantity, has)
            if not part:
                continue
            quantity -= part
            worth = line.total(line.current_quantity)
            if restock_type == "cancel":
                line.removed += part
                take_off(order, line, part, at)
            else:
                line.returned += part
            # The difference, so that rounding a discount cannot lose a cent between refunds.
            worth -= line.total(line.current_quantity)
            word, shipped = restock_type if restock else "no_restock", restock_type == "return"
            taken.append(SimRefundLine(shop.next_id(), line, part, worth, word, shipped=shipped))
    return taken


def _put_back(shop: Shop, order: SimOrder, made: SimRefund, at: datetime, *, restock: bool) -> None:
    for line in made.lines:
        variant, quantity = line.line.variant, line.quantity
        held = 0 if line.shipped else -1
        shop.shift({variant: quantity}, available=1 if restock else 0, committed=held, at=at)
        if restock:
            shop.books.restocks.append(Sale(order.key, variant.sku, quantity, shop.now()))


def _units(parts: Iterable[tuple[SimLine, int]]) -> Counter[SimVariant]:
    units: Counter[SimVariant] = Counter()
    for line, quantity in parts:
        units[line.variant] += quantity
    return units
