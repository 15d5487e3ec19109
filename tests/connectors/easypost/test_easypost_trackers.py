"""Having EasyPost follow a parcel: once, under its own names of carriers."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.easypost import CONNECTOR
from connectors.easypost.trackers import carrier_name
from core.connector import Delivery, Page, TrackingRead
from core.errors import ChannelError, ErrorCode
from core.flow import Request, Response, decode, encode, rehearse
from core.model.fulfillment import TrackerWanted

NUMBER = "1Z999AA10123456784"


def create(
    *answers: Any, number: str = NUMBER, carrier: str = "ups", look_first: bool = False
) -> tuple[Page, list[Request]]:
    wanted = TrackerWanted(key="k", tracking_number=number, carrier=carrier, look_first=look_first)
    responses = [a if isinstance(a, Response) else Response(200, {}, encode(a)) for a in answers]
    return rehearse(CONNECTOR.create_tracker(wanted), responses, CONNECTOR.classify)


def body_of(request: Request) -> Any:
    assert request.body is not None
    return decode(request.body)


def test_a_tracker_is_made_and_what_is_known_comes_back_as_a_callback(tracker: dict[str, Any]) -> None:
    page, (made,) = create(Response(201, {}, encode(tracker)))

    assert (made.method, made.path, made.reads) == ("POST", "/v2/trackers", False)
    assert body_of(made) == {"tracker": {"tracking_code": NUMBER, "carrier": "UPS"}}
    assert (page.topic, page.next_cursor, len(page.items)) == ("callback", None, 1)
    reading = CONNECTOR.read(Delivery(page.topic, {}, page.items[0]), {})
    assert isinstance(reading, TrackingRead)
    assert reading.trackings[0].carrier_tracker_id == "trk_5e1f"


def test_after_a_lost_answer_the_tracker_is_looked_for_first(tracker: dict[str, Any]) -> None:
    other = {**tracker, "id": "trk_other", "carrier": "USPS"}

    page, (looked,) = create({"trackers": [other, tracker], "has_more": False}, look_first=True)

    assert (looked.method, looked.path, looked.reads) == ("GET", "/v2/trackers", True)
    assert dict(looked.query) == {"tracking_code": NUMBER, "carrier": "UPS", "page_size": "100"}
    assert decode(page.items[0]) == tracker


def test_where_it_is_not_found_it_is_made(tracker: dict[str, Any]) -> None:
    elsewhere = {**tracker, "tracking_code": "1Z0"}

    page, (looked, made) = create({"trackers": [elsewhere], "has_more": False}, tracker, look_first=True)

    assert (looked.method, made.method) == ("GET", "POST")
    assert decode(page.items[0]) == tracker


def test_the_spelling_of_a_number_is_no_difference(tracker: dict[str, Any]) -> None:
    page, _ = create({"trackers": [tracker]}, number="1z 999 aa1 0123456784", look_first=True)

    assert decode(page.items[0]) == tracker


def test_a_parcel_without_a_carrier_is_left_to_easyposts_own_guess(tracker: dict[str, Any]) -> None:
    _, (made,) = create(tracker, carrier=" ")

    assert body_of(made) == {"tracker": {"tracking_code": NUMBER}}


@pytest.mark.parametrize(
    "answer", [{}, [], {"tracking_code": "other"}, {"object": "Tracker", "tracking_code": None}]
)
def test_an_answer_about_something_else_is_unexpected(answer: Any) -> None:
    with pytest.raises(ChannelError) as raised:
        create(answer)

    assert raised.value.code is ErrorCode.UNEXPECTED


@pytest.mark.parametrize("answer", [{}, [], {"trackers": None}, {"trackers": ["x"]}])
def test_a_look_that_shows_nothing_makes_nothing(answer: Any) -> None:
    with pytest.raises(ChannelError) as raised:
        create(answer, look_first=True)

    assert raised.value.code is ErrorCode.UNEXPECTED


def test_a_refusal_goes_to_who_asked() -> None:
    said = {"error": {"code": "TRACKER.CREATE.ERROR", "message": "carrier is unsupported", "errors": []}}

    with pytest.raises(ChannelError) as raised:
        create(Response(422, {}, encode(said)))

    assert raised.value.code is ErrorCode.REJECTED
    assert raised.value.message == "carrier is unsupported (TRACKER.CREATE.ERROR)"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ups", "UPS"), ("UPS", "UPS"), (" U.P.S. ", "UPS"), ("usps", "USPS"), ("FEDEX", "FedEx"), ("Fed Ex", "FedEx"),
        ("dhl express", "DHLExpress"), ("DHL_EXPRESS", "DHLExpress"), ("DHL-Express", "DHLExpress"),
        ("DHLExpress", "DHLExpress"), ("Royal Mail", "RoyalMail"), ("canada post", "CanadaPost"), ("dpd-uk", "DPDUK"),
        ("Moon Mail", "Moon Mail"), (" dhl ", "dhl"), ("", ""),
    ],
)  # fmt: skip
def test_carriers_go_by_easyposts_names_and_unknown_ones_by_their_own(written: str, name: str) -> None:
    assert carrier_name(written) == name
