"""Reads what a WooCommerce shop shows of everything it counts, and nothing else of its products."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from connectors.woocommerce.catalog import listed, sku_of, whole
from connectors.woocommerce.wire import API, PAGE_SIZE, refuse_again, rows
from core.connector import StockPage
from core.flow import Flow, Request, Response
from core.model.inventory import StockSeen
from mappings.transforms import nonzero_id

MOST_PARENTS = 10  # variable products in one conversation: the variations of each are a call of their own
_FIELDS = "id,parent_id,type,sku,manage_stock,stock_quantity,variations"


def read_stock(cursor: str | None) -> Flow[StockPage]:
    """One page of products with their variations, or the part of it that is quick to read. *cursor* is the page's
    number and, after a point, how many of its products are done.

    https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-products
    """
    number, _, done = (cursor or "1").partition(".")
    page, begin = int(number), int(done or 0)
    products = rows((yield listed(f"{API}/products", page, _FIELDS)))
    found: list[StockSeen] = []
    parents = 0
    for place, product in enumerate(products[begin:], begin):
        variable = str(product.get("type")).startswith("variable") and product.get("variations") != []
        if variable and parents == MOST_PARENTS:
            return StockPage(tuple(found), f"{page}.{place}")
        found += _seen(product)
        if variable:
            parents += 1
            for variation in (yield from _variations(product)):
                found += _seen(variation, product)
    return StockPage(tuple(found), str(page + 1) if len(products) == PAGE_SIZE else None)


def read_stock_of(items: Sequence[tuple[str, str]]) -> Flow[tuple[StockSeen, ...]]:
    """These (item, location) pairs, at most 100 of one parent in a call; what is not there any more is left out."""
    collections: dict[str, list[str]] = {}
    for stock_id in dict.fromkeys(stock_id for stock_id, _ in items):
        parent, _, item_id = stock_id.rpartition("/")
        collections.setdefault(parent, []).append(item_id)
    found: list[StockSeen] = []
    for parent, ids in collections.items():
        path = f"{API}/products/{parent}/variations" if parent else f"{API}/products"
        for start in range(0, len(ids), PAGE_SIZE):
            include = ("include", ",".join(ids[start : start + PAGE_SIZE]))
            for item in rows((yield listed(path, 1, _FIELDS).with_query(include))):
                found += _seen(item, {"id": parent} if parent else None)
    return tuple(found)


def _variations(product: dict[str, Any]) -> Generator[Request, Response, list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        new = rows((yield listed(f"{API}/products/{product.get('id')}/variations", page, _FIELDS)))
        refuse_again(new, found)
        found += new
        if len(new) < PAGE_SIZE:
            return found
        page += 1


def _seen(item: dict[str, Any], parent: dict[str, Any] | None = None) -> list[StockSeen]:
    """What the item shows, as a list of one; empty where it has no id."""
    try:
        item_id, parent_id = nonzero_id(item.get("id")), nonzero_id((parent or item).get("id"))
    except ValueError:
        return []
    if item_id is None or parent_id is None:
        return []
    tracked = item.get("manage_stock") is True
    return [
        StockSeen(
            channel_stock_id=f"{parent_id}/{item_id}" if parent else item_id,
            quantity=whole(item.get("stock_quantity")) if tracked else None,
            sku=sku_of(item, parent),
            tracked=tracked,
        )
    ]
