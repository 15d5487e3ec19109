"""The hub ships: fulfillments, their tracking and events, and the refusals that real stores give."""

from __future__ import annotations

from typing import Any

from shopify_sim_rig import Clock, ask, cancel, fulfillment_orders, group, ship, shipped

from simulators.books import Shipped
from simulators.shopify import ShopifySimulator, SimOrder


def test_everything_that_remains_is_shipped(shop: ShopifySimulator, order: SimOrder, clock: Clock) -> None:
    [one] = fulfillment_orders(shop, order)

    outcome = ship(shop, group(one), company="UPS", number="1Z999")

    assert outcome["userErrors"] == []
    assert outcome["fulfillment"]["status"] == "SUCCESS"
    assert outcome["fulfillment"]["displayStatus"] == "FULFILLED"
    assert outcome["fulfillment"]["trackingInfo"] == [
        {"company": "UPS", "number": "1Z999", "url": "https://track.example/1Z999"}
    ]
    node = shipped(shop, order)
    assert (node["displayFulfillmentStatus"], node["fulfillmentsCount"]) == ("FULFILLED", {"count": 1})
    assert node["fulfillments"][0]["name"] == f"{order.name}-F1"
    assert node["fulfillments"][0]["fulfillmentOrders"]["nodes"] == [{"status": "CLOSED"}]
    assert shop.books.shipped == [Shipped(order.key, "1Z999", "UPS", 4, clock())]
    assert order.lines[0].variant.committed == 0


def test_a_part_can_be_shipped_twice_by_the_same_call(shop: ShopifySimulator, order: SimOrder) -> None:
    [one] = fulfillment_orders(shop, order)
    part = group(one, 1)

    ship(shop, part, company="DPD", number="01")
    again = ship(shop, part, company="DPD", number="01")

    assert again["userErrors"] == []
    assert [row.tracking_number for row in shop.books.shipped] == ["01", "01"]
    [one] = fulfillment_orders(shop, order)
    assert one["status"] == "IN_PROGRESS"
    assert [line["remainingQuantity"] for line in one["lines"]] == [1, 1]
    assert shipped(shop, order)["displayFulfillmentStatus"] == "PARTIALLY_FULFILLED"


def test_each_number_of_a_parcel_is_booked(shop: ShopifySimulator, order: SimOrder) -> None:
    [one] = fulfillment_orders(shop, order)

    outcome = ship(shop, group(one), company="My own van", numbers=["A", "B"], urls=["https://van.example/A"])

    assert outcome["fulfillment"]["trackingInfo"] == [
        {"company": "My own van", "number": "A", "url": "https://van.example/A"},
        {"company": "My own van", "number": "B", "url": None},
    ]
    assert [(row.tracking_number, row.units) for row in shop.books.shipped] == [("A", 4), ("B", 4)]


def test_a_parcel_without_tracking_is_booked_too(shop: ShopifySimulator, order: SimOrder) -> None:
    outcome = ship(shop, group(fulfillment_orders(shop, order)[0]))

    assert outcome["fulfillment"]["trackingInfo"] == []
    assert [(row.tracking_number, row.carrier) for row in shop.books.shipped] == [("", "")]


