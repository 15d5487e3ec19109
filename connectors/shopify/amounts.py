"""The arithmetic of a Shopify order: what its amounts add up to, in both currencies. Reads no payload."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from core.connector import Problem
from core.model.money import Money, Presented, minor_unit, money_of
from core.model.order import LineKind

_ORDER_AMOUNTS = ("total", "subtotal", "discount_total", "shipping_total", "tax_total", "tip_total")


def total_of(amounts: Iterable[Money | None]) -> Money | None:
    """The sum; None when an amount is unknown, when there is none, or when they are in several currencies."""
    found = list(amounts)
    known = [money for money in found if money is not None]
    if not known or len(known) < len(found):
        return None
    currency = known[0].currency
    if any(money.currency != currency for money in known):
        return None
    seen = [money.presentment for money in known]
    presentment = None
    if all(seen) and len({one.currency for one in seen if one}) == 1:
        seen_in = next(one.currency for one in seen if one)
        presentment = Presented(amount=sum((o.amount for o in seen if o), Decimal(0)), currency=seen_in)
    return _money(sum([money.amount for money in known], Decimal(0)), currency, presentment)


def times(price: Money, count: int) -> Money:
    seen = price.presentment
    presentment = Presented(amount=seen.amount * count, currency=seen.currency) if seen else None
    return _money(price.amount * count, price.currency, presentment)


def _money(amount: Decimal, currency: str, presentment: Presented | None) -> Money:
    if presentment is None:
        return money_of(amount, currency)
    return Money(amount=amount, currency=currency, presentment=presentment)


def difference(whole: Money, part: Money | None) -> Money | None:
    return total_of([whole, times(part, -1)]) if part else whole


def finish_line(line: dict[str, Any]) -> None:
    """Complete a mapped line: `total_discount` alone misses what was given on the whole order."""
    allocated = [row["amount"] for row in line["allocations"]]
    stated = line.get("discount_total")
    line["discount_total"] = (
        total_of(allocated) if allocated else stated if stated and stated.amount else None
    )
    price = line["unit_price"]
    if price is not None:
        line["subtotal"] = times(price, line["quantity"])
        line["total"] = difference(line["subtotal"], line["discount_total"])
    line["tax_total"] = total_of(tax["amount"] for tax in line["taxes"])


def finish_amounts(values: dict[str, Any], problems: list[Problem]) -> None:
    """Complete the mapped amounts of an order in place."""
    shipping = values["shipping_lines"]
    if shipping:
        values["shipping_total"] = total_of(row["amount"] for row in shipping)
    _finish_subtotal(values)
    if values["tax_total"] is None and values["taxes"]:
        values["tax_total"] = total_of(tax["amount"] for tax in values["taxes"])
    if values["discount_total"] is None:
        given = [line["discount_total"] for line in values["lines"] if line["discount_total"]]
        values["discount_total"] = total_of(given)
    refunded = [refund["amount"] for refund in values["refunds"]]
    values["refunded_total"] = total_of(refunded) if refunded else None
    _settle(values, [row["discounted_amount"] for row in shipping])
    _one_currency(values, problems)


def _finish_subtotal(values: dict[str, Any]) -> None:
    """Before any discount and without tips, which have a total of their own."""
    tips = [line.pop("subtotal", None) for line in values["lines"] if line["kind"] is LineKind.TIP]
    goods = total_of(line.get("subtotal") for line in values["lines"] if line["kind"] is not LineKind.TIP)
    stated = values.get("subtotal")
    if stated is None:
        values["subtotal"] = goods if goods or values["lines"] else _nothing(values["total"])
    elif tips and goods and None not in tips and total_of([goods, *tips]) == stated:
        values["subtotal"] = goods


def _nothing(like: Money | None) -> Money | None:
    return times(like, 0) if like else None


def _settle(values: dict[str, Any], discounted_shipping: Sequence[Money | None]) -> None:
    """Count each amount once where Shopify has two ways to state it, and the total tells which one it was."""
    total, rounding, duty = values["total"], values["rounding"], values["duty_total"]
    shipping, discount = values["shipping_total"], values["discount_total"]
    values["rounding"] = None
    if values["facts"].get("duties_included"):
        values["duty_total"] = duty = None  # inside the prices
    if total is None or values["subtotal"] is None:
        return
    gap = total.amount - _parts(values)
    unit = minor_unit(total.currency)
    off = difference(shipping, total_of(discounted_shipping)) if shipping and discounted_shipping else None
    if abs(gap) < unit:
        return
    tax = values["tax_total"]
    if tax and values["prices_include_tax"] is None and abs(gap + tax.amount) < unit:
        values["prices_include_tax"] = True  # not told otherwise
    elif rounding and abs(gap - rounding.amount) < unit:
        values["rounding"] = rounding  # else it was rounded when it was paid, not in the total
    elif duty and abs(gap + duty.amount) < unit:
        values["duty_total"] = None  # inside the prices
    elif off and discount and abs(gap + off.amount) < unit:
        values["discount_total"] = total_of([discount, off])  # stated for the goods alone


def _parts(values: dict[str, Any]) -> Decimal:
    names = ["subtotal", "shipping_total", "fee_total", "tip_total", "duty_total"]
    if not values["prices_include_tax"]:
        names.append("tax_total")
    whole = sum((values[name].amount for name in names if values[name]), Decimal(0))
    return whole - (values["discount_total"].amount if values["discount_total"] else Decimal(0))


def _one_currency(values: dict[str, Any], problems: list[Problem]) -> None:
    found = [values[name] for name in _ORDER_AMOUNTS] + [line["unit_price"] for line in values["lines"]]
    currencies = {money.currency for money in found if money}
    if values["currency"] is not None:
        currencies.add(values["currency"])
    if len(currencies) > 1:
        message = f"the order's amounts are in several currencies: {', '.join(sorted(currencies))}"
        problems.append(Problem(code="invalid_value", pointer="/currency", message=message))
