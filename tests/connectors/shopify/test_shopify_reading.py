"""What an order of a Shopify shop says."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connectors.shopify import CONNECTOR
from connectors.shopify.reading import PAYLOAD
from core.connector import Delivery, Unreadable
from core.flow import encode
from core.model.order import FulfillmentStatus, LineKind, Order, PaymentStatus, Source
from mappings.engine import unread_fields

Reader = Callable[..., Order]


def units(order: Order) -> list[tuple[int, int, int, int]]:
    return [
        (line.quantity, line.quantity_fulfilled, line.quantity_cancelled, line.quantity_returned)
        for line in order.lines
    ]


def test_an_order_is_read_whole(payload: dict[str, Any], order_of: Reader) -> None:
    order = order_of(payload)

    assert (order.channel_order_id, order.order_number) == ("9007199254740993", "#1042")
    assert (order.payment_status, order.source) == (PaymentStatus.PAID, Source.ONLINE)
    assert (order.holds, order.flags) == ((), ())
    assert order.total is not None
    assert (order.total.amount, order.total.currency) == (Decimal("67.40"), "EUR")
    assert (order.buyer_note, order.gift_message, order.tags) == (
        "please ring twice",
        "Happy birthday",
        ("vip", "b2b"),
    )
    assert [(tax_id.kind, tax_id.value) for tax_id in order.tax_ids] == [("VAT number", "ATU12345678")]
    assert order.customer is not None
    assert (order.customer.name, order.customer.phone) == ("Ada Byron", "+43 1 5550100")


def test_a_line_knows_its_variant_its_discounts_and_its_engraving(
    payload: dict[str, Any], order_of: Reader
) -> None:
    mug, card = order_of(payload).lines

    assert (mug.line_id, mug.channel_item_id, mug.sku, mug.tracked) == (
        "466157049",
        "39072856",
        "MUG-BLUE",
        True,
    )
    assert mug.subtotal is not None
    assert mug.total is not None
    assert (mug.subtotal.amount, mug.total.amount) == (Decimal("50.00"), Decimal("41.67"))
    assert [(p.name, p.value) for p in mug.properties] == [("Engraving", "A.B."), ("_sku_note", "x")]
    assert (card.kind, card.tracked, card.variant_title) == (LineKind.GIFT_CARD, False, None)


def test_a_discount_is_told_with_what_it_gave_on_all_lines(payload: dict[str, Any], order_of: Reader) -> None:
    (discount,) = order_of(payload).discounts

    assert discount.amount is not None
    assert (discount.code, discount.amount.amount) == ("SUMMER", Decimal("12.50"))


def test_a_status_nobody_knows_is_a_hold_and_the_units_are_still_read(
    payload: dict[str, Any], order_of: Reader
) -> None:
    order = order_of(payload | {"financial_status": "on_fire"})

    assert [(hold.code, hold.pointer) for hold in order.holds] == [("unmapped_value", "/financial_status")]
    assert "on_fire" in order.holds[0].message
    assert [line.quantity for line in order.lines] == [2, 1]


def test_a_merchant_can_say_what_a_status_means(payload: dict[str, Any], order_of: Reader) -> None:
    order = order_of(payload | {"financial_status": "on_fire"}, {"payment_status": {"on_fire": "pending"}})

    assert (order.payment_status, order.holds) == (PaymentStatus.PENDING, ())


def test_a_merchants_word_that_is_no_status_is_a_hold(payload: dict[str, Any], order_of: Reader) -> None:
    order = order_of(payload, {"payment_status": {"paid": "cash"}})

    assert order.payment_status is None
    assert [hold.code for hold in order.holds] == ["unmapped_value"]


@pytest.mark.parametrize("currency", [None, "", "BITCOIN"])
def test_without_a_currency_there_are_no_amounts_and_one_hold(
    payload: dict[str, Any], order_of: Reader, currency: str | None
) -> None:
    order = order_of(payload | {"currency": currency})

    assert (order.currency, order.total, order.lines[0].unit_price) == (None, None, None)
    assert [hold.pointer for hold in order.holds] == ["/currency"]


def test_amounts_in_two_currencies_are_a_hold(payload: dict[str, Any], order_of: Reader) -> None:
    bag = {"shop_money": {"amount": "67.40", "currency_code": "USD"}}

    order = order_of(payload | {"total_price_set": bag})

    assert ("invalid_value", "/currency") in [(hold.code, hold.pointer) for hold in order.holds]


def test_what_the_buyer_saw_stays_beside_what_the_shop_gets(
    payload: dict[str, Any], order_of: Reader
) -> None:
    bag = {
        "shop_money": {"amount": "67.40", "currency_code": "EUR"},
        "presentment_money": {"amount": "11458", "currency_code": "JPY"},
    }

    order = order_of(payload | {"total_price_set": bag, "presentment_currency": "JPY"})

    assert order.total is not None
    assert order.total.presentment is not None
    assert (order.total.amount, order.total.presentment.amount) == (Decimal("67.40"), Decimal(11458))


def test_amounts_that_do_not_add_up_are_a_hold(payload: dict[str, Any], order_of: Reader) -> None:
    order = order_of(payload | {"total_price": "99.00"})

    assert order.flags == ("amount_mismatch",)


def test_a_free_shipping_code_may_be_inside_the_discounts_or_beside_them(
    payload: dict[str, Any], order_of: Reader
) -> None:
    free = [payload["shipping_lines"][0] | {"discounted_price": "0.00"}]

    inside = order_of(payload | {"shipping_lines": free, "total_discounts": "17.40", "total_price": "62.50"})
    beside = order_of(payload | {"shipping_lines": free, "total_price": "62.50"})

    assert (inside.holds, beside.holds) == ((), ())
    assert inside.discount_total == beside.discount_total


def test_a_tip_is_a_line_that_is_not_goods(payload: dict[str, Any], order_of: Reader) -> None:
    tip = {
        "id": 7,
        "title": "Tip",
        "quantity": 1,
        "price": "5.00",
        "requires_shipping": False,
        "variant_id": None,
    }
    lines = [*payload["line_items"], tip]

    order = order_of(payload | {"line_items": lines, "total_tip_received": "5.00", "total_price": "72.40"})

    assert (order.lines[-1].kind, order.holds) == (LineKind.TIP, ())


def test_shipped_units_come_from_shipments_that_did_not_fail(
    payload: dict[str, Any], order_of: Reader
) -> None:
    parts = [{"id": 466157049, "quantity": 1}]
    shipments = [
        {
            "id": 1,
            "status": "success",
            "tracking_company": "DHL",
            "tracking_number": "0034",
            "line_items": parts,
        },
        {"id": 2, "status": "cancelled", "line_items": parts},
        {"id": 3, "status": None, "line_items": None},
    ]

    order = order_of(payload | {"fulfillments": shipments})

    assert units(order) == [(2, 1, 0, 0), (1, 0, 0, 0)]
    assert order.fulfillment_status is FulfillmentStatus.PARTIALLY_FULFILLED
    assert [shipment.active for shipment in order.fulfillments] == [True, False, True]
    assert [parcel.tracking_number for parcel in order.fulfillments[0].parcels] == ["0034"]


def test_without_shipments_a_line_itself_may_say_that_it_was_shipped(
    payload: dict[str, Any], order_of: Reader
) -> None:
    payload["line_items"][0]["fulfillment_status"] = "fulfilled"
    del payload["fulfillments"]

    order = order_of(payload)

    assert units(order) == [(2, 2, 0, 0), (1, 0, 0, 0)]


def test_a_removed_unit_is_cancelled_and_a_returned_one_is_not(
    payload: dict[str, Any], order_of: Reader
) -> None:
    payload["line_items"][0] |= {"quantity": 5, "current_quantity": 2}
    shipped = [{"id": 1, "status": "success", "line_items": [{"id": 466157049, "quantity": 3}]}]
    back = [{"line_item_id": 466157049, "quantity": 1, "restock_type": "return"}]

    order = order_of(payload | {"fulfillments": shipped, "refunds": [{"id": 1, "refund_line_items": back}]})

    assert units(order)[0] == (5, 3, 2, 1)
    assert order.lines[0].quantity_open == 0


def test_without_current_quantities_refunds_tell_what_was_taken_off(
    payload: dict[str, Any], order_of: Reader
) -> None:
    for line in payload["line_items"]:
        del line["current_quantity"]
    back = [{"line_item_id": 466157049, "quantity": 9, "restock_type": "legacy_restock"}]

    order = order_of(payload | {"refunds": [{"id": 1, "refund_line_items": back}]})

    assert units(order) == [(2, 0, 2, 0), (1, 0, 0, 0)]


@pytest.mark.parametrize(
    ("word", "off"), [("cancel", 1), ("no_restock", None), ("return", None), ("legacy_restock", None)]
)
def test_units_that_were_never_shipped_are_back_on_sale_at_the_shop_where_it_says_so(
    payload: dict[str, Any], order_of: Reader, word: str, off: int | None
) -> None:
    back = [{"line_item_id": 466157049, "quantity": 1, "restock_type": word}]

    order = order_of(
        payload | {"cancelled_at": "2026-06-02T10:00:00Z", "refunds": [{"id": 1, "refund_line_items": back}]}
    )

    assert [line.channel_lowered for line in order.lines] == [off, None]


def test_a_cancelled_order_holds_no_open_unit(payload: dict[str, Any], order_of: Reader) -> None:
    order = order_of(payload | {"cancelled_at": "2026-06-02T10:00:00Z", "cancel_reason": "inventory"})

    assert (order.cancelled, order.channel_status, order.cancel_reason) == (True, "cancelled", "inventory")
    assert [line.quantity_open for line in order.lines] == [0, 0]


def test_a_refund_is_what_its_transactions_paid_out(payload: dict[str, Any], order_of: Reader) -> None:
    transactions = [
        {"kind": "refund", "status": "success", "amount": "20.00", "currency": "EUR"},
        {"kind": "refund", "status": "failure", "amount": "99.00", "currency": "EUR"},
    ]

    order = order_of(payload | {"refunds": [{"id": 1, "transactions": transactions}]})

    assert order.refunded_total is not None
    assert order.refunded_total.amount == Decimal("20.00")


def test_parts_of_a_bundle_name_it(payload: dict[str, Any], order_of: Reader) -> None:
    payload["line_items"][0]["sales_line_item_group_id"] = 77

    mug, _ = order_of(payload | {"line_item_groups": [{"id": 77, "title": "Breakfast set"}]}).lines

    assert (mug.bundle_line_id, mug.bundle_title, mug.bundle_exploded) == ("77", "Breakfast set", True)


@pytest.mark.parametrize(
    ("told", "tracked"),
    [
        ({"variant_inventory_management": "shopify"}, True),
        ({"variant_inventory_management": None}, False),
        ({"variant_inventory_management": None, "product_exists": False}, None),
        ({"variant_inventory_management": None, "variant_id": None}, None),
    ],
)
def test_whether_a_variant_is_counted(
    payload: dict[str, Any], order_of: Reader, told: dict[str, Any], tracked: bool | None
) -> None:
    payload["line_items"][0] |= told

    assert order_of(payload).lines[0].tracked is tracked


def test_whether_a_variant_is_counted_may_not_be_told(payload: dict[str, Any], order_of: Reader) -> None:
    del payload["line_items"][0]["variant_inventory_management"]

    assert order_of(payload).lines[0].tracked is None


@pytest.mark.parametrize(
    ("source", "meaning"),
    [("pos", Source.POINT_OF_SALE), ("shopify_draft_order", Source.STAFF), ("755357713", Source.ONLINE)],
)
def test_where_an_order_was_made(
    payload: dict[str, Any], order_of: Reader, source: str, meaning: Source
) -> None:
    assert order_of(payload | {"source_name": source}).source is meaning


def test_an_order_with_little_in_it_is_still_an_order(order_of: Reader) -> None:
    line = {"id": 1, "sku": "MUG", "quantity": 2, "price": "9.99"}

    order = order_of({"id": 5, "currency": "EUR", "total_price": "19.98", "line_items": [line]})

    assert (order.holds, order.lines[0].sku, order.lines[0].quantity) == ((), "MUG", 2)


def test_amounts_may_be_numbers_and_ids_may_be_global(payload: dict[str, Any], order_of: Reader) -> None:
    payload["line_items"][0] |= {"id": "gid://shopify/LineItem/466157049", "price": Decimal("25.0")}

    order = order_of(payload | {"id": "gid://shopify/Order/42", "total_price": Decimal("67.4")})

    assert (order.channel_order_id, order.lines[0].line_id, order.holds) == ("42", "466157049", ())


def test_a_line_without_an_id_is_named_by_its_place_and_held(
    payload: dict[str, Any], order_of: Reader
) -> None:
    del payload["line_items"][0]["id"]

    order = order_of(payload)

    assert [line.line_id for line in order.lines] == ["1", "518995019"]
    assert [hold.pointer for hold in order.holds] == ["/line_items/0/id"]


@pytest.mark.parametrize("quantity", [-1, True, "2", Decimal("1.5"), None, 10**9])
def test_a_quantity_that_is_none_cannot_be_reserved(payload: dict[str, Any], quantity: Any) -> None:
    payload["line_items"][0]["quantity"] = quantity

    reading = CONNECTOR.read(Delivery("orders/create", {}, encode(payload)), {})

    assert isinstance(reading, Unreadable)
    assert reading.reasons[0].pointer == "/line_items/0/quantity"


def test_a_new_field_is_noticed(payload: dict[str, Any]) -> None:
    payload["line_items"][0]["brand_new"] = 1

    assert "line_items.*.brand_new" in unread_fields(payload, PAYLOAD.reads)