def test_what_cannot_be_shipped_is_refused_in_shopifys_words(shop: ShopifySimulator, order: SimOrder) -> None:
    [one] = fulfillment_orders(shop, order)
    other = shop.checkout([("LAMP", 1)])
    outlet = shop.add_location("Outlet")
    shop.add_variant(sku="CHAIR", title="Chair", price="80.00", quantity=3, location_id=outlet)
    scattered, done = shop.checkout([("LAMP", 1), ("CHAIR", 1)]), shop.checkout([("LAMP", 1)])
    assert other
    assert scattered
    assert done
    [elsewhere] = fulfillment_orders(shop, other)
    [closed] = fulfillment_orders(shop, done)
    shop.fulfill(done.key)
    number = closed["id"].rpartition("/")[2]
    places = sorted((shop.location_id, outlet))
    unknown = {"fulfillmentOrderId": "gid://shopify/FulfillmentOrder/999"}
    line = {"id": "gid://shopify/FulfillmentOrderLineItem/999", "quantity": 1}
    zero = ["lineItemsByFulfillmentOrder", "1", "fulfillmentOrderLineItems", "0", "quantity"]
    refusals: list[tuple[list[dict[str, Any]], list[str], str]] = [
        ([unknown], [], "Fulfillment order does not exist."),
        ([unknown, group(one, 0)], zero, "Quantity must be greater than 0"),
        ([group(one, 4)], [], "Invalid fulfillment order line item quantity requested."),
        ([{**group(one), "fulfillmentOrderLineItems": [line]}], [], "Fulfillment order line item does not exist."),
        ([group(closed)], [], f"Fulfillment order {number} has an unfulfillable status= closed."),
        (
            [group(one), group(elsewhere)],
            [],
            ("All fulfillment orders must belong to the same order. "
            f"Multiple orders with ids [{order.key}, {other.key}] were found."),
        ),
        (
            [group(part) for part in fulfillment_orders(shop, scattered)],
            [],
            ("All fulfillment orders must be assigned to a single location. "
            f"Multiple locations with ids {places} were found."),
        ),
    ]  # fmt: skip

    for groups, field, message in refusals:
        outcome = ship(shop, *groups, number="1")

        assert outcome == {
            "fulfillment": None,
            "userErrors": [{"field": ["fulfillment", *field], "message": message}],
        }
    assert shop.books.shipped == []
    assert order.fulfillments == []


def test_the_same_line_twice_is_counted_together(shop: ShopifySimulator, order: SimOrder) -> None:
    [one] = fulfillment_orders(shop, order)
    twice = group(one, 2)
    twice["fulfillmentOrderLineItems"] *= 2

    outcome = ship(shop, twice)

    assert outcome["userErrors"][0]["message"] == "Invalid fulfillment order line item quantity requested."


def test_tracking_is_replaced(shop: ShopifySimulator, order: SimOrder) -> None:
    made = ship(shop, group(fulfillment_orders(shop, order)[0]), company="UPS", number="1")["fulfillment"]
    mutation = (
        "fulfillmentTrackingInfoUpdate(fulfillmentId: ID!, trackingInfoInput: FulfillmentTrackingInput!)"
    )
    wanted = {"company": "DHL Express", "number": "2", "url": "https://dhl.example/2"}

    outcome = ask(
        shop, mutation, "fulfillment { trackingInfo { company number url } }",
        {"fulfillmentId": made["id"], "trackingInfoInput": wanted},
    )  # fmt: skip
    unknown = ask(
        shop, mutation, "fulfillment { id }",
        {"fulfillmentId": "gid://shopify/Fulfillment/9", "trackingInfoInput": wanted},
    )  # fmt: skip

    assert outcome == {"fulfillment": {"trackingInfo": [wanted]}, "userErrors": []}
    assert unknown["userErrors"] == [{"field": ["fulfillmentId"], "message": "Fulfillment does not exist."}]
    assert [row.tracking_number for row in shop.books.shipped] == ["1"]


def test_a_cancelled_parcel_is_to_be_shipped_again(shop: ShopifySimulator, order: SimOrder) -> None:
    [one] = fulfillment_orders(shop, order)
    part = ship(shop, group(one, 2), number="1")["fulfillment"]
    rest = ship(shop, group(one), number="2")["fulfillment"]

    outcomes = [cancel(shop, part["id"]) for _ in range(2)]
    reopened = [line.open_quantity for line in order.lines]
    outcomes.append(cancel(shop, rest["id"]))

    cancelled = {"fulfillment": {"status": "CANCELLED", "displayStatus": "CANCELED"}, "userErrors": []}
    assert outcomes == [cancelled] * 3
    assert reopened == [2, 0]
    done, again = fulfillment_orders(shop, order)
    assert (done["status"], again["status"]) == ("CLOSED", "OPEN")
    assert [line["remainingQuantity"] for line in again["lines"]] == [3, 1]
    assert shipped(shop, order)["displayFulfillmentStatus"] == "UNFULFILLED"
    assert order.lines[0].variant.committed == 3
    assert cancel(shop, "gid://shopify/Fulfillment/9")["userErrors"] == [
        {"field": ["id"], "message": "Fulfillment not found."}
    ]


