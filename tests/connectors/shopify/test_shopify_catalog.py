"""What a Shopify shop lists, and where."""

from __future__ import annotations

from typing import Any

from connectors.shopify import CONNECTOR
from core.connector import CatalogPage
from core.flow import Request, Response, encode, rehearse


def connection(*nodes: dict[str, Any], more: str | None = None) -> dict[str, Any]:
    return {"nodes": list(nodes), "pageInfo": {"hasNextPage": more is not None, "endCursor": more}}


def level(location: int, quantity: int) -> dict[str, Any]:
    shown = [{"name": "available", "quantity": quantity}]
    return {"location": {"legacyResourceId": str(location)}, "quantities": shown}


def variant(levels: dict[str, Any], **more: Any) -> dict[str, Any]:
    item = {
        "id": "gid://shopify/InventoryItem/30",
        "legacyResourceId": "30",
        "tracked": True,
        "inventoryLevels": levels,
    }
    return {
        "legacyResourceId": "20",
        "sku": "MUG",
        "barcode": "4006381333931",
        "displayName": "Mug - Default Title",
        "requiresComponents": False,
        "product": {"legacyResourceId": "10"},
        "inventoryItem": item,
    } | more


def listed(*answers: dict[str, Any]) -> tuple[CatalogPage, list[Request]]:
    bodies = [Response(200, body=encode({"data": answer})) for answer in answers]
    return rehearse(CONNECTOR.pull_catalog(None), bodies, CONNECTOR.classify)


def test_a_variant_is_listed_with_what_each_location_has() -> None:
    page, _ = listed(
        {"productVariants": connection(variant(connection(level(70, 5), level(71, -2))), more="x")}
    )

    (mug,) = page.listings
    assert (mug.channel_item_id, mug.channel_product_id, mug.channel_stock_id) == ("20", "10", "30")
    assert (mug.sku, mug.gtin, mug.title, mug.bundle) == ("MUG", "4006381333931", "Mug", False)
    assert [(one.channel_location_id, one.quantity) for one in mug.levels] == [("70", 5), ("71", -2)]
    assert page.next_cursor == "x"


def test_many_locations_are_read_to_their_end() -> None:
    page, asked = listed(
        {"productVariants": connection(variant(connection(level(70, 5), more="l")))},
        {"node": {"inventoryLevels": connection(level(71, 6))}},
    )

    assert [one.quantity for one in page.listings[0].levels] == [5, 6]
    assert len(asked) == 2


def test_a_bundle_is_marked_since_its_count_cannot_be_written() -> None:
    page, _ = listed({"productVariants": connection(variant(connection(), requiresComponents=True))})

    assert page.listings[0].bundle is True


def test_a_variant_without_a_sku_is_still_listed() -> None:
    page, _ = listed({"productVariants": connection(variant(connection(), sku="", barcode=None))})

    assert (page.listings[0].sku, page.listings[0].gtin) == (None, None)


def test_every_location_is_listed_the_closed_ones_too() -> None:
    pages = [
        connection({"legacyResourceId": "70", "name": "Hall", "isActive": True}, more="x"),
        connection({"legacyResourceId": "71", "name": "Old hall", "isActive": False}),
    ]

    found, _ = rehearse(
        CONNECTOR.pull_locations(),
        [Response(200, body=encode({"data": {"locations": page}})) for page in pages],
        CONNECTOR.classify,
    )

    assert [(one.channel_location_id, one.name, one.active) for one in found] == [
        ("70", "Hall", True),
        ("71", "Old hall", False),
    ]
