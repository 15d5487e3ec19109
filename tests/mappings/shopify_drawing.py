"""Draws described Shopify orders for Hypothesis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from shopify_described import Described, Line, Part, given_back

BIG = st.integers(min_value=2**53 + 1, max_value=2**63 - 1)
STATUSES = (
    "pending",
    "authorized",
    "partially_paid",
    "paid",
    "partially_refunded",
    "refunded",
    "voided",
    "expired",
)
WORDS = st.sampled_from(["Engraving", "_internal", "Größe", "size", "Gift Message", "VAT number"])


@st.composite
def lines(draw: Any, line_id: int) -> Line:
    quantity = draw(st.integers(1, 5))
    price = draw(st.integers(0, 30_000))
    shipped = draw(st.integers(0, quantity))
    goods = draw(st.integers(0, price * quantity))
    sold_by_variant = draw(st.booleans())
    return Line(
        line_id=line_id,
        variant_id=draw(BIG) if sold_by_variant else None,
        product_id=draw(BIG) if sold_by_variant else None,
        sku=draw(st.sampled_from([None, "", "MUG-BLUE", " MUG-RED "])),
        title=draw(st.sampled_from(["Mug", "Bell", "Gift card"])),
        variant_title=draw(st.sampled_from([None, "", "Blue / L", "Default Title"])),
        quantity=quantity,
        price=price,
        tax=draw(st.integers(0, 500)),
        liable=draw(st.sampled_from([None, True, False])),
        parts=draw(st.sampled_from([(), (Part(0, goods),), (Part(1, goods // 2), Part(0, goods // 3))])),
        shipped=shipped,
        returned=draw(st.integers(0, shipped)),
        removed=draw(st.integers(0, quantity - shipped)),
        gift_card=draw(st.booleans()),
        requires_shipping=draw(st.booleans()),
        tracked=draw(st.booleans()),
        properties=tuple(draw(st.lists(st.tuples(WORDS, st.text(max_size=8)), max_size=2))),
        group=draw(st.sampled_from([None, 234567890123456789])),
    )


@st.composite
def orders(draw: Any) -> Described:
    shop, buyer = draw(st.sampled_from([("EUR", "EUR"), ("USD", "JPY"), ("JPY", "USD"), ("KWD", "GBP")]))
    ids = draw(st.lists(BIG, min_size=1, max_size=4, unique=True))
    found = [draw(lines(line_id)) for line_id in ids]
    if draw(st.booleans()):
        found.append(_tip(found[0], draw(st.integers(1, 900))))
    shipping = draw(st.integers(0, 2_000))
    made = Described(
        order_id=draw(BIG),
        shop=shop,
        buyer=buyer,
        taxes_included=draw(st.booleans()),
        status=draw(st.sampled_from(STATUSES)),
        source=draw(st.sampled_from(["web", "pos", "shopify_draft_order", "755357713"])),
        test=draw(st.booleans()),
        cancelled_at=draw(st.sampled_from([None, "2026-06-02T08:00:00Z"])),
        closed_at=draw(st.sampled_from([None, "2026-06-03T08:00:00Z"])),
        lines=tuple(found),
        shipping=shipping,
        shipping_part=draw(st.sampled_from([None, Part(1, shipping)])),
        duty=draw(st.sampled_from([None, 0, 450])),
        fee=draw(st.sampled_from([None, 120])),
        note=draw(st.sampled_from([None, "", "ring twice"])),
        tags=draw(st.sampled_from([(), ("vip",), ("vip", "b2b")])),
        attributes=tuple(draw(st.lists(st.tuples(WORDS, st.text(max_size=8)), max_size=3))),
        gateways=draw(st.sampled_from([(), ("bogus",), ("gift_card", "shopify_payments")])),
        guest=draw(st.booleans()),
        tracking=draw(st.sampled_from([None, ("UPS", "1Z999")])),
        failed_shipment=draw(st.booleans()),
    )
    assume(given_back(made) <= made.total)  # nobody gives back money that was never paid
    return made


def _tip(like: Line, amount: int) -> Line:
    return replace(
        like,
        line_id=7,
        variant_id=None,
        product_id=None,
        sku=None,
        title="Tip",
        variant_title=None,
        quantity=1,
        price=amount,
        tax=0,
        parts=(),
        shipped=0,
        returned=0,
        removed=0,
        gift_card=False,
        requires_shipping=False,
        properties=(),
        group=None,
        tip=True,
    )
