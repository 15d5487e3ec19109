"""Writing counts over REST: what is taken, refused, and silently ignored."""

from __future__ import annotations

from typing import Any

import pytest
from woo_sim_rig import Rest

from simulators.woocommerce import WooCommerceSimulator


@pytest.mark.parametrize(("sent", "kept"), [(42, 42), ("43", 43), (-3, -3), (None, 0)])
async def test_a_whole_number_is_kept(shop: WooCommerceSimulator, rest: Rest, sent: Any, kept: int) -> None:
    mug = shop.catalogue.find("MUG")

    _, body, _ = await rest("PUT", f"products/{mug.product_id}", {"stock_quantity": sent})

    assert body["stock_quantity"] == kept
    assert body["stock_status"] == ("instock" if kept > 0 else "outofstock")
    assert [(write.before, write.after) for write in shop.books.stock_writes] == [(5, kept)]


@pytest.mark.parametrize("sent", [44.5, "abc"])
async def test_anything_else_is_refused(shop: WooCommerceSimulator, rest: Rest, sent: Any) -> None:
    mug = shop.catalogue.find("MUG")

    status, body, _ = await rest("PUT", f"products/{mug.product_id}", {"stock_quantity": sent})

    assert (status, body["data"]["details"]["stock_quantity"]["code"]) == (400, "rest_invalid_type")
    assert mug.stock_quantity == 5


@pytest.mark.parametrize("sku", ["POSTER", "SHIRT"])
async def test_an_uncounted_product_ignores_the_count(
    shop: WooCommerceSimulator, rest: Rest, sku: str
) -> None:
    status, body, _ = await rest(
        "PUT",
        f"products/{shop.catalogue.find(sku).product_id}",
        {"stock_quantity": 7, "stock_status": "outofstock"},
    )

    assert (status, body["manage_stock"], body["stock_quantity"]) == (200, False, None)
    assert not shop.books.stock_writes


async def test_a_variation_counted_at_the_parent_ignores_the_count(
    shop: WooCommerceSimulator, rest: Rest
) -> None:
    parent, red = shop.catalogue.find("SOCK"), shop.catalogue.find("SOCK-RED")

    status, body, _ = await rest(
        "PUT", f"products/{parent.product_id}/variations/{red.product_id}", {"stock_quantity": 99}
    )

    assert (status, body["manage_stock"], body["stock_quantity"]) == (200, "parent", 10)


async def test_variations_are_written_under_their_parent_only(shop: WooCommerceSimulator, rest: Rest) -> None:
    parent, small = shop.catalogue.find("SHIRT"), shop.catalogue.find("SHIRT-S")

    wrong, refusal, _ = await rest("PUT", f"products/{small.product_id}", {"stock_quantity": 9})
    right, body, _ = await rest(
        "PUT", f"products/{parent.product_id}/variations/{small.product_id}", {"stock_quantity": 9}
    )

    assert (wrong, refusal["code"]) == (404, "woocommerce_rest_invalid_product_id")
    assert "&lt;product_id&gt;" in refusal["message"]
    assert (right, body["stock_quantity"]) == (200, 9)


async def test_a_batch_answers_200_with_each_error_in_its_place(
    shop: WooCommerceSimulator, rest: Rest
) -> None:
    mug, small = shop.catalogue.find("MUG").product_id, shop.catalogue.find("SHIRT-S").product_id

    status, body, _ = await rest(
        "POST",
        "products/batch",
        {
            "update": [
                {"id": 999999, "stock_quantity": 1},
                {"id": mug, "stock_quantity": "x"},
                {"id": small, "stock_quantity": 1},
                {"sku": "MUG", "stock_quantity": 1},
            ]
        },
    )

    assert status == 200
    assert [item.get("error", {}).get("data", {}).get("status") for item in body["update"]] == [
        400,
        None,
        404,
        400,
    ]
    assert body["update"][1]["stock_quantity"] == 0


async def test_a_batch_of_101_is_too_large(rest: Rest) -> None:
    status, body, _ = await rest("POST", "products/batch", {"update": [{"id": 11}] * 101})

    assert (status, body["code"]) == (413, "woocommerce_rest_request_entity_too_large")


async def test_a_sku_finds_variations_that_lists_leave_out(shop: WooCommerceSimulator, rest: Rest) -> None:
    small = shop.catalogue.find("SHIRT-S")

    _, found, _ = await rest("GET", "products", sku="SHIRT-S")
    _, listed, headers = await rest("GET", "products", _fields="sku", orderby="id", order="asc")
    _, sizes, _ = await rest("GET", f"products/{small.parent and small.parent.product_id}/variations")

    assert [(item["id"], item["type"]) for item in found] == [(small.product_id, "variation")]
    assert listed == [{"sku": "MUG"}, {"sku": "POSTER"}, {"sku": "SHIRT"}, {"sku": "SOCK"}]
    assert headers["X-WP-Total"] == "4"
    assert {size["sku"] for size in sizes} == {"SHIRT-S", "SHIRT-L"}


async def test_a_taken_sku_is_refused(shop: WooCommerceSimulator, rest: Rest) -> None:
    status, body, _ = await rest("POST", "products", {"name": "Twice", "sku": "MUG"})

    assert (status, body["code"]) == (400, "product_invalid_sku")
    assert body["data"]["resource_id"] == shop.catalogue.find("MUG").product_id
