"""Telling a Shopify shop what was shipped: every unit once, whatever answer is lost."""

from __future__ import annotations

from typing import Any

import pytest
from fulfilling_shop import Shop, Work, drive
from hypothesis import given, settings
from hypothesis import strategies as st
from shopify_parcels import BOX, LAMP, MUG, NUMBER, push_of, sent, ship

from connectors.shopify import CONNECTOR
from core.errors import ChannelError
from core.flow import Response, encode, rehearse
from core.model.fulfillment import FulfillmentPushed, Parcel


def test_what_was_shipped_is_fulfilled_in_its_parcel() -> None:
    shop = Shop([Work("Berlin", {MUG: 2, LAMP: 1})])

    done = ship(shop, {MUG: 2, LAMP: 1}, notify_buyer=True)

    assert done == FulfillmentPushed(channel_fulfillment_ids=("9007199254740993",), repeated=False)
    assert shop.shipped(NUMBER) == {MUG: 2, LAMP: 1}
    assert sent(shop) == [
        {
            "lineItemsByFulfillmentOrder": [
                {
                    "fulfillmentOrderId": "gid://shopify/FulfillmentOrder/0",
                    "fulfillmentOrderLineItems": [
                        {"id": f"gid://shopify/FulfillmentOrderLineItem/0-{MUG}", "quantity": 2},
                        {"id": f"gid://shopify/FulfillmentOrderLineItem/0-{LAMP}", "quantity": 1},
                    ],
                }
            ],
            "notifyCustomer": True,
            "trackingInfo": {"company": "UPS", "number": NUMBER, "url": f"https://ups.example/{NUMBER}"},
        }
    ]
    assert [(one.family, one.reads) for one in shop.asked] == [("graphql", True), ("graphql", False)]


def test_the_buyer_is_not_written_to_unless_that_is_asked_for() -> None:
    shop = Shop([Work("Berlin", {MUG: 1})])

    ship(shop, {MUG: 1})

    assert sent(shop)[0]["notifyCustomer"] is False


def test_what_is_there_already_is_not_sent_again() -> None:
    shop = Shop([Work("Berlin", {MUG: 0})])
    there = shop.add({MUG: 2}, "1z 999 AA1 0123456784")

    done = ship(shop, {MUG: 2})

    assert done == FulfillmentPushed(channel_fulfillment_ids=(there,), repeated=True)
    assert len(shop.asked) == 1


@pytest.mark.parametrize(
    ("lines", "number", "status"),
    [
        ({MUG: 2}, "another", "SUCCESS"),
        ({MUG: 3}, NUMBER, "SUCCESS"),
        ({LAMP: 1}, NUMBER, "SUCCESS"),
        ({MUG: 2}, NUMBER, "CANCELLED"),
        ({MUG: 2}, NUMBER, "FAILURE"),
        ({MUG: 2}, NUMBER, "ERROR"),
        ({}, NUMBER, "SUCCESS"),
    ],
)
def test_another_shipment_is_not_taken_for_this_one(lines: dict[str, int], number: str, status: str) -> None:
    shop = Shop([Work("Berlin", {MUG: 2})])
    shop.add(lines, number, status=status)

    done = ship(shop, {MUG: 2})

    assert (done.repeated, len(shop.fulfillments)) == (False, 2)


def test_only_what_is_missing_is_sent() -> None:
    shop = Shop([Work("Berlin", {MUG: 0}), Work("Lyon", {MUG: 5})])
    there = shop.add({MUG: 2}, NUMBER)

    done = ship(shop, {MUG: 3})

    assert (done.repeated, done.channel_fulfillment_ids[0], len(done.channel_fulfillment_ids)) == (
        False,
        there,
        2,
    )
    assert (shop.shipped(NUMBER), shop.work[1].left) == ({MUG: 3}, {MUG: 4})


def test_of_several_that_could_be_ours_the_whole_shipment_is_taken_before_a_part() -> None:
    shop = Shop([Work("Berlin", {MUG: 1})])
    shop.add({MUG: 1}, NUMBER)
    whole = shop.add({MUG: 2}, NUMBER)

    done = ship(shop, {MUG: 2})

    assert done == FulfillmentPushed(channel_fulfillment_ids=(whole,), repeated=True)


def test_a_part_of_an_order_leaves_the_rest_open() -> None:
    shop = Shop([Work("Berlin", {MUG: 3, LAMP: 1})])

    ship(shop, {MUG: 1}, completes=False)
    ship(shop, {MUG: 2, LAMP: 1}, Parcel(carrier="UPS", tracking_number="second"))

    assert (shop.shipped(NUMBER), shop.shipped("second")) == ({MUG: 1}, {MUG: 2, LAMP: 1})
    assert shop.work[0].left == {MUG: 0, LAMP: 0}


def test_each_location_has_a_fulfillment_of_its_own() -> None:
    shop = Shop([Work("Berlin", {MUG: 1}), Work("Lyon", {MUG: 1, LAMP: 1}), Work("Berlin", {LAMP: 1})])

    done = ship(shop, {MUG: 2, LAMP: 2})

    assert len(done.channel_fulfillment_ids) == 2
    assert [one["lines"] for one in shop.fulfillments] == [{MUG: 1, LAMP: 1}, {MUG: 1, LAMP: 1}]
    assert shop.shipped(NUMBER) == {MUG: 2, LAMP: 2}


def test_a_location_that_has_everything_is_preferred() -> None:
    shop = Shop([Work("Berlin", {MUG: 1}), Work("Lyon", {MUG: 1, LAMP: 1})])

    ship(shop, {MUG: 1, LAMP: 1})

    assert [work.left for work in shop.work] == [{MUG: 1}, {MUG: 0, LAMP: 0}]