def test_units_that_came_back_are_not_shipped_again(shop: ShopifySimulator, order: SimOrder) -> None:
    made = ship(shop, group(fulfillment_orders(shop, order)[0]), number="1")["fulfillment"]
    shop.refund(order.key, {"MUG": 1})

    cancel(shop, made["id"])

    assert [line.open_quantity for line in order.lines] == [2, 1]


def test_a_held_order_is_not_shipped_until_it_is_released(shop: ShopifySimulator, order: SimOrder) -> None:
    shop.hold(order.key, reason="INCORRECT_ADDRESS")
    [held] = fulfillment_orders(shop, order)
    refused = ship(shop, group(held))
    on_hold = shipped(shop, order)["displayFulfillmentStatus"]

    shop.release(order.key)

    assert (held["status"], held["fulfillmentHolds"][0]["reason"]) == ("ON_HOLD", "INCORRECT_ADDRESS")
    assert [one["action"] for one in held["supportedActions"]] == ["RELEASE_HOLD", "HOLD", "MOVE"]
    assert refused["userErrors"][0]["message"].endswith("has an unfulfillable status= on_hold.")
    assert on_hold == "ON_HOLD"
    assert ship(shop, group(held))["userErrors"] == []


def test_an_app_holds_and_releases(shop: ShopifySimulator, order: SimOrder) -> None:
    [one] = fulfillment_orders(shop, order)
    hold = "fulfillmentOrderHold(id: ID!, fulfillmentHold: FulfillmentOrderHoldInput!)"
    release = "fulfillmentOrderReleaseHold(id: ID!, holdIds: [ID!])"
    shop.hold(order.key)
    [merchants] = fulfillment_orders(shop, order)[0]["fulfillmentHolds"]

    def place(handle: str) -> dict[str, Any]:
        wanted = "fulfillmentHold { id displayReason heldByRequestingApp } fulfillmentOrder { status }"
        asked = {"id": one["id"], "fulfillmentHold": {"reason": "AWAITING_PAYMENT", "handle": handle}}
        return ask(shop, hold, wanted, asked)

    placed = place("a")
    again = place("a")
    for number in range(8):
        place(str(number))
    tenth, eleventh = place("b"), place("c")
    theirs = ask(shop, release, "fulfillmentOrder { id }", {"id": one["id"], "holdIds": [merchants["id"]]})
    ours = ask(
        shop,
        release,
        "fulfillmentOrder { status }",
        {"id": one["id"], "holdIds": [placed["fulfillmentHold"]["id"]]},
    )
    all_of_them = ask(shop, release, "fulfillmentOrder { status }", {"id": one["id"]})

    assert placed["fulfillmentHold"]["displayReason"] == "Awaiting payment"
    assert placed["fulfillmentHold"]["heldByRequestingApp"]
    assert "already in use by this app" in again["userErrors"][0]["message"]
    assert tenth["userErrors"] == []
    assert "up to 10 holds" in eleventh["userErrors"][0]["message"]
    assert theirs["userErrors"][0]["message"].startswith("The app doesn't have access")
    assert ours["fulfillmentOrder"]["status"] == "ON_HOLD"
    assert all_of_them["fulfillmentOrder"]["status"] == "OPEN"
    missing = ask(shop, release, "fulfillmentOrder { id }", {"id": "gid://shopify/FulfillmentOrder/9"})
    assert missing["userErrors"][0]["message"] == "The fulfillment order could not be found."


def test_a_hold_on_a_part_is_said_not_to_be_simulated(shop: ShopifySimulator, order: SimOrder) -> None:
    [one] = fulfillment_orders(shop, order)
    part = {"reason": "OTHER", "fulfillmentOrderLineItems": group(one, 1)["fulfillmentOrderLineItems"]}

    answer = shop.answer(
        """mutation($id: ID!, $hold: FulfillmentOrderHoldInput!) {
        fulfillmentOrderHold(id: $id, fulfillmentHold: $hold) { userErrors { message } } }""",
        {"id": one["id"], "hold": part},
    )

    assert answer["errors"][0]["message"] == "only holds on whole fulfillment orders are simulated"
    assert fulfillment_orders(shop, order)[0]["status"] == "OPEN"
