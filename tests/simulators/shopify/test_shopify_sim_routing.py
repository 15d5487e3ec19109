"""Fulfillment orders: every open unit of an order is in one, whatever is done to the order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shopify_sim_rig import DOMAIN, Clock, fulfillment_orders, group, ship

from simulators.courier import Courier
from simulators.shopify import ShopifySimulator, SimOrder


def sold(shop: ShopifySimulator, *basket: tuple[str, int]) -> SimOrder:
    order = shop.checkout(basket)
    assert order is not None
    return order


def quantities(fulfillment_order: dict[str, Any]) -> list[tuple[str, int, int]]:
    """SKU, total and remaining of each line."""
    return [
        (line["sku"], line["totalQuantity"], line["remainingQuantity"]) for line in fulfillment_order["lines"]
    ]


def actions(fulfillment_order: dict[str, Any]) -> list[str]:
    return [one["action"] for one in fulfillment_order["supportedActions"]]


def test_an_order_is_open_at_its_location(shop: ShopifySimulator) -> None:
    order = sold(shop, ("MUG", 2), ("LAMP", 1))

    [one] = fulfillment_orders(shop, order)

    assert (one["status"], one["requestStatus"]) == ("OPEN", "UNSUBMITTED")
    assert quantities(one) == [("MUG", 2, 2), ("LAMP", 1, 1)]
    assert [line["lineItem"]["id"] for line in one["lines"]] == [
        f"gid://shopify/LineItem/{line.line_id}" for line in order.lines
    ]
    assert one["assignedLocation"]["location"]["id"] == f"gid://shopify/Location/{shop.location_id}"
    assert actions(one) == ["CREATE_FULFILLMENT", "REPORT_PROGRESS", "MOVE", "HOLD", "SPLIT"]


def test_a_single_unit_cannot_be_split(shop: ShopifySimulator) -> None:
    [one] = fulfillment_orders(shop, sold(shop, ("MUG", 1)))

    assert actions(one) == ["CREATE_FULFILLMENT", "REPORT_PROGRESS", "MOVE", "HOLD"]


def test_an_order_from_two_locations_has_two(shop: ShopifySimulator) -> None:
    outlet = shop.add_location("Outlet")
    shop.add_variant(sku="CHAIR", title="Chair", price="80.00", quantity=3, location_id=outlet)

    first, second = fulfillment_orders(shop, sold(shop, ("MUG", 1), ("CHAIR", 1), ("LAMP", 1)))

    assert [name for name, _, _ in quantities(first)] == ["MUG", "LAMP"]
    assert quantities(second) == [("CHAIR", 1, 1)]
    assert second["assignedLocation"]["name"] == "Outlet"


def test_one_is_found_by_its_id_and_pages_through_its_lines(shop: ShopifySimulator) -> None:
    [one] = fulfillment_orders(shop, sold(shop, ("MUG", 1), ("LAMP", 1)))
    query = """query($id: ID!, $after: String) { fulfillmentOrder(id: $id) { orderName
      lineItems(first: 1, after: $after) { nodes { sku } pageInfo { endCursor hasNextPage } } } }"""

    first = shop.answer(query, {"id": one["id"]})["data"]["fulfillmentOrder"]
    after = first["lineItems"]["pageInfo"]["endCursor"]
    second = shop.answer(query, {"id": one["id"], "after": after})["data"]["fulfillmentOrder"]
    unknown = shop.answer(query, {"id": "gid://shopify/FulfillmentOrder/999"})
    invalid = shop.answer(query, {"id": "gid://shopify/Order/1"})

    assert [page["lineItems"]["nodes"][0]["sku"] for page in (first, second)] == ["MUG", "LAMP"]
    assert not second["lineItems"]["pageInfo"]["hasNextPage"]
    assert unknown["data"] == {"fulfillmentOrder": None}
    assert invalid["errors"][0]["message"] == "Invalid global id 'gid://shopify/Order/1'"


def test_a_cancelled_order_has_nothing_left_to_ship(shop: ShopifySimulator) -> None:
    order = sold(shop, ("MUG", 2))
    shop.hold(order.key)

    shop.cancel(order.key)

    [one] = fulfillment_orders(shop, order)
    assert (one["status"], quantities(one), actions(one), one["fulfillmentHolds"]) == (
        "CLOSED", [("MUG", 0, 0)], [], [],
    )  # fmt: skip


def test_refunded_units_leave_only_what_was_not_shipped(shop: ShopifySimulator) -> None:
    order = sold(shop, ("MUG", 4))
    [one] = fulfillment_orders(shop, order)
    ship(shop, group(one, 1))

    shop.refund(order.key, {"MUG": 2})

    [one] = fulfillment_orders(shop, order)
    assert (one["status"], quantities(one)) == ("IN_PROGRESS", [("MUG", 2, 1)])


def test_an_edit_takes_units_off_and_puts_new_ones_on(shop: ShopifySimulator) -> None:
    order = sold(shop, ("MUG", 3))

    shop.edit(order.key, "MUG", 1)
    shop.edit(order.key, "LAMP", 2)

    [one] = fulfillment_orders(shop, order)
    assert quantities(one) == [("MUG", 1, 1), ("LAMP", 2, 2)]


def test_units_added_after_shipping_are_a_new_fulfillment_order(shop: ShopifySimulator) -> None:
    order = sold(shop, ("MUG", 1))
    shop.fulfill(order.key)

    shop.edit(order.key, "MUG", 1)

    done, new = fulfillment_orders(shop, order)
    assert (done["status"], new["status"]) == ("CLOSED", "OPEN")
    assert quantities(new) == [("MUG", 1, 1)]


def test_what_a_hold_keeps_apart_is_taken_off_once(shop: ShopifySimulator) -> None:
    order = sold(shop, ("MUG", 2))
    shop.hold(order.key)
    shop.edit(order.key, "MUG", 4)

    shop.edit(order.key, "MUG", 1)

    held, new = fulfillment_orders(shop, order)
    assert (held["status"], quantities(held)) == ("CLOSED", [("MUG", 0, 0)])
    assert (new["status"], quantities(new)) == ("OPEN", [("MUG", 1, 1)])


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("ship", "all", "cancel parcel", "edit", "refund", "hold", "release", "cancel")),
        st.sampled_from(("MUG", "LAMP", "CHAIR")),
        st.integers(0, 4),
    ),
    max_size=12,
)


@given(STEPS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_remains_is_always_what_the_order_has_open(steps: list[tuple[str, str, int]]) -> None:
    shop = ShopifySimulator(
        shop=DOMAIN, access_token="", client_secret="", seed=1, courier=Courier(random.Random(1)), now=Clock()
    )
    outlet = shop.add_location("Outlet")
    for sku, place in (("MUG", None), ("LAMP", None), ("CHAIR", outlet)):
        shop.add_variant(sku=sku, title=sku, price="1.00", quantity=30, location_id=place)
    order = sold(shop, ("MUG", 3), ("LAMP", 2), ("CHAIR", 2))

    for step, sku, number in steps:
        _do(shop, order, step, sku, number)

    for line in order.lines:
        parts = [part for one in order.fulfillment_orders for part in one.lines if part.line is line]
        shipped = [
            part.quantity
            for made in order.fulfillments
            if not made.cancelled
            for part in made.lines
            if part.line is line
        ]
        assert sum(part.remaining for part in parts) == line.open_quantity
        assert all(0 <= part.remaining <= part.total for part in parts)
        assert line.returned <= line.fulfilled
        assert sum(shipped) <= line.fulfilled
        assert line.variant.committed == line.open_quantity


def _do(shop: ShopifySimulator, order: SimOrder, step: str, sku: str, number: int) -> None:
    """Take *step*; what the merchant is not allowed to do is not done."""
    nodes = fulfillment_orders(shop, order)
    parcels = [made for made in order.fulfillments if not made.cancelled]
    try:
        if step == "ship" and number:
            ship(shop, group(nodes[number % len(nodes)], number))
        elif step == "cancel parcel" and parcels:
            asked = {"id": f"gid://shopify/Fulfillment/{parcels[number % len(parcels)].fulfillment_id}"}
            shop.answer("mutation($id: ID!) { fulfillmentCancel(id: $id) { fulfillment { id } } }", asked)
        elif step == "edit":
            shop.edit(order.key, sku, number)
        elif step == "refund" and number:
            shop.refund(order.key, {sku: number})
        else:
            {"all": shop.fulfill, "hold": shop.hold, "release": shop.release, "cancel": shop.cancel}[step](
                order.key
            )
    except (KeyError, ValueError):
        return


def test_the_merchant_ships_by_hand_from_one_location_and_nothing_held(shop: ShopifySimulator) -> None:
    outlet = shop.add_location("Outlet")
    shop.add_variant(sku="CHAIR", title="Chair", price="80.00", quantity=3, location_id=outlet)
    scattered, held = sold(shop, ("MUG", 1), ("CHAIR", 1)), sold(shop, ("MUG", 1))
    shop.hold(held.key)

    with pytest.raises(ValueError, match="several locations"):
        shop.fulfill(scattered.key)
    with pytest.raises(ValueError, match="on hold"):
        shop.fulfill(held.key)
    shop.release(held.key)

    assert shop.fulfill(held.key).units == 1
    assert shop.books.shipped == []


def test_stock_is_written_where_it_is(shop: ShopifySimulator) -> None:
    outlet = shop.add_location("Outlet")
    chair = shop.add_variant(sku="CHAIR", title="Chair", price="80.00", quantity=3, location_id=outlet)
    query = (
        """{ locations(first: 5) { nodes { name inventoryLevels(first: 9) { nodes { item { sku } } } } } }"""
    )
    write = """mutation($input: InventorySetQuantitiesInput!) {
      inventorySetQuantities(input: $input) @idempotent(key: "k") { userErrors { code } } }"""
    quantity = {
        "inventoryItemId": f"gid://shopify/InventoryItem/{chair.inventory_item_id}",
        "locationId": f"gid://shopify/Location/{shop.location_id}",
        "quantity": 1,
        "changeFromQuantity": None,
    }

    shown = shop.answer(query)["data"]["locations"]["nodes"]
    elsewhere = shop.answer(
        write, {"input": {"name": "available", "reason": "correction", "quantities": [quantity]}}
    )

    assert [[level["item"]["sku"] for level in one["inventoryLevels"]["nodes"]] for one in shown] == [
        ["MUG", "LAMP", "VOUCHER"],
        ["CHAIR"],
    ]
    [error] = elsewhere["data"]["inventorySetQuantities"]["userErrors"]
    assert error["code"] == "ITEM_NOT_STOCKED_AT_LOCATION"
    assert chair.available == 3
    with pytest.raises(LookupError, match="no location 5"):
        shop.add_variant(sku="X", title="X", price="1.00", quantity=1, location_id=5)
