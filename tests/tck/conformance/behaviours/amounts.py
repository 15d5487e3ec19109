"""How money is read: exact, in its currency, and never made to fit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from conformance.behaviour import bronze_channel
from conformance.behaviours.orders import held, reads, reserves
from conformance.kit import ChannelKit, Sold
from core.flow import encode
from core.model.money import exponent
from core.model.order import Order


def priced(kit: ChannelKit, currency: str, *prices: str, quantity: int = 2) -> Order:
    lines = [Sold(f"SKU-{n}", quantity, Decimal(price)) for n, price in enumerate(prices)]
    return reads(kit, encode(kit.order(lines, currency=currency)))


def adds_up(order: Order, currency: str, total: str) -> None:
    assert order.total is not None
    assert (order.total.amount, order.total.currency) == (Decimal(total), currency)
    assert -order.total.amount.as_tuple().exponent >= exponent(currency)  # type: ignore[operator] - a finite number
    assert (order.holds, order.flags) == ((), ())
    lines = [line.total.amount for line in order.lines if line.total is not None]
    assert len(lines) == len(order.lines)
    assert sum(lines) == Decimal(total)


@bronze_channel(
    "money-zero-decimal", "Money without decimals (JPY, KRW) is not multiplied or divided by 100."
)
def zero_decimal(kit: ChannelKit) -> None:
    adds_up(priced(kit, "JPY", "1200"), "JPY", "2400")
    adds_up(priced(kit, "KRW", "15000", "1"), "KRW", "30002")


@bronze_channel("money-three-decimal", "Money with three decimals (KWD, BHD) keeps the third.")
def three_decimal(kit: ChannelKit) -> None:
    adds_up(priced(kit, "KWD", "1.255"), "KWD", "2.510")
    adds_up(priced(kit, "BHD", "0.001", "9.999"), "BHD", "20.000")


@bronze_channel("money-exact", "Sums are exact to the last decimal: no amount is ever a float.")
def exact(kit: ChannelKit) -> None:
    order = priced(kit, "EUR", *["0.10"] * 3, *["0.07"] * 11, "19999999.99", quantity=1)
    adds_up(order, "EUR", "20000001.06")
    assert not floats(order.model_dump()), floats(order.model_dump())


def floats(value: Any, place: str = "") -> list[str]:
    """Where in *value* a float stands."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in floats(item, f"{place}/{key}")]
    if isinstance(value, list | tuple):
        return [found for index, item in enumerate(value) for found in floats(item, f"{place}/{index}")]
    return [place] if isinstance(value, float) else []


@bronze_channel(
    "money-negative", "A negative total is kept as it is and a person looks; it is not made positive or zero."
)
def negative(kit: ChannelKit) -> None:
    order = reads(kit, kit.with_raw("total", '"-20.00"'))
    assert order.total is not None
    assert order.total.amount == Decimal("-20.00")
    assert order.holds
    reserves(order)


@bronze_channel("money-huge", "An amount beyond all sense is held and not rounded.")
def huge(kit: ChannelKit) -> None:
    adds_up(priced(kit, "IDR", "99999999999.00", quantity=1), "IDR", "99999999999.00")
    for raw in ('"1e20"', "1e999", "9" * 5_000, '"' + "9" * 40 + '"'):
        order = reads(kit, kit.with_raw("total", raw))
        assert order.total is None
        held(order, kit, "total")
        reserves(order)


@bronze_channel(
    "money-otherwise-written", "An amount with a comma, spaces or signs is held and never guessed."
)
def otherwise_written(kit: ChannelKit) -> None:
    for raw in (
        '"20,00"',
        '" 20.00"',
        '"+20"',
        '"0x14"',
        '"1_0"',
        '"\uff12\uff10"',
        "true",
        "[]",
        '"20.00 EUR"',
    ):
        order = reads(kit, kit.with_raw("total", raw))
        assert order.total is None, raw
        held(order, kit, "total")
        reserves(order)


@bronze_channel("money-mismatch", "A total that the lines do not make is flagged and held.")
def mismatch(kit: ChannelKit) -> None:
    order = reads(kit, kit.with_raw("total", '"21.00"'))
    assert "amount_mismatch" in order.flags
    assert order.holds
    reserves(order)
