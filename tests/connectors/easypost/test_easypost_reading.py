"""What an EasyPost tracker says: words, times, places, and where the parcel is after all of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.easypost import CONNECTOR
from core.connector import Change, Delivery, Notice, TrackingRead, Unreadable
from core.flow import decode, encode
from core.model.tracking import Incident, Tracking, TrackingStatus

Read = Callable[..., Tracking]
S = TrackingStatus


def read(payload: Any) -> object:
    return CONNECTOR.read(Delivery("callback", {}, encode(payload)), {})


def escaped(payload: Any) -> bytes:
    """JSON in ASCII, which can hold half a surrogate pair."""
    return json.dumps(payload, default=float).encode()


def detail(status: str, when: str | None, status_detail: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "object": "TrackingDetail",
        "status": status,
        "datetime": when,
        "status_detail": status_detail,
    } | more


def test_a_tracker_is_read_whole(event: dict[str, Any], tracking_of: Read) -> None:
    tracking = tracking_of(event)

    assert (tracking.carrier, tracking.tracking_number) == ("UPS", "1Z999AA10123456784")
    assert (tracking.status, tracking.incident) == (S.OUT_FOR_DELIVERY, None)
    assert tracking.status_at == datetime(2026, 11, 24, 8, 14, tzinfo=UTC)
    assert tracking.estimated_delivery_at == datetime(2026, 11, 24, 17, tzinfo=UTC)
    assert tracking.carrier_tracker_id == "trk_5e1f"
    assert tracking.tracking_url == "https://track.easypost.com/5e1f"
    assert tracking.signed_by is None
    assert tracking.flags == ()
    first, weather, last = tracking.scans
    assert (first.status, first.code, first.place) == (S.PENDING, "MP", "DE")
    assert (weather.status, weather.incident, weather.place) == (
        S.IN_TRANSIT, Incident.WEATHER, "HERNE, NW, DE"
    )  # fmt: skip
    assert weather.scanned_at == datetime(2026, 11, 22, 22, 5, tzinfo=UTC)
    assert weather.scanned_at.utcoffset() == timedelta(0)
    assert (last.code, last.message) == ("out_for_delivery", "Out for Delivery")


def test_nothing_of_the_documented_shape_goes_unnoticed(event: dict[str, Any]) -> None:
    assert CONNECTOR.unread(Delivery("callback", {}, encode(event))) == []
    event["result"]["tracking_details"][1]["proof_of_delivery"] = "x"
    event["result"]["brand"] = "y"

    unread = CONNECTOR.unread(Delivery("callback", {}, encode(event)))

    assert set(unread) == {"brand", "tracking_details.*.proof_of_delivery"}
    assert CONNECTOR.unread(Delivery("callback", {}, b"no json")) == []


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("unknown", S.UNKNOWN), ("pre_transit", S.PENDING), ("in_transit", S.IN_TRANSIT),
        ("out_for_delivery", S.OUT_FOR_DELIVERY), ("available_for_pickup", S.READY_FOR_PICKUP),
        ("delivered", S.DELIVERED), ("return_to_sender", S.RETURN_TO_SENDER), ("failure", S.DELIVERY_FAILED),
        ("cancelled", S.CANCELLED), ("error", S.UNKNOWN),
    ],
)  # fmt: skip
def test_each_of_easyposts_ten_words_is_one_of_ours(
    word: str, status: TrackingStatus, tracker: dict[str, Any], tracking_of: Read
) -> None:
    tracking = tracking_of({**tracker, "status": word, "status_detail": None, "tracking_details": []})

    assert (tracking.status, tracking.flags) == (status, ())


@pytest.mark.parametrize(
    ("word", "incident"),
    [
        ("address_correction", Incident.ADDRESS), ("damaged", Incident.DAMAGED), ("lost", Incident.LOST),
        ("refused", Incident.REFUSED), ("weather_delay", Incident.WEATHER), ("delayed", Incident.OTHER),
        ("delivery_exception", Incident.OTHER), ("transit_exception", Incident.OTHER), ("held", Incident.OTHER),
        ("missorted", Incident.OTHER), ("failure", Incident.OTHER), ("awaiting_information", Incident.OTHER),
        ("arrived_at_facility", None), ("departed_facility", None), ("label_created", None), ("unknown", None),
        ("status_update", None), ("return", None), ("cancelled", None), ("expired", None), ("in_transit", None),
        ("arrived_at_destination", None), ("arrived_at_pickup_location", None), ("out_for_delivery", None),
        ("departed_origin_facility", None), ("received_at_destination_facility", None),
        ("received_at_origin_facility", None), ("transferred_to_destination_carrier", None),
    ],
)  # fmt: skip
def test_each_detail_says_whether_something_went_wrong(
    word: str, incident: Incident | None, tracker: dict[str, Any], tracking_of: Read
) -> None:
    tracking = tracking_of({**tracker, "status_detail": word})

    assert (tracking.incident, tracking.flags) == (incident, ())
    assert tracking.status is S.OUT_FOR_DELIVERY


def test_an_unknown_word_keeps_what_is_known_and_is_flagged(
    tracker: dict[str, Any], tracking_of: Read
) -> None:
    tracker["status"] = "beamed_up"
    tracker["tracking_details"].append(
        detail("beamed_up", "2026-11-24T09:00:00Z", "sparkling", carrier_code="ZZ")
    )

    tracking = tracking_of(tracker)

    assert (tracking.status, tracking.status_at) == (
        S.OUT_FOR_DELIVERY, datetime(2026, 11, 24, 8, 14, tzinfo=UTC)
    )  # fmt: skip
    assert set(tracking.flags) == {"unknown_status", "unknown_status_detail"}
    assert (tracking.scans[-1].status, tracking.scans[-1].code) == (S.UNKNOWN, "beamed_up")


def test_merchants_teach_words_and_only_ours_count(tracker: dict[str, Any], tracking_of: Read) -> None:
    tracker |= {"status": "beamed_up", "status_detail": "sparkling", "tracking_details": []}

    taught = tracking_of(
        tracker, {"status": {"beamed_up": "picked_up"}, "incident": {"sparkling": "customs"}}
    )
    mistaken = tracking_of(tracker, {"status": {"beamed_up": "up"}, "incident": {"sparkling": "odd"}})

    assert (taught.status, taught.incident, taught.flags) == (S.PICKED_UP, Incident.CUSTOMS, ())
    assert (mistaken.status, mistaken.incident) == (S.UNKNOWN, None)
    assert mistaken.flags == ("unknown_status", "unknown_status_detail")


@pytest.mark.parametrize(
    "written", ["2026-11-24T09:00:00", "24.11.2026 09:00", 1795510800, "2026-13-01T00:00:00Z"]
)
def test_a_time_without_a_zone_or_sense_is_not_guessed(
    written: Any, tracker: dict[str, Any], tracking_of: Read
) -> None:
    tracker["tracking_details"].append(detail("delivered", written))
    tracker["est_delivery_date"] = written

    tracking = tracking_of({**tracker, "status": "unknown"})

    assert tracking.estimated_delivery_at is None
    assert tracking.scans[0].scanned_at is None
    assert tracking.scans[0].status is S.DELIVERED
    assert tracking.flags == ("unreadable_time",)
    # It is before all scans with a time, and what came after takes it back.
    assert (tracking.status, tracking.incident) == (S.DELIVERED, Incident.OTHER)


def test_scans_are_put_in_the_order_of_their_times(tracker: dict[str, Any], tracking_of: Read) -> None:
    straight = tracking_of(tracker)
    tracker["tracking_details"].reverse()

    assert tracking_of(tracker) == straight


def test_easyposts_own_word_counts_at_the_newest_scan_and_after_it(
    tracker: dict[str, Any], tracking_of: Read
) -> None:
    newest = datetime(2026, 11, 24, 8, 14, tzinfo=UTC)

    further = tracking_of({**tracker, "status": "delivered"})
    back = tracking_of({**tracker, "status": "in_transit", "status_detail": "held"})

    assert (further.status, further.status_at) == (S.DELIVERED, newest)
    assert (back.status, back.status_at, back.incident) == (S.IN_TRANSIT, newest, Incident.OTHER)


def test_a_delivery_that_easypost_still_stands_by_is_not_taken_back(
    tracker: dict[str, Any], tracking_of: Read
) -> None:
    tracker["tracking_details"].insert(0, detail("delivered", "2026-11-20T10:00:00Z"))

    stood_by = tracking_of({**tracker, "status": "delivered"})
    taken_back = tracking_of({**tracker, "status": "in_transit"})

    assert (stood_by.status, stood_by.incident) == (S.DELIVERED, None)
    assert (taken_back.status, taken_back.incident) == (S.DELIVERED, Incident.OTHER)
    assert taken_back.status_at == datetime(2026, 11, 20, 10, tzinfo=UTC)


def test_a_word_that_repeats_the_newest_scan_takes_no_incident_away(
    tracker: dict[str, Any], tracking_of: Read
) -> None:
    tracker["tracking_details"].append(detail("failure", "2026-11-24T09:00:00Z", "damaged"))

    tracking = tracking_of({**tracker, "status": "failure", "status_detail": "unknown"})

    assert (tracking.status, tracking.incident) == (S.DELIVERY_FAILED, Incident.DAMAGED)


def test_without_scans_easyposts_own_word_counts_at_its_update(
    tracker: dict[str, Any], tracking_of: Read
) -> None:
    said = tracking_of({**tracker, "tracking_details": []})
    silent = tracking_of({**tracker, "tracking_details": [], "updated_at": None})
    nothing = tracking_of({"object": "Tracker", "tracking_code": "X"})

    assert said.status_at == datetime(2026, 11, 24, 9, 31, tzinfo=UTC)
    assert (silent.status, silent.status_at) == (S.OUT_FOR_DELIVERY, None)
    assert (nothing.status, nothing.status_at, nothing.flags) == (S.UNKNOWN, None, ())


def test_every_tracker_of_a_body_is_read(tracker: dict[str, Any]) -> None:
    other = {**tracker, "tracking_code": "JD014600003GB"}
    unnamed = {key: value for key, value in tracker.items() if key != "object"}

    listed = read({"trackers": [tracker, other], "has_more": False})
    bought = read({"object": "Shipment", "tracking_code": "1Z", "tracker": tracker})
    ordered = read(
        {"object": "Order", "shipments": [{"object": "Shipment", "tracker": t} for t in (tracker, other)]}
    )
    bare = read(unnamed)

    for reading, count in ((listed, 2), (bought, 1), (ordered, 2), (bare, 1)):
        assert isinstance(reading, TrackingRead)
        assert [one.tracking_number for one in reading.trackings] == ["1Z999AA10123456784", "JD014600003GB"][
            :count
        ]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"object": "Event", "description": "batch.created", "result": {"object": "Batch"}}, "batch.created"),
        ({"object": "Event", "description": "tracker.updated"}, "tracker.updated without its tracker"),
        ({"events": [], "has_more": False}, "events"),
        ({"webhook": {"object": "Webhook", "url": "https://x"}}, "webhook"),
        ({"object": "Webhook"}, "Webhook"),
        ([{"object": "Refund", "tracking_code": "94"}], "a list of 1"),
        ({}, "without a tracker"),
    ],
)
def test_a_body_without_a_tracker_is_a_notice(payload: Any, message: str) -> None:
    reading = read(payload)

    assert isinstance(reading, Notice)
    assert (reading.subject, reading.change) == ("other", Change.NONE)
    assert message in reading.message


@pytest.mark.parametrize("code", [None, "", "  ", 42, ["1Z"], "1Z\n9", "x" * 101, "ü1"])
def test_a_tracker_without_a_readable_tracking_code_is_parked_with_its_place(
    code: Any, event: dict[str, Any]
) -> None:
    event["result"]["tracking_code"] = code

    reading = read(event)

    assert isinstance(reading, Unreadable)
    assert [reason.pointer for reason in reading.reasons] == ["/result/tracking_code"]
    assert reading.reasons[0].message


def test_one_unreadable_tracker_parks_its_list(tracker: dict[str, Any]) -> None:
    del tracker["id"]
    broken = {key: value for key, value in tracker.items() if key != "tracking_code"}

    reading = read({"trackers": [tracker, broken]})

    assert isinstance(reading, Unreadable)
    assert [reason.pointer for reason in reading.reasons] == ["/trackers/1/tracking_code"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"null", b"3", b'"x"', b"NaN", b"[" * 70 + b"]" * 70, b"webhook_id=1"]
)
def test_a_body_that_is_no_object_is_parked(body: bytes) -> None:
    reading = CONNECTOR.read(Delivery("callback", {}, body), {})

    assert isinstance(reading, Unreadable)
    assert reading.reasons[0].code in ("json", "shape")


def test_an_event_of_a_tracker_that_is_none_is_parked() -> None:
    reading = read({"object": "Event", "description": "tracker.updated", "result": {"object": "Thing"}})

    assert isinstance(reading, Unreadable)
    assert reading.reasons[0].pointer == "/result"


def test_another_topic_is_none_of_ours(event: dict[str, Any]) -> None:
    assert isinstance(CONNECTOR.read(Delivery("orders/create", {}, encode(event)), {}), Notice)


ODD = [None, "", "x", "\x00", "\ud800", 0, 10**40, True, [], [1], {}, {"x": 1}, [None], [[]]]


@pytest.mark.parametrize("name", ["id", "status", "status_detail", "carrier", "signed_by", "updated_at",
                                  "est_delivery_date", "public_url", "tracking_details", "weight"])  # fmt: skip
def test_an_odd_field_costs_no_more_than_itself(
    name: str, tracker: dict[str, Any], tracking_of: Read
) -> None:
    whole = tracking_of(tracker)
    for value in ODD:
        tracking = tracking_of(escaped({**tracker, name: value}))
        assert tracking.tracking_number == whole.tracking_number
        if name != "tracking_details":
            assert tracking.scans == whole.scans
            assert tracking.status_at == whole.status_at


@pytest.mark.parametrize(
    "name", ["status", "status_detail", "datetime", "message", "carrier_code", "tracking_location"]
)
def test_an_odd_field_of_a_scan_costs_no_more_than_itself(
    name: str, tracker: dict[str, Any], tracking_of: Read
) -> None:
    for value in ODD:
        tracker["tracking_details"][1][name] = value
        tracking = tracking_of(escaped(tracker))
        assert len(tracking.scans) == 3
        assert tracking.status is S.OUT_FOR_DELIVERY


def test_a_key_given_twice_and_a_number_that_is_none_are_flagged(tracking_of: Read) -> None:
    body = b'{"object":"Tracker","tracking_code":"1Z","status":"delivered","carrier":NaN,"id":"a","id":"b"}'

    tracking = tracking_of(body)

    assert (tracking.carrier, tracking.carrier_tracker_id, tracking.flags) == (
        None,
        None,
        ("unreadable_field",),
    )


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=9), st.sampled_from(["delivered", "Tracker"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from([
                "object", "result", "tracker", "trackers", "tracking_code", "tracking_details", "status", "datetime",
                "status_detail", "tracking_location", "city", "description", "updated_at", "a/b~c",
            ]),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(anything)
def test_no_body_breaks_the_reading(payload: Any) -> None:
    reading = read(payload)

    assert isinstance(reading, TrackingRead | Notice | Unreadable)
    if isinstance(reading, TrackingRead):
        assert all(one.tracking_number for one in reading.trackings)
    if isinstance(reading, Unreadable):
        assert reading.reasons


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://x", "https://a b", "//x"])
def test_only_a_web_address_is_shown_as_one(url: str, tracker: dict[str, Any], tracking_of: Read) -> None:
    tracking = tracking_of({**tracker, "public_url": url})

    assert (tracking.tracking_url, tracking.flags) == (None, ("unreadable_field",))


def test_the_same_body_always_reads_the_same(event: dict[str, Any], tracking_of: Read) -> None:
    assert tracking_of(event) == tracking_of(decode(encode(event)))
