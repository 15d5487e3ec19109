"""Reads what a Shopify shop shows, location by location: a seventh of what the same costs with the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.shopify.asking import ask, gid, inside, next_cursor, nodes, number
from connectors.shopify.catalog import available, pull_locations
from core.connector import StockPage
from core.errors import ChannelError, ErrorCode
from core.flow import Flow
from core.model.inventory import StockSeen

PAGE_COST = 60.0  # points, of a page and of as many items by their ids


def read_stock(cursor: str | None) -> Flow[StockPage]:
    """One page of the levels at one open location. The cursor names the locations that are left and where in the first
    of them the page begins.

    https://shopify.dev/docs/api/admin-graphql/2026-07/objects/Location
    """
    if cursor is None:
        places = yield from pull_locations()
        cursor = ",".join(sorted(one.channel_location_id for one in places if one.active))
        if not cursor:
            return StockPage((), None)
    left, _, after = cursor.partition(" ")
    location, _, others = left.partition(",")
    variables = {"location": gid("Location", location), "after": after or None}
    told = (yield from ask("stock", variables, cost=PAGE_COST)).get("location")
    if told is None:  # closed for good since the first page
        return StockPage((), others or None)
    levels = inside(told, "inventoryLevels")
    found = [
        _seen(inside(level, "item"), level, location)
        for level in nodes(levels)
        if number(inside(level, "item").get("legacyResourceId"))
    ]
    following = next_cursor(levels, after or None)
    return StockPage(tuple(found), f"{left} {following}" if following else others or None)


def read_stock_of(items: Sequence[tuple[str, str]]) -> Flow[tuple[StockSeen, ...]]:
    """These (inventory item, location) pairs; what was deleted, or is not stocked there any more, is left out.

    https://shopify.dev/docs/api/admin-graphql/2026-07/queries/nodes
    """
    found: list[StockSeen] = []
    for location in dict.fromkeys(location for _, location in items):
        ids = list(dict.fromkeys(stock_id for stock_id, where in items if where == location))
        variables = {
            "items": [gid("InventoryItem", one) for one in ids],
            "location": gid("Location", location),
        }
        told = (yield from ask("stock_of", variables, cost=PAGE_COST)).get("nodes")
        if not isinstance(told, list) or len(told) != len(ids):
            raise ChannelError(ErrorCode.UNEXPECTED, "Shopify did not answer for every inventory item")
        for item in told:
            level = item.get("inventoryLevel") if isinstance(item, dict) else None
            if isinstance(level, dict) and number(item.get("legacyResourceId")):
                found.append(_seen(item, level, location))
    return tuple(found)


def _seen(item: dict[str, Any], level: dict[str, Any], location: str) -> StockSeen:
    sku = item.get("sku")
    return StockSeen(
        channel_stock_id=number(item.get("legacyResourceId")),
        channel_location_id=location,
        quantity=available(level),
        sku=sku if isinstance(sku, str) and sku else None,
        tracked=item.get("tracked") is True,
    )
