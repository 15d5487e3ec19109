"""The shop writes as the real store did when it was recorded: same keys, amounts and headers."""

from __future__ import annotations

from typing import Any

import pytest
from woo_sim_recordings import decoded, exchanges, keys, named, needs_recordings
from woo_sim_rig import Clock, Hub, Rest

from simulators.courier import Courier
from simulators.woocommerce import WooCommerceSimulator
from simulators.woocommerce.face import encode

pytestmark = needs_recordings


async def test_a_list_has_the_headers_of_the_real_one(shop: WooCommerceSimulator, rest: Rest) -> None:
    for _ in range(8):
        shop.checkout([("POSTER", 1)])
    path = "orders?per_page=5&page=1&orderby=id&order=asc&_fields=id%2Cstatus"
    recorded = dict(exchanges("rest-orders-list-paging")[0]["response"]["headers"])

    _, _, headers = await rest("GET", path)

    assert named(headers) == named(recorded)
    assert headers["Content-Type"] == recorded["Content-Type"]
    assert headers["Allow"] == recorded["Allow"]


def of_checkout() -> dict[str, Any]:
    body: dict[str, Any] = decoded(exchanges("order-block-checkout-store-api")[-1]["response"]["body"])
    return body


def test_an_order_from_the_checkout_has_exactly_the_keys_of_a_real_one(shop: WooCommerceSimulator) -> None:
    order = shop.checkout(
        [("MUG", 2), ("SHIRT-S", 1)], coupon="welcome10", note="Klingel defekt", payment_method="cod"
    )
    assert order is not None

    ours, theirs = shop.order_payload(order), of_checkout()

    assert keys(ours) == keys(theirs)
    assert list(ours) == list(theirs)
    assert {row["key"] for row in ours["meta_data"]} == {row["key"] for row in theirs["meta_data"]}


def test_the_amounts_of_the_recorded_checkout_come_out_to_the_cent(shop: WooCommerceSimulator) -> None:
    order = shop.checkout([("MUG", 2), ("SHIRT-S", 1)], coupon="welcome10", payment_method="cod")
    assert order is not None
    ours, theirs = shop.order_payload(order), of_checkout()
    sums = [
        name for name, value in theirs.items() if name.endswith(("total", "_tax")) and isinstance(value, str)
    ]
    amounts = ("subtotal", "subtotal_tax", "total", "total_tax", "price", "quantity")

    assert {name: ours[name] for name in sums} == {name: theirs[name] for name in sums}
    assert [[line[name] for name in amounts] for line in ours["line_items"]] == [
        [line[name] for name in amounts] for line in theirs["line_items"]
    ]
    assert [(line["discount"], line["discount_tax"]) for line in ours["coupon_lines"]] == [("4.26", "0.81")]


@pytest.mark.parametrize("name", ["order-refund-full", "order-cod-set-paid-becomes-completed", "order-notes"])
async def test_an_order_posted_as_recorded_has_exactly_the_keys_of_the_real_answer(
    shop: WooCommerceSimulator, rest: Rest, name: str
) -> None:
    recorded = exchanges(name)[0]
    body = decoded(recorded["request"]["body"])
    mug = shop.catalogue.find("MUG").product_id
    for line in body["line_items"]:
        line["product_id"] = mug

    status, answer, headers = await rest("POST", "orders", body)

    theirs = decoded(recorded["response"]["body"])
    assert status == 201
    assert keys(answer) == keys(theirs)
    assert answer["status"] == theirs["status"]
    assert "Location" in headers


async def test_a_refund_has_exactly_the_keys_of_a_real_one(shop: WooCommerceSimulator, rest: Rest) -> None:
    order = shop.checkout([("MUG", 2)])
    assert order is not None
    items = [
        {"id": item, "quantity": 1, "refund_total": "1.00", "refund_tax": [{"id": 1, "refund_total": "0.19"}]}
        for item in (order.lines[0].item_id, order.shipping_lines[0].item_id)
    ]
    body = {"api_refund": False, "reason": "r", "line_items": items}

    _, refund, _ = await rest("POST", f"orders/{order.order_id}/refunds", body)

    theirs = decoded(exchanges("order-refund-full")[7]["response"]["body"])
    assert keys(refund) == keys(theirs)


async def test_products_and_variations_have_exactly_the_keys_of_real_ones(
    shop: WooCommerceSimulator, rest: Rest
) -> None:
    recorded = exchanges("rest-stock-writes")
    mug, shirt = shop.catalogue.find("MUG").product_id, shop.catalogue.find("SHIRT").product_id
    small = shop.catalogue.find("SHIRT-S").product_id

    answers = {
        1: await rest("PUT", f"products/{mug}", {"stock_quantity": 42}),
        12: await rest("PUT", f"products/{shirt}", {"stock_quantity": 7}),
        14: await rest("PUT", f"products/{shirt}/variations/{small}", {"stock_quantity": 6}),
    }

    for number, (_, ours, _) in answers.items():
        theirs = decoded(recorded[number]["response"]["body"])
        assert keys(ours) == keys(theirs)


async def test_webhook_bodies_and_headers_are_those_of_real_deliveries(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub
) -> None:
    for topic in ("order.created", "product.updated"):
        shop.subscribe(topic, hub.url)

    shop.checkout([("MUG", 2), ("SHIRT-S", 1)], coupon="welcome10")
    await courier.settled()

    recorded = [
        item for item in exchanges("order-block-checkout-store-api") if item["direction"] == "store_to_hub"
    ]
    real = [(dict(item["request"]["headers"]), item["request"]["body"]) for item in recorded]
    ours = {decoded(body.decode()).get("type", "order"): (headers, body) for headers, body in hub.received}
    for headers, body in real:
        mine, content = ours[decoded(body).get("type", "order")]
        assert keys(decoded(content.decode())) == keys(decoded(body))
        assert named(mine) == named(headers)


async def test_a_webhook_has_exactly_the_keys_of_a_real_one(hub: Hub, rest: Rest) -> None:
    recorded = exchanges("webhook-register-and-ping")[0]
    body = decoded(recorded["request"]["body"]) | {"delivery_url": hub.url}

    _, hook, _ = await rest("POST", "webhooks", body)

    theirs = decoded(recorded["response"]["body"])
    assert keys(hook) == keys(theirs)
    assert hook["hooks"] == theirs["hooks"]


def test_our_json_is_byte_for_byte_what_the_real_store_writes() -> None:
    for item in exchanges("order-block-checkout-store-api"):
        if item["direction"] == "store_to_hub":
            body = item["request"]["body"]

            assert encode(decoded(body)) == body.encode()


async def test_time_filters_find_what_they_found_on_the_real_store(
    shop: WooCommerceSimulator, clock: Clock, rest: Rest
) -> None:
    recorded = exchanges("rest-orders-modified-after")
    changed = decoded(recorded[0]["response"]["body"])["date_modified_gmt"]
    clock.at = clock.at.fromisoformat(f"{changed}+00:00")
    shop.checkout([("POSTER", 1)])

    for item in recorded[1:11]:
        query = item["request"]["target"].partition("?")[2]
        first = decoded(item["response"]["body"])[:1]
        status, ours, _ = await rest("GET", f"orders?{query}")

        assert status == 200
        assert bool(ours) is bool(first), query
