"""Lists what a WooCommerce shop sells and how much of it shows. Writes nothing."""

from __future__ import annotations

from collections.abc import Generator
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from connectors.woocommerce.wire import API, PAGE_SIZE, refuse_again, rows
from core.connector import CatalogPage, ChannelLocation
from core.flow import Flow, Request, Response
from core.model.inventory import ListingSeen, LiveLevel
from mappings.transforms import nonzero_id, unescaped

# Made of other products (the last four by plugins): what can be sold of them follows from their parts.
_BUNDLES = ("grouped", "bundle", "composite", "woosb", "yith_bundle", "mix-and-match")
_FIELDS = "id,parent_id,type,name,sku,global_unique_id,manage_stock,stock_quantity,variations,attributes"


def pull_locations() -> Flow[tuple[ChannelLocation, ...]]:
    """The one place a shop sells from; its count has no location, so the id is empty."""
    yield from ()
    return (ChannelLocation(channel_location_id="", name="Shop stock"),)


def pull_catalog(cursor: str | None) -> Flow[CatalogPage]:
    """One page of products with all their variations; *cursor* is the page number.

    https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-products
    """
    page = int(cursor or 1)
    products = rows((yield listed(f"{API}/products", page, _FIELDS)))
    listings: list[ListingSeen] = []
    for product in products:
        product_type = str(product.get("type"))
        if not product_type.startswith("variable"):
            listings += _listing(product)
            continue
        if product.get("manage_stock") is True:  # its variations share this count
            listings += _listing(product)
        for variation in (yield from _variations(product)):
            listings += _listing(variation, product)
    return CatalogPage(tuple(listings), str(page + 1) if len(products) == PAGE_SIZE else None)


def _variations(product: dict[str, Any]) -> Generator[Request, Response, list[dict[str, Any]]]:
    """https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-product-variations"""
    if product.get("variations") == []:
        return []
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        new = rows(
            (yield listed(f"{API}/products/{nonzero_id(product.get('id'))}/variations", page, _FIELDS))
        )
        refuse_again(new, found)
        found += new
        if len(new) < PAGE_SIZE:
            return found
        page += 1


def listed(path: str, page: int, fields: str) -> Request:
    """A page of products or variations in the order of their ids, with *fields* and no other."""
    query = (
        ("per_page", str(PAGE_SIZE)),
        ("page", str(page)),
        ("orderby", "id"),
        ("order", "asc"),
        ("_fields", fields),
    )
    return Request("GET", path, query=query)


def _listing(item: dict[str, Any], parent: dict[str, Any] | None = None) -> list[ListingSeen]:
    """The listing of a product or variation; none where it has no id."""
    try:
        item_id, parent_id = nonzero_id(item.get("id")), nonzero_id((parent or item).get("id"))
    except ValueError:
        return []
    if item_id is None or parent_id is None:
        return []
    kind = str(item.get("type"))
    bundle = kind in _BUNDLES
    tracked = item.get("manage_stock") is True and not bundle and kind != "external"
    return [
        ListingSeen(
            channel_item_id=item_id,
            channel_product_id=parent_id,
            channel_stock_id=f"{parent_id}/{item_id}" if parent else item_id,
            sku=sku_of(item, parent),
            gtin=_text(item.get("global_unique_id")),
            title=_title(item, parent),
            tracked=tracked,
            bundle=bundle,
            levels=(LiveLevel(quantity=whole(item.get("stock_quantity"))),) if tracked else (),
        )
    ]


def sku_of(item: dict[str, Any], parent: dict[str, Any] | None) -> str | None:
    """A variation without a SKU shows its parent's: the truth only where it also sells the parent's count."""
    sku = _text(item.get("sku"))
    borrowed = parent is not None and sku == _text(parent.get("sku")) and item.get("manage_stock") != "parent"
    return None if borrowed else sku


def _title(item: dict[str, Any], parent: dict[str, Any] | None) -> str:
    if parent is None:
        return _text(item.get("name")) or ""
    attributes = item.get("attributes")
    chosen = (
        [_text(a.get("option")) for a in attributes if isinstance(a, dict)]
        if isinstance(attributes, list)
        else []
    )
    named = ", ".join(option for option in chosen if option) or _text(item.get("name"))
    return " - ".join(part for part in (_text(parent.get("name")), named) if part)


def whole(value: Any) -> int | None:
    """A count as whole units, rounded down where a plugin counts fractions; None when there is none."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.removeprefix("-").isdecimal() else None
    if isinstance(value, Decimal):
        return int(value.to_integral_value(ROUND_FLOOR))
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return unescaped(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
