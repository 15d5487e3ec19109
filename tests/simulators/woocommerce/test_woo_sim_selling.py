"""What the shop sells, gives back and refuses."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from simulators.woocommerce import SimOrder, WooCommerceSimulator


def stock(shop: WooCommerceSimulator, sku: str) -> int | None:
    return shop.catalogue.find(sku).shown_stock


async def test_the_last_unit_is_sold_once_however_many_want_it(shop: WooCommerceSimulator) -> None:
    shop.set_stock("MUG", 1)

    async def buyer() -> SimOrder | None:
        return shop.checkout([("MUG", 1)])

    bought = await asyncio.gather(*(buyer() for _ in range(20)))

    assert sum(order is not None for order in bought) == 1
    assert stock(shop, "MUG") == 0
    assert shop.books.sold() == {"MUG": 1}
    assert len(shop.books.sold_out) == 19


def test_a_basket_with_one_missing_line_sells_nothing(shop: WooCommerceSimulator) -> None:
    order = shop.checkout([("SHIRT-S", 1), ("MUG", 6)])

    assert order is None
    assert (stock(shop, "SHIRT-S"), stock(shop, "MUG")) == (4, 5)
    assert not shop.books.sales


@pytest.mark.parametrize(
    ("status", "left"), [("pending", 5), ("processing", 3), ("on-hold", 3), ("completed", 3)]
)
def test_only_a_pending_order_leaves_the_count_alone(
    shop: WooCommerceSimulator, status: str, left: int
) -> None:
    shop.checkout([("MUG", 2)], status=status)

    assert stock(shop, "MUG") == left


@pytest.mark.parametrize("status", ["cancelled", "failed", "pending"])
def test_units_come_back_once_and_are_taken_again(shop: WooCommerceSimulator, status: str) -> None:
    order = shop.checkout([("MUG", 2)])
    assert order is not None

    shop.set_status(order.order_id, status)
    shop.set_status(order.order_id, status)
    back = stock(shop, "MUG")
    shop.set_status(order.order_id, "processing")

    assert back == 5
    assert stock(shop, "MUG") == 3
    assert shop.books.sold() == {"MUG": 2}


def test_an_absolute_write_wipes_out_a_sale_in_between(shop: WooCommerceSimulator) -> None:
    shop.checkout([("MUG", 3)])

    shop.set_stock("MUG", 5)

    assert stock(shop, "MUG") == 5
    assert shop.books.sold() == {"MUG": 3}


def test_variations_share_the_count_of_their_parent(shop: WooCommerceSimulator) -> None:
    unnamed = shop.catalogue.find("SOCK").variations[1]

    refused = shop.checkout([("SOCK-RED", 6), (unnamed.product_id, 6)])
    order = shop.checkout([("SOCK-RED", 4), (unnamed.product_id, 6)])

    assert refused is None
    assert order is not None
    assert stock(shop, "SOCK") == 0
    assert [line["sku"] for line in shop.order_payload(order)["line_items"]] == ["SOCK-RED", "SOCK"]


def test_an_uncounted_product_always_sells(shop: WooCommerceSimulator) -> None:
    order = shop.checkout([("POSTER", 1000)])

    assert order is not None
    assert shop.books.sold() == {"POSTER": 1000}


def test_trash_and_deletion_give_nothing_back(shop: WooCommerceSimulator) -> None:
    trashed, deleted = (shop.checkout([("MUG", 1)]) for _ in range(2))
    assert trashed is not None
    assert deleted is not None

    shop.trash(trashed.order_id)
    shop.delete(deleted.order_id)

    assert stock(shop, "MUG") == 3
    assert trashed.status == "trash"
    assert deleted.order_id not in shop.orders


def test_a_restored_order_has_its_old_status(shop: WooCommerceSimulator) -> None:
    order = shop.checkout([("MUG", 1)], status="on-hold")
    assert order is not None

    shop.trash(order.order_id)
    shop.restore(order.order_id)

    assert order.status == "on-hold"


def test_a_full_refund_by_lines_restocks_and_ends_the_order(shop: WooCommerceSimulator) -> None:
    order = shop.checkout([("MUG", 2)])
    assert order is not None
    line = order.lines[0]

    part = shop.refund(order.order_id, lines={line.item_id: 1})
    still = order.status
    shop.refund(order.order_id)

    assert part.amount == Decimal("12.90")
    assert still == "processing"
    assert order.status == "refunded"
    assert stock(shop, "MUG") == 4
    with pytest.raises(ValueError, match="Invalid refund amount"):
        shop.refund(order.order_id, amount="0.01")


def test_a_refund_without_restock_leaves_the_count_alone(shop: WooCommerceSimulator) -> None:
    order = shop.checkout([("MUG", 2)])
    assert order is not None

    shop.refund(order.order_id, lines={order.lines[0].item_id: 2}, restock=False)

    assert stock(shop, "MUG") == 3


def test_status_refunded_gives_money_back_but_no_stock(shop: WooCommerceSimulator) -> None:
    order = shop.checkout([("MUG", 2)])
    assert order is not None

    shop.set_status(order.order_id, "refunded")

    assert [refund["total_tax"] for refund in shop.order_payload(order)["refunds"]] == ["0.00"]
    assert stock(shop, "MUG") == 3


def test_money_adds_up_to_the_price_with_tax(shop: WooCommerceSimulator) -> None:
    order = shop.checkout([("MUG", 3), ("SHIRT-S", 1)], coupon="welcome10")
    assert order is not None
    payload = shop.order_payload(order)

    lines = sum(Decimal(line["total"]) + Decimal(line["total_tax"]) for line in payload["line_items"])

    assert lines == Decimal("57.24")  # (3 x 12.90 + 24.90) less 10 %
    assert Decimal(payload["total"]) == lines + Decimal("4.90") + Decimal("0.93")
    assert isinstance(payload["line_items"][0]["price"], float)


def test_a_shop_without_decimals_writes_whole_amounts(shop: WooCommerceSimulator) -> None:
    yen = WooCommerceSimulator(
        consumer_key="k",
        consumer_secret="s",
        webhook_secret="w",
        seed=1,
        courier=shop.hooks.courier,
        now=shop.clock,
        currency="JPY",
        decimals=0,
    )
    yen.add_product(sku="A", name="A", price="1190", quantity=1)

    order = yen.checkout([("A", 1)])

    assert order is not None
    assert yen.order_payload(order)["line_items"][0]["total"] == "1000"


def test_the_same_seed_makes_the_same_orders(shop: WooCommerceSimulator) -> None:
    twins = []
    for _ in range(2):
        twin = WooCommerceSimulator(
            consumer_key="k",
            consumer_secret="s",
            webhook_secret="w",
            seed=3,
            courier=shop.hooks.courier,
            now=shop.clock,
        )
        twin.add_product(sku="A", name="A", price="5.00", quantity=1)
        order = twin.checkout([("A", 1)])
        assert order is not None
        twins.append(twin.order_payload(order))

    assert twins[0] == twins[1]


def test_what_the_shop_does_not_have_is_named(shop: WooCommerceSimulator) -> None:
    with pytest.raises(KeyError, match="no product 'NOPE'"):
        shop.checkout([("NOPE", 1)])
    with pytest.raises(ValueError, match="SKU can be given only once"):
        shop.add_product(sku="MUG", name="Another", price="1.00", quantity=1)
