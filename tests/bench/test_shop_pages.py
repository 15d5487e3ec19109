"""Pages that are read back hold every product once, and so many of them show a unit less."""

from __future__ import annotations

import pytest

from bench.shop_pages import PAGE, pages
from core.flow import decode


@pytest.mark.parametrize("products", [1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
def test_every_product_is_on_one_page_and_the_last_page_is_not_full(products: int) -> None:
    shown = [decode(page) for page in pages(products, 50, 10)]
    assert [one["id"] for page in shown for one in page] == list(range(1, products + 1))
    assert all(len(page) == PAGE for page in shown[:-1])
    assert len(shown[-1]) < PAGE
    less = [one["sku"] for page in shown for one in page if one["stock_quantity"] == 49]
    assert less == [f"SKU-{number}" for number in range(0, products, 10)]
