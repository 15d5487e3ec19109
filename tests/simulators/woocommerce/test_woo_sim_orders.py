"""Writing orders, notes and refunds over REST."""

from __future__ import annotations

from typing import Any

import pytest
from woo_sim_rig import Clock, Hub, Rest

from simulators.woocommerce import SimOrder, WooCommerceSimulator


def bought(shop: WooCommerceSimulator) -> SimOrder:
    order = shop.checkout([("MUG", 2)])
    assert order is not None
    return order


@pytest.mark.parametrize(("method", "status"), [("cod", "completed"), ("stripe", "processing")])
async def test_a_paid_order_by_cash_on_delivery_is_complete_at_once(
    rest: Rest, method: str, status: str
) -> None:
    code, order, _ = await rest("POST", "orders", {"payment_method": method, "set_paid": True})

    assert (code, order["status"]) == (201, status)
    assert order["date_paid_gmt"] == "2026-11-23T17:00:00"
    assert order["date_paid"] == "2026-11-23T18:00:00"


async def test_rest_oversells_and_takes_unknown_products(shop: WooCommerceSimulator, rest: Rest) -> None:
    mug = shop.catalogue.find("MUG")

    _, order, _ = await rest(
        "POST",
        "orders",
        {"set_paid": True, "line_items": [{"sku": "MUG", "quantity": 7}, {"product_id": 999, "quantity": 1}]},
    )

    assert mug.stock_quantity == -2
    assert [(line["product_id"], line["sku"]) for line in order["line_items"]] == [
        (mug.product_id, "MUG"),
        (0, None),
    ]


async def test_the_same_post_twice_makes_two_orders(rest: Rest) -> None:
    first, second = [(await rest("POST", "orders", {}))[1] for _ in range(2)]

    assert first["id"] != second["id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"status": "shipped"}, "rest_invalid_param"),
        ({"billing": {"email": "nowhere"}}, "rest_invalid_param"),
        ({"line_items": "x"}, "rest_invalid_param"),
        ({"line_items": [{"product_id": 11, "quantity": 1.5}]}, "rest_invalid_param"),
        ({"customer_id": 9}, "woocommerce_rest_invalid_customer_id"),
        ({"line_items": [{"id": 424242, "quantity": 1}]}, "woocommerce_rest_invalid_item_id"),
    ],
    ids=str,
)
async def test_a_wrong_field_is_refused_and_changes_nothing(
    shop: WooCommerceSimulator, rest: Rest, body: Any, code: str
) -> None:
    order = bought(shop)
    before = shop.order_payload(order)

    status, answer, _ = await rest("PUT", f"orders/{order.order_id}", body)

    assert (status, answer["code"]) == (400, code)
    assert shop.order_payload(order) == before


async def test_a_batch_is_not_checked(shop: WooCommerceSimulator, rest: Rest) -> None:
    order = bought(shop)

    status, body, _ = await rest(
        "POST", "orders/batch", {"update": [{"id": order.order_id, "status": "nope"}, {"id": 1}]}
    )

    assert (status, body["update"][0]["status"]) == (200, "pending")
    assert body["update"][1]["error"]["code"] == "woocommerce_rest_shop_order_invalid_id"


async def test_meta_goes_by_key_and_read_only_fields_are_ignored(
    shop: WooCommerceSimulator, rest: Rest
) -> None:
    path = f"orders/{bought(shop).order_id}"

    await rest("PUT", path, {"meta_data": [{"key": "tracking", "value": "T1"}]})
    status, order, _ = await rest(
        "PUT", path, {"total": "1.00", "meta_data": [{"key": "tracking", "value": "T2"}]}
    )

    assert status == 200
    assert order["total"] != "1.00"
    assert [row["value"] for row in order["meta_data"] if row["key"] == "tracking"] == ["T2"]


async def test_every_put_moves_the_date_but_a_note_does_not(
    shop: WooCommerceSimulator, clock: Clock, rest: Rest
) -> None:
    path = f"orders/{bought(shop).order_id}"
    clock.tick(10)

    await rest("POST", f"{path}/notes", {"note": "Picked"})
    _, after_note, _ = await rest("GET", path)
    _, after_put, _ = await rest("PUT", path, {})

    assert after_note["date_modified_gmt"] == "2026-11-23T17:00:00"
    assert after_put["date_modified_gmt"] == "2026-11-23T17:00:10"


async def test_notes_come_newest_first(shop: WooCommerceSimulator, rest: Rest) -> None:
    path = f"orders/{bought(shop).order_id}/notes"

    await rest("POST", path, {"note": "Picked <b>ok</b>"})
    await rest("POST", path, {"note": "Shipped", "customer_note": True, "added_by_user": True})
    _, notes, _ = await rest("GET", path)
    _, to_buyer, _ = await rest("GET", path, type="customer")
    missing, refusal, _ = await rest("POST", path, {})

    assert [(note["note"], note["author"]) for note in notes] == [
        ("Shipped", "shopadmin"),
        ("Picked <b>ok</b>", "WooCommerce"),
    ]
    assert len(to_buyer) == 1
    assert (missing, refusal["data"]["params"]) == (400, ["note"])


async def test_a_refund_needs_a_gateway_unless_told_not_to(shop: WooCommerceSimulator, rest: Rest) -> None:
    order = bought(shop)
    path, line = f"orders/{order.order_id}/refunds", order.lines[0]
    item = {
        "id": line.item_id,
        "quantity": 1,
        "refund_total": "10.84",
        "refund_tax": [{"id": 1, "refund_total": "2.06"}],
    }

    no_gateway, refusal, _ = await rest("POST", path, {"amount": "12.90"})
    status, refund, _ = await rest(
        "POST", path, {"amount": "12.90", "api_refund": False, "line_items": [item]}
    )
    too_much, _, _ = await rest("POST", path, {"amount": "999", "api_refund": False})
    _, listed, _ = await rest("GET", path)

    assert (no_gateway, refusal["data"], too_much) == (500, 500, 500)
    assert (status, refund["amount"], refund["line_items"][0]["quantity"]) == (201, "12.90", -1)
    assert listed == [refund]
    assert shop.catalogue.find("MUG").stock_quantity == 4


async def test_an_order_is_trashed_once_and_then_deleted(shop: WooCommerceSimulator, rest: Rest) -> None:
    path = f"orders/{bought(shop).order_id}"

    _, shown, _ = await rest("DELETE", path)
    again, _, _ = await rest("DELETE", path)
    gone, _, _ = await rest("DELETE", path, force="true")
    missing = [(await rest(verb, path, {}))[0] for verb in ("GET", "PUT", "DELETE")]

    assert shown["status"] == "processing"
    assert (again, gone) == (410, 200)
    assert missing == [404, 400, 404]


async def test_an_order_out_of_the_trash_by_status_is_silent(
    shop: WooCommerceSimulator, rest: Rest, hub: Hub
) -> None:
    order = bought(shop)
    shop.trash(order.order_id)
    shop.subscribe("order.updated", hub.url)

    await rest("PUT", f"orders/{order.order_id}", {"status": "processing"})
    await shop.hooks.courier.settled()

    assert order.status == "processing"
    assert hub.received == []
