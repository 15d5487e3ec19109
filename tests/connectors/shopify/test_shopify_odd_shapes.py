"""Orders that say the same in an older, sparser or emptier shape than Fairway's own query and today's webhooks."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connectors.shopify import CONNECTOR
from core.connector import Delivery, OrderRead
from core.flow import encode
from core.model.order import Order, PaymentStatus

Reader = Callable[..., Order]


def money(amount: str) -> dict[str, Any]:
    return {"shopMoney": {"amount": amount, "currencyCode": "EUR"}}


def node(**changes: Any) -> dict[str, Any]:
    line = {"id": "gid://shopify/LineItem/7", "name": "Mug - blue", "quantity": 2, "sku": "MUG-B"}
    return {
        "id": "gid://shopify/Order/450",
        "name": "#7",
        "createdAt": "2026-06-01T10:00:00Z",
        "displayFinancialStatus": "PAID",
        "totalPriceSet": money("20.0"),
        "lineItems": {"edges": [{"node": line | {"originalUnitPriceSet": money("10.0")}}]},
    } | changes


def order_of_node(payload: dict[str, Any]) -> Order:
    reading = CONNECTOR.read(Delivery("graphql/order", {}, encode(payload)), {})
    assert isinstance(reading, OrderRead), reading
    return reading.order


def shown(order: Order) -> tuple[Any, ...]:
    assert order.total is not None
    return (order.total.amount, order.total.currency, [line.quantity for line in order.lines])


@pytest.mark.parametrize("field", ["currentTotalPriceSet", "originalTotalPriceSet"])
def test_an_answer_that_was_asked_for_another_total_has_that_one(field: str) -> None:
    payload = node(**{field: money("20.0")})
    del payload["totalPriceSet"]

    order = order_of_node({"data": {"orderByIdentifier": payload}})

    assert shown(order) == (Decimal("20.00"), "EUR", [2])
    assert order.holds == ()


def test_todays_amounts_stand_in_for_those_as_ordered() -> None:
    payload = node(
        currentTotalPriceSet=money("26.80"), currentTotalTaxSet=money("3.80"),
        currentTotalDiscountsSet=money("2.00"), currentShippingPriceSet=money("5.00"),
    )  # fmt: skip
    del payload["totalPriceSet"]

    order = order_of_node(payload)

    assert shown(order) == (Decimal("26.80"), "EUR", [2])
    assert order.holds == ()


def test_taxes_are_inside_the_prices_where_only_then_the_total_is_right() -> None:
    order = order_of_node(node(totalTaxSet=money("3.19")))

    assert (order.prices_include_tax, order.holds) == (True, ())


@pytest.mark.parametrize(
    "line", [{"quantity": 2, "sku": "MUG-B"}, {"id": None, "quantity": 2, "sku": "MUG-B"}]
)
def test_a_node_line_without_an_id_is_named_by_its_place_and_held(line: dict[str, Any]) -> None:
    order = order_of_node(node(lineItems={"nodes": [line]}))

    assert [(line.line_id, line.sku, line.quantity) for line in order.lines] == [("1", "MUG-B", 2)]
    assert [hold.pointer for hold in order.holds] == ["/lineItems/nodes/0/id"]


def test_the_older_single_shipping_line_counts() -> None:
    line = {"title": "Post", "originalPriceSet": money("5.00")}

    order = order_of_node(node(shippingLine=line, totalPriceSet=money("25.00")))

    assert order.shipping_total is not None
    assert (order.shipping_total.amount, order.holds) == (Decimal("5.00"), ())


def test_things_are_known_by_their_global_ids_where_nothing_else_names_them() -> None:
    line = {
        "id": "gid://shopify/LineItem/7", "name": "Mug - blue", "quantity": 2,
        "variant": {"id": "gid://shopify/ProductVariant/5"}, "product": {"id": "gid://shopify/Product/9"},
    }  # fmt: skip
    buyer = {"id": "gid://shopify/Customer/3", "email": "ada@shop.example", "phone": "+43 1 5550100"}

    order = order_of_node(node(lineItems=[line], customer=buyer))

    (read,) = order.lines
    assert (read.channel_item_id, read.channel_product_id, read.title) == ("5", "9", "Mug - blue")
    assert order.customer is not None
    assert (order.customer.channel_customer_id, order.customer.email) == ("3", "ada@shop.example")


def test_an_empty_text_in_a_webhook_is_nothing(payload: dict[str, Any], order_of: Reader) -> None:
    for name in ("updated_at", "cancelled_at", "closed_at", "presentment_currency"):
        payload[name] = ""
    payload["customer"]["id"] = payload["line_items"][0]["variant_id"] = ""

    order = order_of(payload)

    assert (order.cancelled_at, order.lines[0].quantity_cancelled, order.holds) == (None, 0, ())


def test_a_money_bag_of_nothing_gives_way_to_the_plain_amount(
    payload: dict[str, Any], order_of: Reader
) -> None:
    empty = {"amount": None, "currency_code": None}
    payload["total_price_set"] = {"shop_money": empty, "presentment_money": empty}

    assert shown(order_of(payload)) == (Decimal("67.40"), "EUR", [2, 1])


def test_a_buyers_side_of_nothing_leaves_the_shops(payload: dict[str, Any], order_of: Reader) -> None:
    payload["total_price_set"] = {
        "shop_money": {"amount": "67.40", "currency_code": "EUR"},
        "presentment_money": {"amount": None, "currency_code": None},
    }

    order = order_of(payload)

    assert shown(order) == (Decimal("67.40"), "EUR", [2, 1])
    assert order.holds == ()


def test_a_refund_may_be_written_in_floats(payload: dict[str, Any], order_of: Reader) -> None:
    unit = {
        "id": 2, "line_item_id": 466157049, "quantity": 1, "restock_type": "return",
        "subtotal": Decimal("20.830000000000002"), "total_tax": Decimal("4.1699999999999999"),
    }  # fmt: skip
    payload["refunds"] = [{"id": 1, "refund_line_items": [unit], "transactions": []}]

    order = order_of(payload)

    assert (order.lines[0].quantity_returned, order.holds) == (1, ())


def test_a_sku_may_be_a_number_and_a_list_of_tracking_numbers_have_gaps(
    payload: dict[str, Any], order_of: Reader
) -> None:
    payload["line_items"][0]["sku"] = 1042
    payload["fulfillments"] = [{"id": 1, "status": "success", "tracking_numbers": [None, "1Z"]}]

    order = order_of(payload)

    assert (order.lines[0].sku, order.holds) == ("1042", ())
    assert [parcel.tracking_number for parcel in order.fulfillments[0].parcels] == ["1Z"]


def test_an_order_is_found_by_its_global_id_alone_and_in_its_envelope(payload: dict[str, Any]) -> None:
    payload["admin_graphql_api_id"] = f"gid://shopify/Order/{payload.pop('id')}"

    readings = [
        CONNECTOR.read(Delivery("orders/create", {}, encode(body)), {})
        for body in (payload, {"order": payload}, {"id": 1, "order": payload})
    ]

    assert [
        (reading.order.channel_order_id, reading.order.payment_status)
        for reading in readings
        if isinstance(reading, OrderRead)
    ] == [("9007199254740993", PaymentStatus.PAID)] * 3
