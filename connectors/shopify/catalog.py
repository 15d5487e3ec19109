"""Lists what a Shopify shop sells, where, and how much of it shows. Writes nothing."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from connectors.shopify.asking import ask, inside, next_cursor, nodes
from core.connector import CatalogPage, ChannelLocation
from core.flow import Flow, Request, Response
from core.model.inventory import ListingSeen, LiveLevel
from mappings.transforms import blank, gid

PAGE_COST, MORE_COST = 100.0, 20.0  # points


def pull_locations() -> Flow[tuple[ChannelLocation, ...]]:
    """Every location, the closed ones too: old levels name them.

    https://shopify.dev/docs/api/admin-graphql/2026-07/queries/locations
    """
    found: list[ChannelLocation] = []
    cursor: str | None = None
    while True:
        data: dict[str, Any] = yield from ask("locations", {"after": cursor}, cost=MORE_COST)
        listed = inside(data, "locations")
        for node in nodes(listed):
            location_id = _id(node.get("legacyResourceId"))
            if location_id:
                name, active = _text(node.get("name")) or location_id, node.get("isActive") is True
                found.append(ChannelLocation(channel_location_id=location_id, name=name, active=active))
        cursor = next_cursor(listed, cursor)
        if cursor is None:
            return tuple(found)


def pull_catalog(cursor: str | None) -> Flow[CatalogPage]:
    """One page of variants with what is available of each at every location.

    https://shopify.dev/docs/api/admin-graphql/2026-07/queries/productVariants
    """
    listed = inside((yield from ask("variants", {"after": cursor}, cost=PAGE_COST)), "productVariants")
    listings: list[ListingSeen] = []
    for variant in nodes(listed):
        item = inside(variant, "inventoryItem")
        levels = yield from _levels(item)
        listings += _listing(variant, item, levels)
    return CatalogPage(tuple(listings), next_cursor(listed, cursor))


def _levels(item: dict[str, Any]) -> Generator[Request, Response, list[dict[str, Any]]]:
    page = inside(item, "inventoryLevels")
    found = nodes(page)
    cursor = next_cursor(page, None)
    while cursor is not None:
        data: dict[str, Any] = yield from ask(
            "more_levels", {"id": item.get("id"), "after": cursor}, cost=MORE_COST
        )
        page = inside(data, "node", "inventoryLevels")
        found = found + nodes(page)
        cursor = next_cursor(page, cursor)
    return found


def _listing(
    variant: dict[str, Any], item: dict[str, Any], levels: list[dict[str, Any]]
) -> list[ListingSeen]:
    """The listing of a variant; none where it has no id."""
    variant_id, item_id = _id(variant.get("legacyResourceId")), _id(item.get("legacyResourceId"))
    if variant_id is None or item_id is None:
        return []
    product = variant.get("product")
    shown = []
    for level in levels:
        location = level.get("location")
        location_id = _id(location.get("legacyResourceId")) if isinstance(location, dict) else None
        if location_id:
            shown.append(LiveLevel(channel_location_id=location_id, quantity=available(level)))
    return [
        ListingSeen(
            channel_item_id=variant_id,
            channel_product_id=_id(product.get("legacyResourceId")) if isinstance(product, dict) else None,
            channel_stock_id=item_id,
            sku=_text(variant.get("sku")),
            gtin=_text(variant.get("barcode")),
            title=(_text(variant.get("displayName")) or "").removesuffix(" - Default Title"),
            tracked=item.get("tracked") is True,
            bundle=variant.get("requiresComponents") is True,
            levels=tuple(shown),
        )
    ]


def available(level: Any) -> int | None:
    """What an inventory level has available: below zero where it was oversold, None where it is not told."""
    quantities = level.get("quantities") if isinstance(level, dict) else None
    for found in quantities if isinstance(quantities, list) else ():
        if isinstance(found, dict) and found.get("name") == "available":
            quantity = found.get("quantity")
            return quantity if isinstance(quantity, int) and not isinstance(quantity, bool) else None
    return None


def _id(value: Any) -> str | None:
    try:
        return gid(value)
    except ValueError:
        return None


def _text(value: Any) -> str | None:
    return blank(value) if isinstance(value, str) else None
