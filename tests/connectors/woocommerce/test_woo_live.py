"""What a WooCommerce shop shows: products and their variations, a short conversation at a time."""

from __future__ import annotations

from typing import Any

from connectors.woocommerce import CONNECTOR
from connectors.woocommerce.live import MOST_PARENTS
from core.connector import StockPage
from core.flow import Request, Response, encode, rehearse


def product(item: int, quantity: int | None = 5, **more: Any) -> dict[str, Any]:
    counted = quantity is not None
    row = {"id": item, "type": "simple", "sku": f"S-{item}", "manage_stock": counted, "variations": []}
    return {**row, "stock_quantity": quantity, **more}


def variable(item: int) -> dict[str, Any]:
    return product(item, None, type="variable", variations=[item * 10])


def read(cursor: str | None, *answers: list[dict[str, Any]]) -> tuple[StockPage, list[Request]]:
    bodies = [Response(200, body=encode(answer)) for answer in answers]
    return rehearse(CONNECTOR.read_stock(cursor), bodies, CONNECTOR.classify)


def test_products_and_their_variations_are_read_by_the_ids_that_writes_use() -> None:
    page, asked = read(None, [product(1), variable(2)], [product(20, 7, sku="M")])

    assert [(one.channel_stock_id, one.sku, one.quantity, one.tracked) for one in page.stock] == [
        ("1", "S-1", 5, True),
        ("2", "S-2", None, False),
        ("2/20", "M", 7, True),
    ]
    assert [request.path for request in asked] == [
        "/wp-json/wc/v3/products",
        "/wp-json/wc/v3/products/2/variations",
    ]
    assert page.next_cursor is None


def test_a_full_page_leads_to_the_next_one() -> None:
    page, _ = read("3", [product(number) for number in range(1, 101)])

    assert page.next_cursor == "4"


def test_a_page_of_many_variable_products_is_read_in_parts() -> None:
    """The variations of each are a call: a hundred of them would outlast the lease they are read under."""
    products = [variable(number) for number in range(1, MOST_PARENTS + 3)]
    first, asked = read(None, products, *([product(77)] for _ in range(MOST_PARENTS)))
    rest, _ = read(first.next_cursor, products, [product(77)], [product(77)])

    assert len(asked) == 1 + MOST_PARENTS
    assert first.next_cursor == f"1.{MOST_PARENTS}"
    parents = [one.channel_stock_id for one in (*first.stock, *rest.stock) if "/" not in one.channel_stock_id]
    assert parents == [str(number) for number in range(1, MOST_PARENTS + 3)]
    assert rest.next_cursor is None


def test_named_items_are_asked_for_by_parent() -> None:
    wanted = [("1", ""), ("2/20", ""), ("2/21", ""), ("3", "")]
    answers = [[product(1, 4)], [product(20, 6)]]
    bodies = [Response(200, body=encode(answer)) for answer in answers]

    found, asked = rehearse(CONNECTOR.read_stock_of(wanted), bodies, CONNECTOR.classify)

    assert [(one.channel_stock_id, one.quantity) for one in found] == [("1", 4), ("2/20", 6)]
    assert [dict(request.query)["include"] for request in asked] == ["1,3", "20,21"]


def test_an_item_without_an_id_that_can_be_read_is_left_out() -> None:
    page, _ = read(None, [product(1), product(0), product(1, id=[2]), product(1, id=None)])

    assert [one.channel_stock_id for one in page.stock] == ["1"]


def test_a_count_that_is_no_number_is_not_told() -> None:
    page, _ = read(None, [product(1, stock_quantity="many", manage_stock=True)])

    assert [(one.quantity, one.tracked) for one in page.stock] == [(None, True)]
