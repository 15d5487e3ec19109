"""What an order adds up to, in cents: as it was bought, and as it stands now. Prices contain the tax."""

from __future__ import annotations

from dataclasses import dataclass

from simulators.shopify.goods import contained_tax
from simulators.shopify.things import SimOrder


@dataclass(frozen=True, slots=True)
class Amounts:
    """*subtotal* is after discounts and before shipping; *total* contains *tax*."""

    lines: int
    discounts: int
    subtotal: int
    shipping: int
    tax: int

    @property
    def total(self) -> int:
        return self.subtotal + self.shipping


def bought(order: SimOrder) -> Amounts:
    """With every unit that was ever ordered."""
    return _amounts(order, [line.quantity for line in order.lines], shipping_price(order))


def current(order: SimOrder) -> Amounts:
    """Without what was removed, returned or refunded since."""
    refunded = sum(refund.shipping for refund in order.refunds)
    return _amounts(order, [line.current_quantity for line in order.lines], shipping_price(order) - refunded)


def shipping_price(order: SimOrder) -> int:
    return order.shipping.price if order.shipping else 0


def received(order: SimOrder) -> int:
    """What the buyer has paid so far, refunds not taken off."""
    return sum(
        paid.amount
        for paid in order.transactions
        if paid.kind in ("sale", "capture") and paid.status == "success"
    )


def refunded(order: SimOrder) -> int:
    return sum(back.amount for refund in order.refunds for back in refund.transactions)


def _amounts(order: SimOrder, quantities: list[int], shipping: int) -> Amounts:
    gross = subtotal = tax = 0
    for line, quantity in zip(order.lines, quantities, strict=True):
        total = line.total(quantity)
        gross += line.unit_price * quantity
        subtotal += total
        tax += contained_tax(total)
    return Amounts(gross, gross - subtotal, subtotal, shipping, tax + contained_tax(shipping))


def written(cents: int) -> str:
    """Two decimals, as REST writes an amount."""
    sign, cents = ("-", -cents) if cents < 0 else ("", cents)
    return f"{sign}{cents // 100}.{cents % 100:02d}"


def cents(text: str) -> int:
    """The cents of an amount such as "12.5"; raises ValueError for anything else."""
    whole, _, fraction = text.partition(".")
    if not (whole.isdecimal() and len(fraction) <= 2 and (fraction.isdecimal() or not fraction)):
        raise ValueError(f"{text!r} is no price: write digits, with at most two decimals")
    return int(whole) * 100 + int(fraction.ljust(2, "0"))
