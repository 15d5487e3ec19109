"""Pages go on where they ended, whatever happened to the orders in between."""

from __future__ import annotations

from typing import Any

from shopify_sim_rig import ORDERS, Clock

from simulators.shopify import ShopifySimulator


def sell(shop: ShopifySimulator, clock: Clock, count: int) -> list[str]:
    """*count* orders, two in each second."""
    keys = []
    for number in range(count):
        clock.pass_seconds(number % 2)
        order = shop.checkout([("VOUCHER", 1)])
        assert order is not None
        keys.append(order.key)
    return keys


def page(shop: ShopifySimulator, **asked: Any) -> dict[str, Any]:
    answer = shop.answer(ORDERS, asked)
    assert "errors" not in answer, answer
    return dict(answer["data"]["orders"])


def keys_of(shown: dict[str, Any]) -> list[str]:
    return [node["id"].rpartition("/")[2] for node in shown["nodes"]]


def test_every_order_is_on_exactly_one_page(shop: ShopifySimulator, clock: Clock) -> None:
    keys = sell(shop, clock, 9)

    seen: list[str] = []
    after = None
    for _ in range(5):
        shown = page(shop, first=2, after=after)
        seen += keys_of(shown)
        after = shown["pageInfo"]["endCursor"]

    assert seen == keys
    assert not shown["pageInfo"]["hasNextPage"]


def test_no_order_is_lost_when_orders_change_between_pages(shop: ShopifySimulator, clock: Clock) -> None:
    keys = sell(shop, clock, 8)
    first = page(shop, first=3)
    clock.pass_seconds(60)
    for moved in (keys[0], keys[2], keys[3], keys[7]):
        shop.fulfill(moved)

    seen = keys_of(first)
    after = first["pageInfo"]["endCursor"]
    for _ in range(3):
        shown = page(shop, first=3, after=after)
        seen += keys_of(shown)
        after = shown["pageInfo"]["endCursor"]

    assert not shown["pageInfo"]["hasNextPage"]
    assert set(seen) == set(keys)
    assert seen[-4:] == [keys[0], keys[2], keys[3], keys[7]]


def test_a_window_holds_its_start_and_not_its_end(shop: ShopifySimulator, clock: Clock) -> None:
    keys = sell(shop, clock, 6)  # at 17:00:00, :01, :01, :02, :02, :03

    shown = page(
        shop,
        first=10,
        query="updated_at:>='2026-11-23T17:00:01Z' AND updated_at:<'2026-11-23T17:00:03+00:00'",
    )

    assert keys_of(shown) == keys[1:5]


def test_the_newest_can_come_first(shop: ShopifySimulator, clock: Clock) -> None:
    keys = sell(shop, clock, 5)

    first = page(shop, first=3, reverse=True)
    rest = page(shop, first=3, reverse=True, after=first["pageInfo"]["endCursor"])

    assert keys_of(first) + keys_of(rest) == keys[::-1]


def test_orders_can_be_searched_by_words(shop: ShopifySimulator, clock: Clock) -> None:
    keys = sell(shop, clock, 3)
    shop.cancel(keys[1])

    def found(query: str) -> list[str]:
        return keys_of(page(shop, first=5, query=query))

    assert found("status:cancelled") == [keys[1]]
    assert found("financial_status:paid") == [keys[0], keys[2]]
    assert found("created_at:>=2026-11-23T17:00:01Z status:open") == [keys[2]]
    assert set(found("status:any colour:blue")) == set(keys)


def test_a_search_that_is_not_simulated_is_refused(shop: ShopifySimulator) -> None:
    answer = shop.answer(ORDERS, {"first": 1, "query": "status:open OR status:closed"})

    assert "only terms joined by AND" in answer["errors"][0]["message"]


def test_a_cursor_of_another_list_is_refused(shop: ShopifySimulator, clock: Clock) -> None:
    sell(shop, clock, 2)
    cursor = shop.answer("{ orders(first: 1, sortKey: CREATED_AT) { pageInfo { endCursor } } }")["data"][
        "orders"
    ]["pageInfo"]["endCursor"]

    answers = [shop.answer(ORDERS, {"first": 1, "after": after}) for after in (cursor, "bogus")]

    assert {answer["errors"][0]["message"] for answer in answers} == {
        "Invalid cursor for current pagination sort."
    }


def test_a_page_needs_a_size_that_is_allowed(shop: ShopifySimulator) -> None:
    too_many = shop.answer("{ orders(first: 251) { nodes { id } } }")
    none = shop.answer("{ orders { nodes { id } } }")

    assert "between 0 and 250" in too_many["errors"][0]["message"]
    assert none["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


def test_lines_of_an_order_are_paged_too(shop: ShopifySimulator) -> None:
    order = shop.checkout([("MUG", 1), ("LAMP", 1), ("VOUCHER", 1)])
    assert order is not None
    query = """query($id: ID!, $after: String) { order(id: $id) { lineItems(first: 2, after: $after) {
        nodes { sku } pageInfo { hasNextPage endCursor } } } }"""
    asked = {"id": f"gid://shopify/Order/{order.key}"}

    first = shop.answer(query, asked)["data"]["order"]["lineItems"]
    rest = shop.answer(query, asked | {"after": first["pageInfo"]["endCursor"]})["data"]["order"]["lineItems"]

    assert [line["sku"] for line in first["nodes"] + rest["nodes"]] == ["MUG", "LAMP", "VOUCHER"]
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)


def test_the_catalogue_is_paged_and_found_by_id(shop: ShopifySimulator) -> None:
    query = """query($after: String) { productVariants(first: 2, after: $after) {
        nodes { id sku barcode } pageInfo { endCursor hasNextPage } } }"""

    first = shop.answer(query)["data"]["productVariants"]
    rest = shop.answer(query, {"after": first["pageInfo"]["endCursor"]})["data"]["productVariants"]
    ids = [first["nodes"][0]["id"], "gid://shopify/ProductVariant/1"]
    again = shop.answer(
        "query($ids: [ID!]!) { nodes(ids: $ids) { ... on ProductVariant { sku } } }", {"ids": ids}
    )

    assert [one["sku"] for one in first["nodes"] + rest["nodes"]] == ["MUG", "LAMP", "VOUCHER"]
    assert again["data"]["nodes"] == [{"sku": "MUG"}, None]
