"""Buyers race for the last units, and the books say what happened."""

from __future__ import annotations

import random

import pytest
from shopify_sim_rig import DOMAIN, Clock

from simulators.courier import Courier
from simulators.shopify import Discount, ShopifySimulator

STOCK = """query($query: String!) { productVariants(first: 1, query: $query) { nodes {
    inventoryItem { inventoryLevels(first: 1) { nodes {
        quantities(names: ["available", "on_hand"]) { quantity } } } } } } }"""


def stock(shop: ShopifySimulator, sku: str) -> tuple[int, int]:
    """What GraphQL says is available and on hand."""
    answer = shop.answer(STOCK, {"query": f"sku:{sku}"})
    [level] = answer["data"]["productVariants"]["nodes"][0]["inventoryItem"]["inventoryLevels"]["nodes"]
    available, on_hand = (one["quantity"] for one in level["quantities"])
    return available, on_hand


def test_the_last_units_are_sold_once(shop: ShopifySimulator) -> None:
    orders = [shop.checkout([("MUG", 2)]) for _ in range(4)]

    assert [order is not None for order in orders] == [True, True, False, False]
    assert stock(shop, "MUG") == (1, 5)
    assert shop.books.sold() == {"MUG": 4}
    assert [(miss.sku, miss.quantity) for miss in shop.books.sold_out] == [("MUG", 2), ("MUG", 2)]


def test_a_basket_is_sold_whole_or_not_at_all(shop: ShopifySimulator) -> None:
    order = shop.checkout([("LAMP", 1), ("MUG", 3), ("MUG", 3)])

    assert order is None
    assert stock(shop, "LAMP") == (50, 50)
    assert [(miss.sku, miss.quantity) for miss in shop.books.sold_out] == [("MUG", 6)]


def test_what_is_not_tracked_never_runs_out(shop: ShopifySimulator) -> None:
    order = shop.checkout([("VOUCHER", 1000)])

    assert order is not None
    assert stock(shop, "VOUCHER") == (0, 0)


def test_a_variant_can_be_named_by_its_ids(shop: ShopifySimulator) -> None:
    lamp = shop.add_variant(sku="LAMP-2", title="Lamp", price="9.99", quantity=9)

    shop.checkout([(str(lamp.variant_id), 1)])
    shop.checkout([(f"gid://shopify/ProductVariant/{lamp.variant_id}", 1)])

    assert lamp.available == 7
    with pytest.raises(LookupError, match="sells nothing called 'CHAIR'"):
        shop.checkout([("CHAIR", 1)])


def test_the_same_seed_makes_the_same_orders(clock: Clock) -> None:
    def first_order(seed: int) -> bytes:
        shop = ShopifySimulator(
            shop=DOMAIN,
            access_token="",
            client_secret="",
            seed=seed,
            courier=Courier(random.Random()),
            now=clock,
        )
        shop.add_variant(sku="MUG", title="Mug", price="12.50", quantity=5)
        order = shop.checkout([("MUG", 1)])
        assert order is not None
        assert order.order_id > 2**53
        return shop.webhook_payload(order)

    assert first_order(1) == first_order(1) != first_order(2)


def test_an_empty_basket_is_no_order(shop: ShopifySimulator) -> None:
    with pytest.raises(ValueError, match="at least one unit"):
        shop.checkout([("MUG", 0)])


def test_a_cancelled_order_gives_its_units_back(shop: ShopifySimulator) -> None:
    order = shop.checkout([("MUG", 5)])
    assert order is not None

    shop.cancel(order.key)

    assert stock(shop, "MUG") == (5, 5)
    assert +shop.books.sold() == {}
    assert order.financial_status == "refunded"
    with pytest.raises(ValueError, match="cancelled already"):
        shop.cancel(order.key)


def test_a_cancelled_order_that_is_not_restocked_keeps_them_off_sale(shop: ShopifySimulator) -> None:
    order = shop.checkout([("MUG", 2)], financial_status="pending")
    assert order is not None

    shop.cancel(order.key, restock=False)

    assert stock(shop, "MUG") == (3, 3)
    assert shop.books.sold() == {"MUG": 2}
    assert order.financial_status == "voided"


def test_shipped_units_leave_the_shelf_and_can_be_returned(shop: ShopifySimulator) -> None:
    order = shop.checkout([("MUG", 3)])
    assert order is not None

    shop.fulfill(order.key)
    shipped = stock(shop, "MUG")
    shop.refund(order.key, {"MUG": 1})

    assert shipped == (2, 2)
    assert stock(shop, "MUG") == (3, 3)
    assert order.lines[0].current_quantity == 2
    assert order.financial_status == "partially_refunded"
    with pytest.raises(ValueError, match="nothing left to ship"):
        shop.fulfill(order.key)


def test_an_edit_takes_and_gives_units(shop: ShopifySimulator) -> None:
    order = shop.checkout([("MUG", 2)])
    assert order is not None

    outcomes = [
        shop.edit(order.key, "MUG", 9),
        shop.edit(order.key, "MUG", 1),
        shop.edit(order.key, "LAMP", 4),
    ]

    assert outcomes == [False, True, True]
    assert stock(shop, "MUG") == (4, 5)
    assert stock(shop, "LAMP") == (46, 50)
    assert shop.books.sold() == {"MUG": 1, "LAMP": 4}


def test_partial_refunds_of_a_discounted_line_give_back_every_cent(shop: ShopifySimulator) -> None:
    order = shop.checkout([("MUG", 3)], discount=Discount("ODD", 7))
    assert order is not None

    parts = [shop.refund(order.key, {"MUG": 1}) for _ in range(3)]

    assert sum(paid.amount for part in parts for paid in part.transactions) == 3 * 1250 - 262
    assert order.financial_status == "partially_refunded"  # the shipping is still paid


def test_an_order_edited_upwards_is_not_paid_any_more(shop: ShopifySimulator) -> None:
    order = shop.checkout([("MUG", 1)])
    assert order is not None

    shop.edit(order.key, "MUG", 2)

    assert order.financial_status == "partially_paid"
