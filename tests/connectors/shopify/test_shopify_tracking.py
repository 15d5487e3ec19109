"""Telling a Shopify shop where a parcel is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from fulfilling_shop import ORDER, Shop, drive

from connectors.shopify import CONNECTOR
from core.errors import ChannelError, ErrorCode
from core.flow import decode, rehearse
from core.model.fulfillment import TrackingPush
from core.model.tracking import TrackingStatus

AT = datetime(2026, 11, 24, 10, 0, 7, 250_000, tzinfo=UTC)
TOLD = "2026-11-24T10:00:07Z"


def push_of(
    *fulfillments: str, status: TrackingStatus = TrackingStatus.DELIVERED, **more: Any
) -> TrackingPush:
    return TrackingPush(
        **{"key": "5a1c", "channel_order_id": ORDER, "tracking_number": "1Z", "happened_at": AT} | more,
        channel_fulfillment_ids=fulfillments,
        status=status,
    )


def test_where_a_parcel_is_becomes_an_event() -> None:
    shop = Shop([])
    one = shop.add({"1": 1}, "1Z")

    drive(shop, CONNECTOR.push_tracking(push_of(one)))

    (asked,) = shop.asked
    assert (asked.reads, asked.family) == (False, "graphql")
    assert decode(asked.body or b"")["variables"]["event"] == {
        "fulfillmentId": f"gid://shopify/Fulfillment/{one}",
        "status": "DELIVERED",
        "happenedAt": TOLD,
    }


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("pending", None), ("picked_up", "CARRIER_PICKED_UP"), ("in_transit", "IN_TRANSIT"),
        ("out_for_delivery", "OUT_FOR_DELIVERY"), ("ready_for_pickup", "READY_FOR_PICKUP"), ("delivered", "DELIVERED"),
        ("delivery_failed", "ATTEMPTED_DELIVERY"), ("delivery_delayed", "DELAYED"), ("on_hold", None),
        ("return_to_sender", "FAILURE"), ("cancelled", None), ("unknown", None),
    ],
)  # fmt: skip
def test_each_status_has_its_word_or_asks_for_nothing(status: str, word: str | None) -> None:
    shop = Shop([])
    one = shop.add({"1": 1}, "1Z")

    flow = CONNECTOR.push_tracking(push_of(one, status=TrackingStatus(status), look_first=True))
    if word is None:
        assert rehearse(flow, []) == (None, [])
    else:
        drive(shop, flow)
        assert [event["status"] for event in shop.events[f"gid://shopify/Fulfillment/{one}"]] == [word]


def test_every_status_was_decided_about() -> None:
    decided = test_each_status_has_its_word_or_asks_for_nothing.pytestmark[0].args[1]  # type: ignore[attr-defined]  # pytest keeps it there

    assert {status for status, _ in decided} == set(TrackingStatus)


def test_an_event_that_is_there_is_found_on_any_page_and_in_any_zone() -> None:
    shop = Shop([], page=1)
    one = shop.add({"1": 1}, "1Z")
    events = shop.events[f"gid://shopify/Fulfillment/{one}"]
    events += [
        {"status": "DELIVERED", "happenedAt": "2026-11-24T11:00:07+01:00"},
        {"status": "IN_TRANSIT", "happenedAt": TOLD},
        {"status": "DELIVERED", "happenedAt": "2026-11-25T10:00:07Z"},
        {"status": "DELIVERED", "happenedAt": "sometime"},
    ]

    local = AT.astimezone(timezone(timedelta(hours=9)))
    drive(shop, CONNECTOR.push_tracking(push_of(one, look_first=True, happened_at=local)))

    assert (len(events), [request.reads for request in shop.asked]) == (4, [True] * 4)


def test_another_event_is_not_taken_for_this_one() -> None:
    shop = Shop([])
    one = shop.add({"1": 1}, "1Z")
    events = shop.events[f"gid://shopify/Fulfillment/{one}"]
    events += [
        {"status": "IN_TRANSIT", "happenedAt": TOLD},
        {"status": "DELIVERED", "happenedAt": "2026-11-24T10:00:08Z"},
    ]

    drive(shop, CONNECTOR.push_tracking(push_of(one, look_first=True)))

    assert events[2] == {"status": "DELIVERED", "happenedAt": TOLD}


@pytest.mark.parametrize("fulfillments", [1, 2, 3])
def test_each_fulfillment_has_the_event_once_whichever_answer_is_lost(fulfillments: int) -> None:
    whole = Shop([])
    ids = [whole.add({"1": 1}, "1Z") for _ in range(fulfillments)]
    drive(whole, CONNECTOR.push_tracking(push_of(*ids)))

    for lost in range(1, len(whole.asked) + 1):
        shop = Shop([])
        ids = [shop.add({"1": 1}, "1Z") for _ in range(fulfillments)]
        with pytest.raises(ChannelError):
            drive(shop, CONNECTOR.push_tracking(push_of(*ids)), lost)
        drive(shop, CONNECTOR.push_tracking(push_of(*ids, look_first=True)))

        assert list(shop.events.values()) == [[{"status": "DELIVERED", "happenedAt": TOLD}]] * fulfillments


def test_of_several_fulfillments_none_is_told_twice_though_the_second_was_only_throttled() -> None:
    shop = Shop([])
    ids = [shop.add({"1": 1}, "1Z") for _ in range(2)]
    flow = CONNECTOR.push_tracking(push_of(*ids))
    look = flow.send(shop.answer(flow.send(shop.answer(next(flow)))))
    flow.send(shop.answer(look))
    with pytest.raises(ChannelError):
        flow.throw(ChannelError(ErrorCode.RATE_LIMITED, "Throttled"))

    drive(shop, CONNECTOR.push_tracking(push_of(*ids)))

    assert [len(events) for events in shop.events.values()] == [1, 1]


def test_a_fulfillment_that_is_gone_is_told_so() -> None:
    with pytest.raises(ChannelError) as looked:
        drive(Shop([]), CONNECTOR.push_tracking(push_of("7", look_first=True)))
    with pytest.raises(ChannelError) as told:
        drive(Shop([]), CONNECTOR.push_tracking(push_of("7")))

    assert looked.value.code is ErrorCode.NOT_FOUND
    assert (told.value.code, told.value.message) == (ErrorCode.REJECTED, "Fulfillment does not exist.")
