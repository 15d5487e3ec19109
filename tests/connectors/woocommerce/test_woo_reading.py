"""What a WooCommerce order says, in canonical words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.woocommerce import CONNECTOR
from connectors.woocommerce.reading import MAPPING
from core.connector import Delivery, Notice, OrderRead, Unreadable
from core.flow import decode, encode
from core.model.order import Order, PaymentStatus, Source
from mappings.engine import unread_fields

PAYLOAD = Path(__file__).parent / "payloads" / "order.json"
Read = Callable[..., Order]


def test_an_order_is_read_whole(payload: dict[str, Any], order_of: Read) -> None:
    order = order_of(payload)

    assert (order.channel_order_id, order.order_number) == ("9007199254740995", "W-2041")
    assert order.placed_at == datetime(2026, 11, 20, 9, 15, tzinfo=UTC)
    assert (order.payment_status, order.source) == (PaymentStatus.PAID, Source.ONLINE)
    assert order.customer is not None
    assert (order.customer.channel_customer_id, order.customer.name) == (None, "Mia Sommer")
    assert order.shipping_address is not None
    assert (order.shipping_address.region_code, order.shipping_address.phone) == ("NW", None)
    assert [(tax.kind, tax.value) for tax in order.tax_ids] == [("vat_number", "DE999999999")]
    assert [payment.reference for payment in order.payments] == ["ch_31"]
    assert order.holds == ()


def test_a_line_tells_what_was_bought_and_how_it_was_personalised(
    payload: dict[str, Any], order_of: Read
) -> None:
    mug, tea = order_of(payload).lines

    assert (mug.channel_item_id, mug.channel_product_id, mug.sku, mug.quantity) == ("34", "30", "MUG-B", 3)
    assert (mug.title, mug.variant_title) == ("Mug - Blue", "Blue")
    assert [(p.name, p.value) for p in mug.properties] == [("Colour", "Blue"), ("Engraving", "Lena & Jo")]
    assert (tea.channel_item_id, tea.sku, tea.title) == ("31", None, "Tea & Toast")


def test_amounts_are_net_and_never_taken_from_the_float_price(
    payload: dict[str, Any], order_of: Read
) -> None:
    order = order_of(payload)

    mug = order.lines[0]
    assert mug.unit_price is not None
    assert mug.unit_price.amount == Decimal("6.666667")
    assert order.subtotal is not None
    assert order.subtotal.amount == Decimal("40.00")
    assert order.taxes[0].amount is not None
    assert order.taxes[0].amount.amount == Decimal("7.45")
    assert order.prices_include_tax is False
    assert "amount_mismatch" not in order.flags


def test_every_field_of_a_payload_is_read_or_ignored_on_purpose(payload: dict[str, Any]) -> None:
    payload["brand_new_field"] = {"a": 1}

    assert unread_fields(payload, MAPPING.reads) == ["brand_new_field.a"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": "pending", "date_paid_gmt": None}, PaymentStatus.PENDING),
        ({"status": "on-hold", "date_paid_gmt": None}, PaymentStatus.PENDING),
        ({"status": "processing"}, PaymentStatus.PAID),
        ({"status": "processing", "payment_method": "cod", "date_paid_gmt": None}, PaymentStatus.AUTHORIZED),
        ({"status": "completed"}, PaymentStatus.PAID),
        ({"status": "cancelled", "date_paid_gmt": None}, PaymentStatus.VOIDED),
        ({"status": "cancelled"}, PaymentStatus.PAID),
        ({"status": "refunded"}, PaymentStatus.REFUNDED),
        ({"status": "failed"}, PaymentStatus.FAILED),
        ({"refunds": [{"id": 1, "reason": "", "total": "-6.65"}]}, PaymentStatus.PARTIALLY_REFUNDED),
        ({"refunds": [{"id": 1, "reason": "", "total": "-46.65"}]}, PaymentStatus.REFUNDED),
    ],
)
def test_the_payment_status_follows_status_payment_and_refunds(
    payload: dict[str, Any], order_of: Read, change: dict[str, Any], expected: PaymentStatus
) -> None:
    assert order_of(payload | change).payment_status is expected


def test_a_status_of_a_plugin_holds_the_order_and_keeps_the_units(
    payload: dict[str, Any], order_of: Read
) -> None:
    order = order_of(payload | {"status": "packing-slip"})

    assert order.payment_status is None
    assert [(hold.code, hold.pointer) for hold in order.holds] == [("unmapped_value", "/status")]
    assert [line.quantity_open for line in order.lines] == [3, 1]


def test_the_merchant_says_what_a_plugins_status_means(payload: dict[str, Any], order_of: Read) -> None:
    order = order_of(payload | {"status": "packing-slip"}, {"payment_status": {"packing-slip": "paid"}})

    assert (order.payment_status, order.holds) == (PaymentStatus.PAID, ())


def test_a_word_of_the_merchant_that_means_nothing_holds_the_order(
    payload: dict[str, Any], order_of: Read
) -> None:
    order = order_of(payload | {"status": "packing-slip"}, {"payment_status": {"packing-slip": "payed"}})

    assert order.payment_status is None
    assert [hold.code for hold in order.holds] == ["unmapped_value"]


@pytest.mark.parametrize(
    ("change", "fulfilled", "cancelled"),
    [
        ({"status": "processing"}, [0, 0], [0, 0]),
        ({"status": "completed", "date_completed_gmt": "2026-11-21T00:00:00"}, [3, 1], [0, 0]),
        ({"status": "cancelled"}, [0, 0], [3, 1]),
        ({"status": "trash"}, [0, 0], [3, 1]),
        ({"status": "refunded"}, [0, 0], [3, 1]),
        ({"status": "refunded", "date_completed_gmt": "2026-11-21T00:00:00"}, [3, 1], [0, 0]),
    ],
)
def test_quantities_say_what_became_of_the_units(
    payload: dict[str, Any],
    order_of: Read,
    change: dict[str, Any],
    fulfilled: list[int],
    cancelled: list[int],
) -> None:
    order = order_of(payload | change)

    assert [line.quantity_fulfilled for line in order.lines] == fulfilled
    assert [line.quantity_cancelled for line in order.lines] == cancelled


def test_the_order_itself_tells_whether_the_shop_has_taken_its_units(
    payload: dict[str, Any], order_of: Read
) -> None:
    still_taken = order_of(payload | {"status": "failed"})
    payload["line_items"][0]["meta_data"][2]["value"] = "0"
    given_back = order_of(payload | {"status": "refunded"})
    for line in payload["line_items"]:
        line["meta_data"] = []
    silent = {status: order_of(payload | {"status": status}) for status in ("on-hold", "pending", "made-up")}

    assert still_taken.channel_lowered_stock
    assert not given_back.channel_lowered_stock
    assert {status: order.channel_lowered_stock for status, order in silent.items()} == {
        "on-hold": True,
        "pending": False,
        "made-up": False,
    }


def test_each_line_tells_how_many_of_its_units_the_shop_has_off_its_count(
    payload: dict[str, Any], order_of: Read
) -> None:
    whole = order_of(payload)
    payload["line_items"][0]["meta_data"][2]["value"] = "1"
    part = order_of(payload)
    payload["line_items"][0]["meta_data"][2]["value"] = "1.5"
    torn = order_of(payload)
    payload["line_items"][0]["meta_data"][2]["value"] = "many"
    odd = order_of(payload)

    told = [order.lines[0].channel_lowered for order in (whole, part, torn, odd)]
    assert told == [3, 1, 2, None]
    assert part.channel_lowered_stock


def test_a_trashed_order_is_cancelled_and_marked(payload: dict[str, Any], order_of: Read) -> None:
    order = order_of(payload | {"status": "trash"})

    assert (order.cancelled, order.flags) == (True, ("trashed",))


@pytest.mark.parametrize(
    ("change", "source"),
    [
        ({"status": "checkout-draft"}, Source.DRAFT),
        ({"created_via": "pos-rest-api"}, Source.POINT_OF_SALE),
        ({"created_via": "admin"}, Source.STAFF),
        ({"created_via": "store-api"}, Source.ONLINE),
        ({"created_via": None}, Source.ONLINE),
    ],
)
def test_the_source_is_where_the_order_was_made(
    payload: dict[str, Any], order_of: Read, change: dict[str, Any], source: Source
) -> None:
    assert order_of(payload | change).source is source


def test_a_bundles_parts_point_to_it_and_the_bundle_itself_takes_no_stock(
    payload: dict[str, Any], order_of: Read
) -> None:
    box, tea = payload["line_items"]
    box |= {"bundled_by": "", "bundled_items": [72], "meta_data": []}
    tea |= {"bundled_by": 71, "bundled_items": []}

    container, part = order_of(payload).lines

    assert (container.bundle_exploded, container.bundle_line_id, container.tracked) == (True, None, False)
    assert (part.bundle_exploded, part.bundle_line_id, part.bundle_title) == (True, "71", "Mug - Blue")


def test_bundles_of_old_plugin_versions_are_known_by_their_meta_data(
    payload: dict[str, Any], order_of: Read
) -> None:
    box, tea = payload["line_items"]
    box["meta_data"] = [{"key": "_bundle_cart_key", "value": "c0ffee"}]
    tea["meta_data"] = [{"key": "_bundled_by", "value": "c0ffee"}]

    assert [line.bundle_line_id for line in order_of(payload).lines] == [None, "71"]


def test_a_parcel_locker_and_the_post_number_reach_the_carrier(
    payload: dict[str, Any], order_of: Read
) -> None:
    payload["meta_data"] = [
        {"key": "_pickup_location_code", "value": "dhl_145"},
        {"key": "_pickup_location_customer_number", "value": "12345678"},
        {"key": "_pickup_location_address", "value": {"address_1": "Packstation 145", "postcode": "53113"}},
    ]

    point = order_of(payload).pickup_point

    assert point is not None
    assert (point.point_id, point.kind) == ("dhl_145", "parcel_point")
    assert point.address is not None
    assert (point.address.line1, point.address.line2) == ("Packstation 145", "12345678")


def test_pickup_in_the_shop_is_told(payload: dict[str, Any], order_of: Read) -> None:
    payload["shipping_lines"][0] |= {
        "method_id": "pickup_location",
        "meta_data": [{"key": "pickup_location", "value": "Shop Bonn"}],
    }

    point = order_of(payload).pickup_point

    assert point is not None
    assert (point.kind, point.name) == ("store", "Shop Bonn")


def test_what_a_gift_card_paid_is_not_missing_from_the_total(payload: dict[str, Any], order_of: Read) -> None:
    order = order_of(
        payload | {"total": "26.65", "gift_cards": [{"id": 4, "code": "NZR8-MBP8-XJZ2-ZKS9", "amount": 20}]}
    )

    assert order.flags == ()
    assert [card.last_characters for card in order.gift_cards] == ["ZKS9"]


def test_rounded_parts_are_settled_and_a_real_gap_is_flagged(payload: dict[str, Any], order_of: Read) -> None:
    rounded = order_of(payload | {"total": "46.66"})
    wrong = order_of(payload | {"total": "47.65"})

    assert rounded.rounding is not None
    assert (rounded.rounding.amount, rounded.flags) == (Decimal("0.01"), ())
    assert "amount_mismatch" in wrong.flags


def test_yen_are_read_in_a_shop_with_two_decimals(payload: dict[str, Any], order_of: Read) -> None:
    line = payload["line_items"][0] | {"quantity": 1, "subtotal": "6577.27", "total": "6577.27"}

    order = order_of(
        payload
        | {
            "currency": "JPY", "total": "7235.00", "total_tax": "657.73", "discount_total": "0.00",
            "shipping_total": "0.00", "line_items": [line], "shipping_lines": [], "coupon_lines": [],
        }
    )  # fmt: skip

    assert order.total is not None
    assert (str(order.total.amount), order.holds) == ("7235.00", ())


def test_an_unknown_currency_is_told_once_and_the_units_are_kept(
    payload: dict[str, Any], order_of: Read
) -> None:
    order = order_of(payload | {"currency": "BTC"})

    assert [(hold.code, hold.pointer) for hold in order.holds] == [("invalid_value", "/currency")]
    assert [line.quantity for line in order.lines] == [3, 1]


def test_goods_sold_by_the_metre_reserve_whole_units_and_a_person_looks(
    payload: dict[str, Any], order_of: Read
) -> None:
    payload["line_items"][1]["quantity"] = Decimal("1.5")

    order = order_of(payload)

    assert [(line.quantity, line.units) for line in order.lines] == [(3, 3), (Decimal("1.5"), 2)]
    assert [hold.pointer for hold in order.holds] == ["/line_items/1/quantity"]


@pytest.mark.parametrize(
    "change",
    [
        {"billing": None, "shipping": None},
        {"billing": [], "shipping": []},
        {"billing": {"first_name": None, "country": None}},
        {"meta_data": None},
        {"meta_data": {"3": {"key": "a", "value": {"b": [1]}}}},
        {"refunds": None, "coupon_lines": {}, "fee_lines": "", "tax_lines": None},
        {"total": 46.65, "discount_total": 5, "shipping_total": Decimal("4.2")},
        {"id": "9007199254740995", "customer_id": "0"},
        {"needs_payment": False, "is_editable": True},
    ],
)
def test_odd_spellings_of_plugins_and_php_change_nothing(
    payload: dict[str, Any], order_of: Read, change: dict[str, Any]
) -> None:
    change = {
        key: Decimal(str(value)) if isinstance(value, float) else value for key, value in change.items()
    }

    order = order_of(payload | change)

    assert order.holds == ()
    assert order.channel_order_id == "9007199254740995"


def test_quantities_and_lists_written_the_php_way_are_understood(
    payload: dict[str, Any], order_of: Read
) -> None:
    mug, tea = payload["line_items"]
    payload["line_items"] = {
        "0": mug | {"quantity": "3", "meta_data": None},
        "2": tea | {"image": {"id": ""}},
    }

    assert [line.quantity for line in order_of(payload).lines] == [3, 1]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        found += [place for key, item in value.items() for place in _places(item, (*path, key))]
    if isinstance(value, list):
        found += [place for index, item in enumerate(value) for place in _places(item, (*path, index))]
    return found


_ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=30),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from([[], {}, [None], [[]], {"a": 1}, "0", "-1", "1e5", "\x00", "\ud800", "&lt;",
                     "2026-13-01T00:00:00"]),
)  # fmt: skip


@given(data=st.data())
def test_no_payload_makes_reading_raise(data: st.DataObject) -> None:
    payload = decode(PAYLOAD.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(_places(payload)))
        parent = payload
        for step in path:
            parent = parent[step]
        parent[last] = data.draw(_ODD)

    topic = data.draw(
        st.sampled_from(["order.updated", "pull/order", "order.deleted", "action.woocommerce_x"])
    )
    reading = CONNECTOR.read(Delivery(topic, {}, encode(payload)), {})

    assert isinstance(reading, OrderRead | Notice | Unreadable)


@given(
    body=st.binary(max_size=200),
    topic=st.sampled_from(["order.created", "product.updated", "pull/missing", "x"]),
)
def test_no_bytes_make_reading_raise(body: bytes, topic: str) -> None:
    assert isinstance(CONNECTOR.read(Delivery(topic, {}, body), {}), Notice | Unreadable)
