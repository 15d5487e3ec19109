"""What a WooCommerce shop lists, and writing its stock."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.woocommerce import CONNECTOR
from core.errors import ChannelError, ErrorCode
from core.flow import Request, Response, decode, encode, rehearse
from core.model.inventory import ListingSeen, StockWrite, StockWritten


def product(**more: Any) -> dict[str, Any]:
    return {
        "id": 11,
        "type": "simple",
        "name": "Mug",
        "sku": "MUG",
        "manage_stock": True,
        "stock_quantity": 5,
    } | more


def listed(*answers: list[dict[str, Any]]) -> tuple[ListingSeen, ...]:
    bodies = [Response(200, body=encode(answer)) for answer in answers]
    page, _ = rehearse(CONNECTOR.pull_catalog(None), bodies, CONNECTOR.classify)
    return page.listings


def test_a_simple_product_is_one_listing_with_its_count() -> None:
    (mug,) = listed([product(global_unique_id="4006381333931")])

    assert (mug.channel_item_id, mug.channel_stock_id, mug.sku, mug.gtin) == (
        "11",
        "11",
        "MUG",
        "4006381333931",
    )
    assert (mug.tracked, [level.quantity for level in mug.levels]) == (True, [5])


def test_variations_are_listed_below_their_product() -> None:
    shirt = product(
        id=20, type="variable", name="Shirt", sku="SHIRT", manage_stock=False, variations=[21, 22]
    )
    small = product(id=21, type="variation", sku="SHIRT-S", attributes=[{"name": "Size", "option": "S"}])
    large = product(id=22, type="variation", sku="SHIRT", attributes=[{"name": "Size", "option": "L"}])

    seen = listed([shirt], [small, large])

    assert [item.channel_stock_id for item in seen] == ["20/21", "20/22"]
    assert [item.channel_item_id for item in seen] == ["21", "22"]
    assert [item.title for item in seen] == ["Shirt - S", "Shirt - L"]
    assert [item.sku for item in seen] == ["SHIRT-S", None]


def test_variations_that_share_their_products_count_are_not_tracked_but_the_product_is() -> None:
    socks = product(id=30, type="variable", sku="SOCK", variations=[31])
    pair = product(id=31, type="variation", sku="SOCK", manage_stock="parent", stock_quantity=5)

    parent, child = listed([socks], [pair])

    assert (parent.channel_stock_id, parent.tracked) == ("30", True)
    assert (child.channel_stock_id, child.tracked, child.sku, child.levels) == ("30/31", False, "SOCK", ())


@pytest.mark.parametrize("kind", ["grouped", "bundle", "composite"])
def test_what_is_made_of_other_products_is_a_bundle_without_a_count(kind: str) -> None:
    (box,) = listed([product(type=kind)])

    assert (box.bundle, box.tracked) == (True, False)


def test_untracked_and_external_products_have_no_count_and_a_blank_sku_is_none() -> None:
    poster, elsewhere = listed([product(manage_stock=False, sku=""), product(id=12, type="external")])

    assert (poster.tracked, poster.sku, poster.levels) == (False, None, ())
    assert (elsewhere.tracked, elsewhere.bundle) == (False, False)


def test_the_catalogue_goes_on_while_pages_are_full() -> None:
    full = Response(200, body=encode([product(id=i) for i in range(1, 101)]))

    page, asked = rehearse(CONNECTOR.pull_catalog("3"), [full], CONNECTOR.classify)

    assert page.next_cursor == "4"
    assert dict(asked[0].query)["page"] == "3"


def wanted(stock_id: str, desired: int, **more: Any) -> StockWrite:
    return StockWrite(channel_stock_id=stock_id, desired=desired, key="k", **more)


def pushed(writes: list[StockWrite], *answers: Any) -> tuple[tuple[StockWritten, ...], list[Request]]:
    bodies = [a if isinstance(a, Response) else Response(200, body=encode(a)) for a in answers]
    return rehearse(CONNECTOR.push_stock(writes), bodies, CONNECTOR.classify)


def test_the_live_count_is_read_first_and_unseen_sales_are_left_sold() -> None:
    (outcome,), asked = pushed(
        [wanted("11", 8, predicted=10)], [product(stock_quantity=9)], {"update": [product(stock_quantity=7)]}
    )

    assert [(request.method, request.path) for request in asked] == [
        ("GET", "/wp-json/wc/v3/products"),
        ("POST", "/wp-json/wc/v3/products/batch"),
    ]
    assert decode(asked[1].body or b"") == {"update": [{"id": 11, "stock_quantity": 7}]}
    assert ("Content-Type", "application/json") in asked[1].headers
    assert [request.reads for request in asked] == [True, False]
    assert (outcome.written, outcome.unseen, outcome.error) == (7, 1, None)


def test_nothing_is_written_where_the_count_is_right_already() -> None:
    (outcome,), asked = pushed([wanted("11", 5, predicted=5)], [product()])

    assert len(asked) == 1
    assert (outcome.written, outcome.unseen) == (5, 0)


def test_variations_are_written_below_their_product() -> None:
    outcomes, asked = pushed(
        [wanted("20/21", 3), wanted("20/22", 4), wanted("11", 6)],
        [product(id=21), product(id=22)],
        {"update": [product(id=21, stock_quantity=3), product(id=22, stock_quantity=4)]},
        [product()],
        {"update": [product(stock_quantity=6)]},
    )

    assert [request.path.removeprefix("/wp-json/wc/v3") for request in asked] == [
        "/products/20/variations",
        "/products/20/variations/batch",
        "/products",
        "/products/batch",
    ]
    assert dict(asked[0].query)["include"] == "21,22"
    assert [outcome.written for outcome in outcomes] == [3, 4, 6]


def test_one_bad_item_spoils_no_other() -> None:
    bad = {"id": 12, "error": {"code": "product_x", "message": "No &quot;way&quot;", "data": {"status": 400}}}

    outcomes, _ = pushed(
        [wanted("11", 1), wanted("12", 1), wanted("13", 1), wanted("14", 1), wanted("../x", 1)],
        [product(), product(id=12), product(id=14, manage_stock=False)],
        {"update": [product(stock_quantity=1), bad]},
    )

    assert [outcome.written for outcome in outcomes] == [1, None, None, None, None]
    assert [outcome.error for outcome in outcomes] == [None, "rejected", "not_found", "rejected", "rejected"]
    assert outcomes[1].message == 'No "way" (product_x)'


def test_a_product_that_ignores_the_count_is_told_with_what_to_do() -> None:
    (outcome,), _ = pushed(
        [wanted("11", 1)], [product()], {"update": [product(manage_stock=False, stock_quantity=None)]}
    )

    assert outcome.error == "rejected"
    assert "Stock management" in outcome.message


def test_an_answer_that_leaves_an_item_out_is_unexpected_for_that_item() -> None:
    (outcome,), _ = pushed([wanted("11", 1)], [product()], {"update": []})

    assert outcome.error == "unexpected"


def test_a_shop_that_refuses_at_once_is_raised_with_its_pause() -> None:
    with pytest.raises(ChannelError) as refused:
        pushed([wanted("11", 1)], Response(429, {"retry-after": "9"}, b""))

    assert (refused.value.code, refused.value.retry_after_s) == (ErrorCode.RATE_LIMITED, 9)


def test_a_shop_that_fails_halfway_keeps_what_was_done() -> None:
    outcomes, asked = pushed(
        [wanted("11", 5), wanted("20/21", 3), wanted("30/31", 3)], [product()], Response(503, {}, b"<html>")
    )

    assert len(asked) == 2
    assert [outcome.written for outcome in outcomes] == [5, None, None]
    assert [outcome.error for outcome in outcomes] == [None, "unavailable", "unavailable"]


def test_more_than_a_hundred_items_go_in_several_batches_and_no_item_twice_in_one() -> None:
    writes = [wanted(str(i), 5) for i in range(1, 151)] + [wanted("150", 5)]
    live = [
        [product(id=i) for i in range(1, 101)],
        [product(id=i) for i in range(101, 151)],
        [product(id=150)],
    ]

    outcomes, asked = pushed(writes, *live)

    assert len(asked) == 3
    assert all(outcome.written == 5 for outcome in outcomes)


def test_the_same_call_asks_the_same(payload: dict[str, Any]) -> None:
    first = pushed([wanted("11", 8)], [product()], {"update": [product(stock_quantity=8)]})
    second = pushed([wanted("11", 8)], [product()], {"update": [product(stock_quantity=8)]})

    assert first == second
