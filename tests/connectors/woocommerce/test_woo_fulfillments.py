"""Telling a WooCommerce shop what was shipped: each parcel once, whatever answer is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shipping_shop import ORDER, Shop, drive

from connectors.woocommerce import CONNECTOR
from core.connector import PushesTracking, TellsBudget
from core.errors import ChannelError, ErrorCode
from core.flow import Response, decode, encode, rehearse
from core.model.fulfillment import FulfillmentPush, FulfillmentPushed, LineQuantity, Parcel

NUMBER = "1Z999AA10123456784"
LINK = f"https://ups.example/track?a=1&b={NUMBER}"
BOX = Parcel(carrier="UPS", tracking_number=NUMBER, tracking_url=LINK)
EVERYTHING = {"11": 3, "12": 1}


def push_of(*parcels: Parcel, lines: dict[str, int] | None = None, **more: Any) -> FulfillmentPush:
    plain = {
        "key": "5a1c", "channel_order_id": ORDER, "shipped_at": datetime(2026, 11, 24, 23, 30, tzinfo=UTC),
        "completes": True,
    }  # fmt: skip
    units = (LineQuantity(line_id=i, quantity=n) for i, n in (lines or EVERYTHING).items())
    return FulfillmentPush(**plain | more, lines=tuple(units), parcels=parcels or (BOX,))


def ship(shop: Shop, *parcels: Parcel, **more: Any) -> FulfillmentPushed:
    return drive(shop, CONNECTOR.push_fulfillment(push_of(*parcels, **more)))


def refused(shop: Shop, **more: Any) -> ChannelError:
    with pytest.raises(ChannelError) as raised:
        ship(shop, **more)
    return raised.value


def steps(shop: Shop) -> list[str]:
    return [f"{one.method} {one.path.split(f'/orders/{ORDER}')[-1]}".strip() for one in shop.asked]


def test_a_shop_without_an_extension_gets_a_note_a_record_and_the_status() -> None:
    shop = Shop()

    done = ship(shop)

    assert steps(shop) == ["GET", "GET /shipment-trackings", "GET /notes", "POST /notes", "PUT"]
    assert dict(shop.asked[0].query)["_fields"] == "id,status,line_items,meta_data"
    assert done == FulfillmentPushed(channel_fulfillment_ids=("9007199254740994",), repeated=False)
    assert shop.notes[0]["note"] == (
        f"The order was shipped on 2026-11-24.\nCarrier UPS, tracking number {NUMBER}, {LINK}\n(Reference 5a1c)"
    )
    assert shop.notes[0]["customer_note"] is False
    (meta,) = shop.order["meta_data"]
    assert (meta["key"], shop.order["status"]) == ("_fairway_shipment_5a1c", "completed")
    assert decode(meta["value"].encode()) == {
        "shipped_at": "2026-11-24T23:30:00+00:00",
        "parcels": [{"carrier": "UPS", "tracking_number": NUMBER, "tracking_url": LINK}],
        "lines": [{"line_id": "11", "quantity": 3}, {"line_id": "12", "quantity": 1}],
    }


def test_with_shipment_tracking_the_parcel_is_there_before_the_order_is_completed() -> None:
    shop = Shop(tracking=True)

    done = ship(shop)

    assert steps(shop)[3:] == ["POST /shipment-trackings", "POST /notes", "PUT"]
    assert done.channel_fulfillment_ids == ("0" * 32,)
    assert shop.parcels == [
        {
            "tracking_id": "0" * 32,
            "tracking_number": NUMBER,
            "date_shipped": "2026-11-24",
            "custom_tracking_provider": "UPS",
            "custom_tracking_link": LINK,
        }
    ]


def test_a_carrier_that_the_extension_knows_needs_no_link() -> None:
    shop = Shop(tracking=True)

    ship(
        shop,
        Parcel(carrier="USPS", tracking_number="94"),
        Parcel(tracking_number="95", tracking_url="https://x/95"),
    )

    known, other = shop.parcels
    assert (known["tracking_provider"], "custom_tracking_provider" in known) == ("USPS", False)
    assert other["custom_tracking_provider"] == "Parcel"


def test_a_carrier_that_nobody_knows_is_told_by_the_note_alone() -> None:
    shop = Shop(tracking=True)

    done = ship(shop, Parcel(carrier="Moon Mail", tracking_number="M1"))

    assert (shop.told("M1"), shop.order["status"]) == ((1, 0), "completed")
    assert done.channel_fulfillment_ids == ("9007199254740994",)


def test_a_parcel_with_a_link_that_the_extension_refuses_stops_everything() -> None:
    shop = Shop(tracking=True)
    flow = CONNECTOR.push_fulfillment(push_of())
    flow.send(shop.answer(flow.send(shop.answer(flow.send(shop.answer(next(flow)))))))

    with pytest.raises(ChannelError):
        flow.throw(ChannelError(ErrorCode.REJECTED, "Invalid link"))


def test_the_buyer_gets_the_note_where_that_is_asked_for() -> None:
    shop = Shop()

    ship(shop, notify_buyer=True)

    assert shop.notes[0]["customer_note"] is True


def test_two_parcels_and_one_without_a_number_are_told_together() -> None:
    shop = Shop(tracking=True)

    done = ship(shop, BOX, Parcel(carrier="UPS", tracking_number="2"), Parcel(carrier="Courier"))

    assert len(done.channel_fulfillment_ids) == 2
    assert (shop.told(NUMBER), shop.told("2")[1]) == ((1, 1), 1)
    assert "Carrier UPS, tracking number 2\nCarrier Courier\n(Reference" in shop.notes[0]["note"]


def test_a_part_leaves_the_status_and_says_so() -> None:
    shop = Shop(tracking=True)

    ship(shop, lines={"11": 1}, completes=False)
    assert (shop.order["status"], shop.notes[0]["note"].startswith("A part of the order was")) == (
        "processing",
        True,
    )

    ship(shop, Parcel(carrier="UPS", tracking_number="second"), lines={"11": 2, "12": 1}, key="5a1c0")
    assert (shop.order["status"], shop.completed) == ("completed", 1)
    assert [item["key"] for item in shop.order["meta_data"]] == [
        "_fairway_shipment_5a1c",
        "_fairway_shipment_5a1c0",
    ]
    assert (shop.told(NUMBER), shop.told("second")) == ((1, 1), (1, 1))


@pytest.mark.parametrize("tracking", [False, True])
def test_what_is_there_already_is_not_told_again(*, tracking: bool) -> None:
    shop = Shop(tracking=tracking)
    first = ship(shop)
    before = len(shop.asked)
    shop.order["status"] = "refunded"  # whatever became of it since

    again = ship(shop, look_first=True)

    assert (again.repeated, again.channel_fulfillment_ids) == (True, first.channel_fulfillment_ids)
    assert all(request.reads for request in shop.asked[before:])


def test_a_parcel_that_a_person_has_entered_is_not_added_again() -> None:
    shop = Shop(tracking=True)
    shop.parcels = [
        {"tracking_id": "by hand", "tracking_number": "1z 999aa10123456784"},
        {"tracking_id": "x"},
    ]

    done = ship(shop)

    assert (len(shop.parcels), done.channel_fulfillment_ids, done.repeated) == (2, ("by hand",), False)


def test_an_order_that_is_completed_already_keeps_its_status() -> None:
    shop = Shop("completed")

    ship(shop)

    assert "status" not in decode(shop.asked[-1].body or b"")
    assert (shop.completed, len(shop.order["meta_data"])) == (0, 1)


@pytest.mark.parametrize("status", ["pending", "on-hold", "processing", "awaiting-pickup"])
def test_an_order_that_is_under_way_is_completed(status: str) -> None:
    shop = Shop(status)

    ship(shop)

    assert shop.order["status"] == "completed"


@pytest.mark.parametrize("completes", [True, False])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("cancelled", "was cancelled"), ("refunded", "was refunded"), ("failed", "was never paid"),
        ("trash", "is in the trash"),
    ],
)  # fmt: skip
def test_an_order_that_is_over_is_left_alone(status: str, words: str, *, completes: bool) -> None:
    shop = Shop(status, tracking=True)

    error = refused(shop, completes=completes)

    assert (error.code, words in error.message) == (ErrorCode.REJECTED, True)
    assert steps(shop) == ["GET"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ({"11": 4}, "Line 11: 4 shipped, but the order in the shop has 3."),
        ({"12": 1, "13": 1}, "Line 13: 1 shipped, but the order in the shop has 0."),
    ],
)
def test_more_than_was_ordered_is_refused_with_the_numbers(lines: dict[str, int], words: str) -> None:
    shop = Shop()

    error = refused(shop, lines=lines)

    assert (error.code, error.message, steps(shop)) == (ErrorCode.REJECTED, words, ["GET"])


@pytest.mark.parametrize(
    ("written", "units"), [("2.5", 3), (2, 2), ("x", 0), ("NaN", 0), ("Infinity", 0), (None, 0)]
)
def test_goods_sold_by_the_metre_count_as_whole_units(written: Any, units: int) -> None:
    shop = Shop()
    shop.order["line_items"] = [{"id": 11, "quantity": written}]

    assert f"has {units}." in refused(shop, lines={"11": 4}).message


def test_an_order_that_is_not_there_is_told_so() -> None:
    assert refused(Shop(), channel_order_id="12").code is ErrorCode.NOT_FOUND


def test_another_404_does_not_mean_that_the_extension_is_missing() -> None:
    shop = Shop()
    flow = CONNECTOR.push_fulfillment(push_of())
    flow.send(shop.answer(next(flow)))

    with pytest.raises(ChannelError):
        flow.throw(ChannelError(ErrorCode.NOT_FOUND, "HTTP 404 with 12 bytes of text/html"))


@pytest.mark.parametrize(
    "order",
    [
        {"id": 5, "status": "processing", "line_items": [], "meta_data": []},
        {"id": int(ORDER), "status": "processing", "line_items": []},
        {"id": int(ORDER), "status": "processing", "line_items": [7], "meta_data": []},
        {"id": int(ORDER), "status": "processing", "line_items": [], "meta_data": {"0": {}}},
        [],
    ],
)
def test_an_answer_of_another_shape_writes_nothing(order: Any) -> None:
    with pytest.raises(ChannelError) as raised:
        rehearse(
            CONNECTOR.push_fulfillment(push_of()), [Response(200, body=encode(order))], CONNECTOR.classify
        )

    assert raised.value.code is ErrorCode.UNEXPECTED


def test_the_reference_of_another_shipment_is_not_taken_for_ours() -> None:
    shop = Shop()
    shop.notes += [{"id": 2, "note": "(Reference 5a1c0)"}, {"id": 3, "note": f"I sent {NUMBER} myself"}]

    ship(shop)

    assert len(shop.notes) == 4


def test_the_same_push_asks_the_same() -> None:
    one, other = Shop(tracking=True), Shop(tracking=True)

    assert ship(one) == ship(other)
    assert one.asked == other.asked


def test_a_shop_takes_no_whereabouts_and_tells_no_budget() -> None:
    assert not isinstance(CONNECTOR, PushesTracking | TellsBudget)


@settings(max_examples=60, deadline=None)
@given(
    tracking=st.booleans(),
    notify=st.booleans(),
    carrier=st.sampled_from(["UPS", "Moon Mail"]),
    boxes=st.lists(st.integers(1, 3), min_size=1, max_size=3),
)
def test_each_parcel_is_told_once_whichever_answer_is_lost(
    *, tracking: bool, notify: bool, carrier: str, boxes: list[int]
) -> None:
    """*boxes* is how many parcels each shipment of the order has; one shipment follows the other."""

    def pushes() -> list[FulfillmentPush]:
        return [
            push_of(
                *(Parcel(carrier=carrier, tracking_number=f"T{index}-{box}.") for box in range(count)),
                lines={"11": 1},
                key=f"key-{index}",
                completes=index == len(boxes) - 1,
                notify_buyer=notify,
            )
            for index, count in enumerate(boxes)
        ]

    whole = Shop(tracking=tracking)
    for push in pushes():
        drive(whole, CONNECTOR.push_fulfillment(push))

    for lost in range(1, len(whole.asked) + 1):
        shop = Shop(tracking=tracking)
        for push in pushes():
            try:
                drive(shop, CONNECTOR.push_fulfillment(push), lost - len(shop.asked))
            except ChannelError:
                drive(shop, CONNECTOR.push_fulfillment(push.model_copy(update={"look_first": True})))

        assert (shop.order, shop.completed) == (whole.order, 1)
        assert shop.parcels == whole.parcels
        assert shop.notes == whole.notes
        for push in pushes():
            for parcel in push.parcels:
                assert shop.told(parcel.tracking_number or "") == (1, int(tracking and carrier == "UPS"))
