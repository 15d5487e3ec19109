"""The arithmetic of a WooCommerce order: what its net amounts add up to. Reads no payload."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from core.model.money import Money, minor_unit, money_of

_UNIT_PRICE = Decimal("0.000001")


def finish_line(line: dict[str, Any]) -> None:
    """Complete a mapped line. The shop's own `price` is a float with noise, so it is not looked at."""
    subtotal, total = line["subtotal"], line["total"]
    if subtotal and line["quantity"]:
        line["unit_price"] = _with(subtotal, _unit_price(subtotal.amount, line["quantity"]))
    if subtotal and total:
        line["discount_total"] = _with(subtotal, subtotal.amount - total.amount)


def _unit_price(subtotal: Decimal, quantity: int | Decimal) -> Decimal:
    price = subtotal if quantity == 1 else subtotal / quantity
    exact = price * quantity == subtotal and int(price.as_tuple().exponent) >= -6
    return price if exact else price.quantize(_UNIT_PRICE, ROUND_HALF_UP)


def finish_amounts(values: dict[str, Any]) -> None:
    """Complete the mapped amounts of an order in place."""
    values["prices_include_tax"] = False  # the payload's field of that name says how prices are typed in
    subtotals = [line["subtotal"] for line in values["lines"]]
    if values["total"] is not None and all(subtotals):
        values["subtotal"] = _sum(values["total"], subtotals)
    fees = [fee["amount"] for fee in values["fees"] or () if fee["amount"]]
    if fees:
        values["fee_total"] = _sum(fees[0], fees)
    values["refunds"] = [refund for refund in values["refunds"] or () if refund["channel_refund_id"]]
    for refund in values["refunds"]:
        if refund["amount"]:
            refund["amount"] = _with(refund["amount"], abs(refund["amount"].amount))
    refunded = [refund["amount"] for refund in values["refunds"] if refund["amount"]]
    if refunded:
        values["refunded_total"] = _sum(refunded[0], refunded)
    for card in values["gift_cards"] or ():
        card["last_characters"] = (card["last_characters"] or "")[-4:] or None
    _settle(values)


def _settle(values: dict[str, Any]) -> None:
    """Close the gap between the parts and the total where its cause is known.

    Parts are shown rounded but added unrounded, so each can be off by half a cent; and the total of an order
    paid with gift cards is what was left to pay.
    """
    total, subtotal = values["total"], values.get("subtotal")
    if total is None or subtotal is None:
        return
    parts = subtotal.amount - _amount(values["discount_total"]) + _amount(values["shipping_total"])
    parts += _amount(values.get("fee_total")) + _amount(values["tax_total"])
    cards = sum((_amount(card["amount"]) for card in values["gift_cards"] or ()), Decimal(0))
    unit = minor_unit(total.currency)
    if cards and abs(parts - cards - total.amount) < unit:
        values["discount_total"] = _with(total, _amount(values["discount_total"]) + cards)
        return
    gap = total.amount - parts
    if gap and abs(gap) <= unit * (len(values["lines"]) + 2) / 2:
        values["rounding"] = _with(total, gap)


def _sum(like: Money, amounts: list[Money]) -> Money:
    return _with(like, sum((money.amount for money in amounts), Decimal(0)))


def _with(like: Money, amount: Decimal) -> Money:
    return money_of(amount, like.currency)


def _amount(money: Money | None) -> Decimal:
    return money.amount if money else Decimal(0)
