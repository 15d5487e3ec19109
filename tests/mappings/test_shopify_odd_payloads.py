"""Whatever stands in a payload, reading it gives an answer."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shopify_described import Described, Line, Part, graphql, rest

from connectors.shopify import CONNECTOR
from core.connector import Delivery, Notice, OrderRead, Unreadable
from core.flow import encode

MUG = Line(
    line_id=2**53 + 1,
    variant_id=11,
    product_id=12,
    sku="MUG",
    title="Mug",
    variant_title="blue",
    quantity=4,
    price=1000,
    tax=100,
    liable=True,
    parts=(Part(0, 500),),
    shipped=2,
    returned=1,
    removed=1,
    gift_card=False,
    requires_shipping=True,
    tracked=True,
    properties=(("Engraving", "A.B."),),
    group=77,
)
WHOLE = Described(
    order_id=2**53 + 3,
    shop="EUR",
    buyer="JPY",
    taxes_included=False,
    status="paid",
    source="web",
    test=False,
    cancelled_at=None,
    closed_at=None,
    lines=(MUG,),
    shipping=490,
    shipping_part=Part(1, 490),
    duty=450,
    fee=120,
    note="ring twice",
    tags=("vip",),
    attributes=(("Checkout-Method", "pickup"), ("VAT number", "ATU1")),
    gateways=("bogus",),
    guest=False,
    tracking=("UPS", "1Z999"),
    failed_shipment=True,
)
PAYLOAD, NODE = rest(WHOLE), graphql(WHOLE)

ODD = st.sampled_from(
    [
        None, True, False, 0, -1, 1, 2**53 + 1, 2**64 + 1, 10**400,
        Decimal("1.5"), Decimal("1E-30"), Decimal("1E+60"),
        "", " ", "x", "-0", "1e5", "\uff11\uff12", "NaN", "\x00", "\ud800", "a" * 20_000,
        "gid://shopify/Order/", "XXX", "JPY",
        "0000-00-00", "2026-06-01T10:00:60Z", "9999-12-31T23:59:59-14:00",
        [], [None], [[]], ["x"], [1], {}, {"id": 1}, [{"id": 1, "quantity": 1}], [{"index": 10**9}],
        {"nodes": None}, {"edges": [None]}, {"shop_money": None}, {"shopMoney": {}}, {"amount": 1},
        {"shop_money": {"amount": "1.5", "currency_code": "JPY"}},
    ]
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in *value*, the inner ones too."""
    found = [path] if path else []
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, inner in children:
        found += places(inner, (*path, step))
    return found


def changed(value: Any, path: tuple[Any, ...], odd: Any, *, gone: bool) -> Any:
    copy = deepcopy(value)
    holder = copy
    for step in path[:-1]:
        holder = holder[step]
    if gone and isinstance(holder, dict):
        del holder[path[-1]]
    else:
        holder[path[-1]] = odd
    return copy


@st.composite
def oddities(draw: Any, whole: Any) -> Any:
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(whole)))
        whole = changed(whole, path, draw(ODD), gone=draw(st.booleans()))
    return whole


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(oddities(PAYLOAD))
def test_an_odd_webhook_is_an_order_a_hint_or_parked(payload: Any) -> None:
    reading = CONNECTOR.read(Delivery("orders/updated", {}, encode(payload)), {})

    assert isinstance(reading, OrderRead | Notice | Unreadable)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(oddities(NODE))
def test_an_odd_node_is_an_order_or_parked(node: Any) -> None:
    reading = CONNECTOR.read(Delivery("graphql/order", {}, encode(node)), {})

    assert isinstance(reading, OrderRead | Notice | Unreadable)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=200), st.sampled_from(["orders/create", "graphql/order", "returns/x", "shop/redact"])
)
def test_any_bytes_are_read(body: bytes, topic: str) -> None:
    assert CONNECTOR.read(Delivery(topic, {}, body), {}) is not None


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(min_value=0, max_value=len(encode(PAYLOAD)) - 1))
def test_a_truncated_body_is_parked(length: int) -> None:
    assert isinstance(CONNECTOR.read(Delivery("orders/create", {}, encode(PAYLOAD)[:length]), {}), Unreadable)
