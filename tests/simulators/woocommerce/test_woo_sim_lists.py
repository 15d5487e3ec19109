"""Listing orders: pages, times, statuses."""

from __future__ import annotations

import pytest
from woo_sim_rig import Clock, Rest

from simulators.woocommerce import WooCommerceSimulator


def sell(shop: WooCommerceSimulator, clock: Clock, count: int) -> list[int]:
    """Poster orders a second apart; their ids."""
    ids = []
    for _ in range(count):
        clock.tick()
        order = shop.checkout([("POSTER", 1)])
        assert order is not None
        ids.append(order.order_id)
    return ids


async def test_pages_say_how_many_there_are_and_where_to_go_on(
    shop: WooCommerceSimulator, clock: Clock, rest: Rest
) -> None:
    ids = sell(shop, clock, 5)

    _, first, headers = await rest("GET", "orders", per_page="2", orderby="id", order="asc")
    _, second, middle = await rest("GET", "orders", per_page="2", page="2", orderby="id", order="asc")

    assert [order["id"] for order in first + second] == ids[:4]
    assert (headers["X-WP-Total"], headers["X-WP-TotalPages"]) == ("5", "3")
    assert headers["Link"].endswith(
        'orderby=id&order=asc&status%5B0%5D=any&dp=2&context=view&page=2>; rel="next"'
    )
    assert 'rel="prev", <https://' in middle["Link"]


async def test_past_the_end_nothing_is_counted(shop: WooCommerceSimulator, clock: Clock, rest: Rest) -> None:
    sell(shop, clock, 3)

    status, body, headers = await rest("GET", "orders", per_page="2", page="9")

    assert (status, body, headers["X-WP-Total"]) == (200, [], "0")
    assert "page=0" in headers["Link"]


@pytest.mark.parametrize(("name", "value"), [("per_page", "101"), ("per_page", "0"), ("page", "0")])
async def test_page_sizes_out_of_bounds_are_refused(rest: Rest, name: str, value: str) -> None:
    status, body, _ = await rest("GET", "orders", **{name: value})

    assert (status, body["code"], list(body["data"]["params"])) == (400, "rest_invalid_param", [name])


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ({"modified_after": "2026-11-23T18:00:01"}, False),
        ({"modified_after": "2026-11-23T18:00:00"}, True),
        ({"modified_after": "2026-11-23T17:00:01", "dates_are_gmt": "true"}, False),
        ({"modified_after": "2026-11-23T17:00:00", "dates_are_gmt": "true"}, True),
        ({"modified_after": "2026-11-23T17:00:00.900", "dates_are_gmt": "true"}, True),
        ({"modified_after": "2026-11-23T17:00:00Z"}, True),
        ({"modified_after": "2026-11-23T17:00:01Z"}, False),
        ({"modified_after": "2026-11-23T18:00:00+01:00"}, True),
        ({"modified_after": "2026-11-23T17:00:00Z", "dates_are_gmt": "true"}, False),
        ({"modified_before": "2026-11-23T17:00:01", "dates_are_gmt": "true"}, False),
        ({"modified_before": "2026-11-23T17:00:02", "dates_are_gmt": "true"}, True),
    ],
    ids=str,
)
async def test_an_order_changed_at_17_00_01_gmt_in_berlin(
    shop: WooCommerceSimulator, clock: Clock, rest: Rest, query: dict[str, str], seen: bool
) -> None:
    sell(shop, clock, 1)

    _, body, _ = await rest("GET", "orders", **query)

    assert bool(body) is seen


async def test_a_bad_date_is_refused(rest: Rest) -> None:
    status, body, _ = await rest("GET", "orders", modified_after="yesterday")

    assert (status, body["data"]["details"]["modified_after"]["code"]) == (400, "rest_invalid_date")


async def test_a_change_moves_an_order_to_the_end_of_the_poll(
    shop: WooCommerceSimulator, clock: Clock, rest: Rest
) -> None:
    first, second = sell(shop, clock, 2)
    clock.tick()

    await rest("PUT", f"orders/{first}", {})
    _, body, _ = await rest("GET", "orders", orderby="modified", order="asc")

    assert [order["id"] for order in body] == [second, first]


async def test_trash_and_drafts_are_not_listed_but_read_by_id(
    shop: WooCommerceSimulator, clock: Clock, rest: Rest
) -> None:
    kept, trashed = sell(shop, clock, 2)
    shop.trash(trashed)
    _, refused, _ = await rest("POST", "orders", {"coupon_lines": [{"code": "NOPE"}]})
    draft = refused["data"]["new_draft_order_id"]

    _, listed, _ = await rest("GET", "orders")
    _, in_trash, _ = await rest("GET", "orders", status="trash")
    by_id = [(await rest("GET", f"orders/{number}"))[1]["status"] for number in (trashed, draft)]

    assert [order["id"] for order in listed] == [kept]
    assert [order["id"] for order in in_trash] == [trashed]
    assert by_id == ["trash", "checkout-draft"]


async def test_orders_are_chosen_by_status_and_id(
    shop: WooCommerceSimulator, clock: Clock, rest: Rest
) -> None:
    a, b, c = sell(shop, clock, 3)
    shop.set_status(a, "on-hold")

    _, held, _ = await rest("GET", "orders", status="on-hold,cancelled")
    _, some, _ = await rest("GET", "orders", include=f"{a},{c}", exclude=str(c), _fields="id")
    refused, _, _ = await rest("GET", "orders", status="shipped")

    assert [order["id"] for order in held] == [a]
    assert some == [{"id": a}]
    assert refused == 400
    assert b not in {a, c}


async def test_a_filter_that_is_not_simulated_says_so(rest: Rest) -> None:
    status, body, _ = await rest("GET", "orders", search="erika")

    assert (status, body["message"]) == (501, "The simulated shop cannot list orders by search.")
