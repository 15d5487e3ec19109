"""The key, lists, webhooks, events and faults of the API."""

from __future__ import annotations

import aiohttp
import pytest
from easypost_sim_rig import HOOK_SECRET, KEY, Api, Clock, Hub

from simulators.easypost import EasyPostSimulator
from simulators.faults import NO_FAULTS, CallFaults


async def test_a_wrong_key_and_a_revoked_one_are_refused(easypost: EasyPostSimulator, api: Api) -> None:
    api.key = "EZTKwrong"
    wrong = await api("GET", "users")
    api.key = KEY
    right = await api("GET", "users")
    easypost.revoke_key()
    revoked = await api("POST", "trackers", {"tracker": {"tracking_code": "9400", "carrier": "USPS"}})

    assert wrong == revoked
    assert (wrong[0], wrong[1]["error"]["code"], wrong[1]["error"]["errors"]) == (401, "UNAUTHORIZED", [])
    assert (right[0], right[1]["id"][:5]) == (200, "user_")
    assert easypost.trackers_made == []


@pytest.mark.parametrize("given", ["", "Basic", "Basic !", "Basic /w==", f"Token {KEY}", f"Bearer {KEY}x"])
async def test_whoever_shows_no_key_is_refused(address: str, given: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{address}/v2/users", headers={"Authorization": given}) as answer,
    ):
        assert answer.status == 401


async def test_trackers_are_listed_newest_first_in_pages(api: Api) -> None:
    ids = [(await api.track(f"94{number}"))["id"] for number in range(5)][::-1]

    _, first = await api("GET", "trackers", page_size="2")
    _, second = await api("GET", "trackers", page_size="2", before_id=first["trackers"][-1]["id"])
    _, last = await api("GET", "trackers", page_size="2", before_id=second["trackers"][-1]["id"])
    _, newer = await api("GET", "trackers", after_id=ids[2])
    _, every = await api("GET", "trackers")

    pages = [[tracker["id"] for tracker in page["trackers"]] for page in (first, second, last, newer, every)]
    assert pages == [ids[:2], ids[2:4], ids[4:], ids[:2], ids]
    assert [page["has_more"] for page in (first, second, last, newer, every)] == [True, True, *[False] * 3]


async def test_trackers_are_found_by_code_and_carrier(api: Api) -> None:
    usps, ups = await api.track("1", "USPS"), await api.track("1", "UPS")
    await api.track("2", "UPS")

    _, by_code = await api("GET", "trackers", tracking_code="1")
    _, by_both = await api("GET", "trackers", tracking_code="1", carrier="UPS")

    assert by_code["trackers"] == [ups, usps]
    assert by_both["trackers"] == [ups]


@pytest.mark.parametrize("size", ["0", "many", "-1"])
async def test_a_page_of_no_size_is_refused(api: Api, size: str) -> None:
    status, answer = await api("GET", "trackers", page_size=size)

    assert (status, answer["error"]["code"]) == (422, "PARAMETER.INVALID")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "trackers/trk_1", 404, "TRACKER.NOT_FOUND"),
        ("GET", "events/evt_1", 404, "NOT_FOUND"),
        ("PATCH", "webhooks/hook_1", 404, "NOT_FOUND"),
        ("GET", "parcels", 404, "NOT_FOUND"),
        ("PUT", "trackers", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "webhooks", 422, "PARAMETER.REQUIRED"),
    ],
)
async def test_a_refusal_is_an_error_object(api: Api, method: str, path: str, status: int, code: str) -> None:
    answered, body = await api(method, path, {})

    assert (answered, body["error"]["code"]) == (status, code)


async def test_a_body_that_is_no_object_is_refused(api: Api) -> None:
    status, body = await api("POST", "trackers", [1])

    assert (status, body["error"]["code"]) == (400, "BAD_REQUEST")


async def test_a_webhook_is_made_changed_and_removed_and_never_shows_its_secret(api: Api, hub: Hub) -> None:
    made, hook = await api("POST", "webhooks", {"webhook": {"url": hub.url, "webhook_secret": HOOK_SECRET}})
    one = f"webhooks/{hook['id']}"

    _, changed = await api("PATCH", one, {"webhook_secret": "new", "custom_headers": []})
    _, listed = await api("GET", "webhooks")
    _, read = await api("GET", one)
    removed = await api("DELETE", one)
    gone, _ = await api("GET", one)

    assert made == 201
    assert set(hook) == {"id", "object", "mode", "url", "created_at", "disabled_at", "custom_headers"}
    assert changed == hook == read
    assert listed == {"webhooks": [hook]}
    assert (removed, gone) == ((200, {}), 404)


async def test_events_are_listed_newest_first_and_read_without_their_result(
    easypost: EasyPostSimulator, clock: Clock, api: Api
) -> None:
    await api.track("9400")
    clock.tick()
    easypost.advance("9400")

    _, events = await api("GET", "events")
    _, event = await api("GET", f"events/{events['events'][0]['id']}")

    assert [event["description"] for event in events["events"]] == ["tracker.updated", "tracker.created"]
    assert events["has_more"] is False
    assert "result" not in event
    assert list(event["previous_attributes"]) == ["status"]
    assert event["created_at"] == "2026-11-23T17:00:01.000Z"


async def test_a_tracker_whose_answer_is_lost_was_made_once(easypost: EasyPostSimulator, api: Api) -> None:
    easypost.call_faults = CallFaults(lost_replies=1.0)

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await api.track("9400")
    easypost.call_faults = NO_FAULTS
    tracker = await api.track("9400")

    assert len(easypost.trackers_made) == 1
    assert list(easypost.trackers) == [tracker["id"]]


async def test_a_refused_call_makes_nothing(easypost: EasyPostSimulator, address: str) -> None:
    easypost.call_faults = CallFaults(refused=1.0)

    async with aiohttp.ClientSession() as session, session.post(f"{address}/v2/trackers") as answer:
        assert answer.status == 503
    assert easypost.trackers_made == []
