"""The arithmetic of a German shop: prices include 19 % tax, orders keep net and tax, rounded per line."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from simulators.woocommerce.model import ZERO, SimOrder

TAX_PERCENT = 19
_WITH_TAX = 1 + Decimal(TAX_PERCENT) / 100
_STORED = Decimal("0.000001")
SHIPPING_NET = Decimal("4.90")


def from_gross(gross: Decimal) -> tuple[Decimal, Decimal]:
    """Net and tax of a price that includes tax, six decimals; they add up to *gross*."""
    net = (gross / _WITH_TAX).quantize(_STORED, ROUND_HALF_UP)
    return net, gross - net


def tax_on(net: Decimal) -> Decimal:
    return (net * TAX_PERCENT / 100).quantize(_STORED, ROUND_HALF_UP)


def quantum(decimals: int) -> Decimal:
    """The smallest amount of a shop with so many price decimals."""
    return Decimal(1).scaleb(-decimals)


@dataclass(frozen=True, slots=True)
class Totals:
    """Totals of one order, rounded as the shop rounds: each line first, then summed."""

    discount: Decimal
    discount_tax: Decimal
    shipping: Decimal
    shipping_tax: Decimal
    cart_tax: Decimal
    total: Decimal

    @property
    def tax(self) -> Decimal:
        return self.cart_tax + self.shipping_tax


def totals(order: SimOrder, step: Decimal) -> Totals:
    def rounded(amount: Decimal) -> Decimal:
        return amount.quantize(step, ROUND_HALF_UP)

    items = subtotal = cart_tax = subtotal_tax = ZERO
    for line in order.lines:
        items += rounded(line.total)
        cart_tax += rounded(line.total_tax)
        subtotal += rounded(line.subtotal)
        subtotal_tax += rounded(line.subtotal_tax)
    discount, discount_tax = subtotal - items, subtotal_tax - cart_tax
    for fee in order.fee_lines:
        items += rounded(fee.total)
        cart_tax += rounded(fee.tax)
    shipping = sum((rounded(line.total) for line in order.shipping_lines), ZERO)
    shipping_tax = sum((rounded(line.tax) for line in order.shipping_lines), ZERO)
    total = items + shipping + cart_tax + shipping_tax
    return Totals(discount, discount_tax, shipping, shipping_tax, cart_tax, total)


def remaining(order: SimOrder, step: Decimal) -> Decimal:
    """What is left to refund."""
    return totals(order, step).total - sum((refund.amount for refund in order.refunds), ZERO)