def test_a_location_that_is_gone_goes_by_its_name() -> None:
    shop = Shop([Work("Berlin", {MUG: 1})])
    look = shop.answer(next(CONNECTOR.push_fulfillment(push_of({MUG: 1})))).json()
    look["data"]["order"]["fulfillmentOrders"]["nodes"][0]["assignedLocation"]["location"] = None
    made = {"fulfillmentCreate": {"fulfillment": {"id": "gid://shopify/Fulfillment/7"}, "userErrors": []}}

    done, _ = rehearse(
        CONNECTOR.push_fulfillment(push_of({MUG: 1})),
        [Response(200, body=encode(look)), Response(200, body=encode({"data": made}))],
        CONNECTOR.classify,
    )

    assert done.channel_fulfillment_ids == ("7",)


@pytest.mark.parametrize(
    ("parcels", "told"),
    [
        (
            (BOX, Parcel(carrier="UPS", tracking_number="2", tracking_url="https://ups.example/2")),
            {
                "company": "UPS",
                "numbers": [NUMBER, "2"],
                "urls": [f"https://ups.example/{NUMBER}", "https://ups.example/2"],
            },
        ),
        ((BOX, Parcel(carrier="UPS", tracking_number="2")), {"company": "UPS", "numbers": [NUMBER, "2"]}),
        (
            (Parcel(carrier="UPS", tracking_number="1"), Parcel(carrier="Moon Mail", tracking_number="2")),
            {"numbers": ["1", "2"]},
        ),
        ((Parcel(carrier=" Moon Mail ", tracking_number="1"),), {"company": "Moon Mail", "number": "1"}),
        ((Parcel(carrier="dhl express"),), {"company": "DHL Express"}),
    ],
)
def test_parcels_are_told_as_shopify_wants_them(parcels: tuple[Parcel, ...], told: dict[str, Any]) -> None:
    shop = Shop([Work("Berlin", {MUG: 1})])

    ship(shop, {MUG: 1}, *parcels)

    assert sent(shop)[0]["trackingInfo"] == told


def test_one_of_two_parcels_is_enough_to_find_the_shipment() -> None:
    shop = Shop([Work("Berlin", {MUG: 1})])
    shop.add({MUG: 1}, "2")

    done = ship(shop, {MUG: 1}, BOX, Parcel(carrier="UPS", tracking_number="2"))

    assert done.repeated


def test_without_a_number_only_a_doubt_takes_another_shipment_for_ours() -> None:
    plain = Parcel(carrier="UPS")
    first, again = Shop([Work("Berlin", {MUG: 1})]), Shop([Work("Berlin", {MUG: 1})])
    first.add({MUG: 1})
    again.add({MUG: 1})
    again.add({MUG: 1}, "numbered")

    assert not ship(first, {MUG: 1}, plain).repeated
    assert ship(again, {MUG: 1}, plain, look_first=True).repeated
    assert len(again.fulfillments) == 2


def test_the_same_push_asks_the_same() -> None:
    one, other = Shop([Work("Berlin", {MUG: 2})]), Shop([Work("Berlin", {MUG: 2})])

    assert ship(one, {MUG: 1}) == ship(other, {MUG: 1})
    assert one.asked == other.asked


@st.composite
def shipments(draw: st.DrawFn) -> tuple[list[Work], list[dict[str, int]]]:
    """Open work in up to three places, and up to three parcels that together ship no more than that."""
    lines = draw(st.lists(st.sampled_from([MUG, LAMP, "3"]), min_size=1, max_size=3, unique=True))
    left = st.fixed_dictionaries({line: st.integers(0, 3) for line in lines})
    places = draw(
        st.lists(st.tuples(st.sampled_from(["Berlin", "Lyon", "Oslo"]), left), min_size=1, max_size=4)
    )
    total = {line: sum(there[line] for _, there in places) for line in lines}
    parcels = []
    for _ in range(draw(st.integers(1, 3))):
        parcel = {line: draw(st.integers(0, total[line])) for line in lines}
        total = {line: total[line] - parcel[line] for line in lines}
        parcels.append({line: quantity for line, quantity in parcel.items() if quantity})
    return [Work(place, dict(there)) for place, there in places], [parcel for parcel in parcels if parcel]


@settings(max_examples=150, deadline=None)
@given(shipments(), st.integers(1, 2))
def test_each_unit_is_fulfilled_once_whichever_answer_is_lost(
    shipment: tuple[list[Work], list[dict[str, int]]], page: int
) -> None:
    work, parcels = shipment
    whole = Shop([Work(one.place, dict(one.left)) for one in work], page)
    for index, lines in enumerate(parcels):
        ship(whole, lines, Parcel(tracking_number=f"T{index}"))

    for lost in range(1, len(whole.asked) + 1):
        shop = Shop([Work(one.place, dict(one.left)) for one in work], page)
        before = 0
        for index, lines in enumerate(parcels):
            box = Parcel(tracking_number=f"T{index}")
            try:
                drive(shop, CONNECTOR.push_fulfillment(push_of(lines, box)), lost - before)
            except ChannelError:
                ship(shop, lines, box, look_first=True)
            before = len(shop.asked)

        for index, lines in enumerate(parcels):
            assert shop.shipped(f"T{index}") == lines
        for one in shop.work:
            assert all(left >= 0 for left in one.left.values())
        assert len(shop.fulfillments) == len(whole.fulfillments)
