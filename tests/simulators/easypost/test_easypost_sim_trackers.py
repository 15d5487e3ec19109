"""Making, reading and moving trackers."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from easypost_sim_rig import Api, Clock
from hypothesis import given
from hypothesis import strategies as st

from simulators.courier import Courier
from simulators.easypost import EasyPostSimulator, TrackerMade
from simulators.easypost.journeys import journey

TEST_CODES = {
    "EZ1000000001": "pre_transit",
    "EZ2000000002": "in_transit",
    "EZ3000000003": "out_for_delivery",
    "EZ4000000004": "delivered",
    "EZ5000000005": "return_to_sender",
    "EZ6000000006": "failure",
    "EZ7000000007": "unknown",
}


async def test_a_tracker_is_made_once_for_a_code_and_carrier(
    easypost: EasyPostSimulator, clock: Clock, api: Api
) -> None:
    body = {"tracker": {"tracking_code": "9400", "carrier": "USPS"}}

    first, tracker = await api("POST", "trackers", body)
    again, same = await api("POST", "trackers", body)
    other = await api.track("9400", "UPS")

    assert (first, again) == (201, 200)
    assert same == tracker
    assert other["id"] != tracker["id"]
    assert easypost.trackers_made == [
        TrackerMade("9400", "USPS", clock()),
        TrackerMade("9400", "UPS", clock()),
    ]


async def test_after_three_months_a_code_is_another_parcel(clock: Clock, api: Api) -> None:
    old = await api.track("9400")
    clock.tick(90 * 24 * 3600)

    assert (await api.track("9400"))["id"] != old["id"]


@pytest.mark.parametrize(
    ("code", "carrier"),
    [("1Z999AA10123456784", "UPS"), ("9400110898825022579493", "USPS"), ("123456789012", "FedEx")],
)
async def test_a_carrier_that_is_not_given_is_seen_by_the_code(api: Api, code: str, carrier: str) -> None:
    status, tracker = await api("POST", "trackers", {"tracker": {"tracking_code": code}})

    assert (status, tracker["carrier"]) == (201, carrier)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "PARAMETER.REQUIRED", "tracker"),
        ({"tracking_code": "9400"}, "PARAMETER.REQUIRED", "tracker"),
        ({"tracker": {"carrier": "USPS"}}, "PARAMETER.REQUIRED", "tracking_code"),
        ({"tracker": {"tracking_code": "?"}}, "TRACKER.CREATE.ERROR", None),
    ],
    ids=str,
)
async def test_a_tracker_that_cannot_be_made_is_refused(
    easypost: EasyPostSimulator, api: Api, body: object, code: str, field: str | None
) -> None:
    status, answer = await api("POST", "trackers", body)

    assert (status, answer["error"]["code"]) == (422, code)
    assert [error["field"] for error in answer["error"]["errors"]] == ([field] if field else [])
    assert easypost.trackers_made == []


@pytest.mark.parametrize(("code", "status"), TEST_CODES.items())
async def test_the_test_codes_stand_still(
    easypost: EasyPostSimulator, api: Api, code: str, status: str
) -> None:
    tracker = await api.track(code)

    assert (tracker["status"], tracker["mode"], tracker["finalized"]) == (status, "test", True)
    assert tracker["tracking_details"][-1]["status"] == status
    assert easypost.advance(code) is False
    assert easypost.truth() == {code: status}


async def test_a_parcel_moves_scan_by_scan_until_its_journey_ends(
    easypost: EasyPostSimulator, clock: Clock, api: Api
) -> None:
    made = await api.track("9400")
    seen = [len(made["tracking_details"])]

    while easypost.advance("9400"):
        clock.tick(0 if len(seen) % 2 else 3600)
        _, tracker = await api("GET", f"trackers/{made['id']}")
        assert tracker["tracking_details"][: seen[-1]] == made["tracking_details"][: seen[-1]]
        seen.append(len(tracker["tracking_details"]))
        made = tracker

    assert made["status"] == easypost.truth()["9400"] == made["tracking_details"][-1]["status"]
    assert made["status"] in ("delivered", "return_to_sender")
    assert seen == list(range(seen[0], seen[-1] + 1))
    times = [detail["datetime"] for detail in made["tracking_details"]]
    assert times == sorted(set(times))


async def test_a_code_that_nobody_tracks_cannot_move(easypost: EasyPostSimulator) -> None:
    with pytest.raises(KeyError, match="Nobody tracks '9400'"):
        easypost.advance("9400")


@given(st.integers(0, 2**32))
def test_every_journey_is_plausible(seed: int) -> None:
    words = [step.status for step in journey(random.Random(seed))]

    assert words[0] == "pre_transit"
    assert words[1:3] == ["in_transit", "in_transit"]
    assert words[-1] in ("delivered", "return_to_sender")
    assert words.count("delivered") + words.count("return_to_sender") == 1
    followers = {
        "pre_transit": {"in_transit"},
        "in_transit": {"in_transit", "out_for_delivery"},
        "out_for_delivery": {"delivered", "available_for_pickup", "failure"},
        "available_for_pickup": {"delivered"},
        "failure": {"out_for_delivery", "return_to_sender"},
    }
    assert all(after in followers[before] for before, after in pairwise(words))


def walked(clock: Clock, seed: int) -> list[list[str]]:
    account = EasyPostSimulator(
        api_key="k", webhook_secret="s", seed=seed, courier=Courier(random.Random(1)), now=clock
    )
    codes = [f"PARCEL{number}" for number in range(60)]
    random.Random().shuffle(codes)
    walks: dict[str, list[str]] = {}
    for code in codes:
        tracker, _ = account.track(code, "UPS")
        walks[code] = [tracker.status]
        while account.advance(code):
            walks[code].append(tracker.status)
    return [walks[code] for code in sorted(codes)]


def test_what_becomes_of_a_parcel_depends_on_seed_and_code_not_on_the_order_of_calls(clock: Clock) -> None:
    first, again, other = [walked(clock, seed) for seed in (5, 5, 6)]

    assert first == again != other
    assert {walk[0] for walk in first} == {"unknown", "pre_transit"}
    met = {word for walk in first for word in walk}
    assert {"available_for_pickup", "failure", "return_to_sender", "delivered"} <= met
