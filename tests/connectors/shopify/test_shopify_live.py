"""What a Shopify shop shows, read location by location."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.shopify import CONNECTOR
from core.connector import StockPage
from core.errors import ChannelError
from core.flow import Request, Response, decode, encode, rehearse

LOCATIONS = {
    "locations": {
        "nodes": [
            {"legacyResourceId": "71", "name": "Till", "isActive": True},
            {"legacyResourceId": "70", "name": "Hall", "isActive": True},
            {"legacyResourceId": "72", "name": "Old hall", "isActive": False},
        ],
        "pageInfo": {"hasNextPage": False, "endCursor": None},
    }
}


def at_location(*levels: dict[str, Any], more: str | None = None) -> dict[str, Any]:
    page = {"hasNextPage": more is not None, "endCursor": more}
    return {"location": {"inventoryLevels": {"nodes": list(levels), "pageInfo": page}}}


def level(item: int, quantity: int, *, sku: str = "MUG", tracked: bool = True) -> dict[str, Any]:
    return {
        "item": {"legacyResourceId": str(item), "sku": sku, "tracked": tracked},
        "quantities": [{"name": "available", "quantity": quantity}],
    }


def read(cursor: str | None, *answers: dict[str, Any]) -> tuple[StockPage, list[dict[str, Any]]]:
    bodies = [Response(200, body=encode({"data": answer})) for answer in answers]
    page, asked = rehearse(CONNECTOR.read_stock(cursor), bodies, CONNECTOR.classify)
    return page, [_variables(request) for request in asked]


def _variables(request: Request) -> dict[str, Any]:
    asked: dict[str, Any] = decode(request.body or b"")["variables"]
    return asked


def test_the_first_page_is_of_the_first_open_location() -> None:
    page, asked = read(None, LOCATIONS, at_location(level(30, -2, sku="", tracked=False), more="x"))

    (seen,) = page.stock
    assert (seen.channel_stock_id, seen.channel_location_id, seen.quantity) == ("30", "70", -2)
    assert (seen.sku, seen.tracked) == (None, False)
    assert asked[1] == {"location": "gid://shopify/Location/70", "after": None}
    assert page.next_cursor == "70,71 x"


def test_after_the_last_page_of_a_location_comes_the_next_location() -> None:
    page, asked = read("70,71 x", at_location(level(31, 4)))
    last, _ = read(page.next_cursor, at_location(level(31, 5)))

    assert asked == [{"location": "gid://shopify/Location/70", "after": "x"}]
    assert [(one.channel_location_id, one.quantity) for one in (*page.stock, *last.stock)] == [
        ("70", 4),
        ("71", 5),
    ]
    assert last.next_cursor is None


def test_a_location_that_was_closed_for_good_meanwhile_is_passed_over() -> None:
    page, _ = read("70,71 x", {"location": None})

    assert page == StockPage((), "71")


def test_a_shop_without_an_open_location_shows_nothing() -> None:
    nowhere = {"locations": {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}}

    page, asked = read(None, nowhere)

    assert (page, len(asked)) == (StockPage((), None), 1)


def test_a_page_that_leads_to_itself_is_refused() -> None:
    with pytest.raises(ChannelError, match="not where it begins"):
        read("70 x", at_location(level(30, 1), more="x"))


def test_named_items_are_asked_for_once_at_each_location() -> None:
    item = {"legacyResourceId": "30", "sku": "MUG", "tracked": True}
    there = {"inventoryLevel": {"quantities": [{"name": "available", "quantity": 3}]}}
    answers = [{"nodes": [item | there, None]}, {"nodes": [item | {"inventoryLevel": None}]}]
    bodies = [Response(200, body=encode({"data": answer})) for answer in answers]
    wanted = [("30", "70"), ("31", "70"), ("30", "71"), ("30", "70")]

    found, asked = rehearse(CONNECTOR.read_stock_of(wanted), bodies, CONNECTOR.classify)

    assert [(one.channel_stock_id, one.channel_location_id, one.quantity) for one in found] == [
        ("30", "70", 3)
    ]
    assert [len(_variables(request)["items"]) for request in asked] == [2, 1]


def test_an_answer_that_leaves_an_item_out_proves_nothing() -> None:
    with pytest.raises(ChannelError, match="did not answer for every"):
        rehearse(
            CONNECTOR.read_stock_of([("30", "70")]),
            [Response(200, body=encode({"data": {"nodes": []}}))],
            CONNECTOR.classify,
        )
