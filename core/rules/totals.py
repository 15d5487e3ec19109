"""Do an order's amounts add up, and what do its quantities say."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from core.model.money import Money, minor_unit
from core.model.order import FulfillmentStatus, Order, OrderLine

_NOTHING = Decimal(0)


def amounts_add_up(order: Order) -> bool | None:
    """Whether the parts give the total to the minor unit; None when total or subtotal is unknown.

    The sum is the one in `core.model.order`. A total below zero never adds up.
    """
    if order.total is None or order.subtotal is None:
        return None
    if order.total.amount < 0:
        return False
    parts = (
        _amount(order.subtotal)
        - _amount(order.discount_total)
        + _amount(order.shipping_total)
        + _amount(order.fee_total)
        + _amount(order.tip_total)
        + _amount(order.duty_total)
        + _amount(order.rounding)
    )
    if not order.prices_include_tax:
        parts += _amount(order.tax_total)
    return abs(parts - order.total.amount) < minor_unit(order.total.currency)


def lines_add_up(order: Order) -> bool | None:
    """Whether the lines' subtotals give the order's subtotal, to a minor unit per line (channels round lines)."""
    subtotals = [line.subtotal for line in order.lines]
    if order.subtotal is None or not subtotals or any(subtotal is None for subtotal in subtotals):
        return None
    difference = sum((_amount(subtotal) for subtotal in subtotals), Decimal(0)) - order.subtotal.amount
    return abs(difference) <= minor_unit(order.subtotal.currency) * len(subtotals)


def refunded_too_much(order: Order) -> bool:
    """Whether more money went back than the order cost, by more than a minor unit."""
    total, refunded = order.total, order.refunded_total
    if total is None or refunded is None or total.currency != refunded.currency:
        return False
    return refunded.amount - total.amount >= minor_unit(total.currency)


def fulfillment_status(lines: Sequence[OrderLine]) -> FulfillmentStatus:
    """From quantities alone: fulfilled when every unit that was not cancelled has been shipped."""
    wanted = sum(max(0, line.units - line.quantity_cancelled) for line in lines)
    shipped = sum(line.quantity_fulfilled for line in lines)
    if shipped == 0:
        return FulfillmentStatus.UNFULFILLED
    open_units = sum(line.quantity_open for line in lines)
    return (
        FulfillmentStatus.FULFILLED
        if open_units == 0 and wanted <= shipped
        else FulfillmentStatus.PARTIALLY_FULFILLED
    )


def _amount(money: Money | None) -> Decimal:
    return money.amount if money is not None else _NOTHING
