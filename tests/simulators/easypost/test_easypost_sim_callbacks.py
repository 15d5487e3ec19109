"""Callbacks: what they carry, how they are signed, and what happens when nobody takes them."""

from __future__ import annotations

import hashlib
import hmac

from easypost_sim_rig import HOOK_SECRET, Api, Clock, Hub

from simulators.courier import Courier, Faults
from simulators.easypost import EasyPostSimulator

DAY_S = 24 * 3600


async def test_each_step_calls_back_with_the_whole_history(
    easypost: EasyPostSimulator, clock: Clock, courier: Courier, hub: Hub, api: Api
) -> None:
    easypost.subscribe(hub.url)
    shown = [await api.track("9400")]
    await courier.settled()

    while easypost.advance("9400"):
        clock.tick(60)
        await courier.settled()
        shown.append((await api("GET", f"trackers/{shown[0]['id']}"))[1])

    created, *updated = hub.events()
    assert created["description"] == "tracker.created"
    assert {event["description"] for event in updated} == {"tracker.updated"}
    assert [event["result"] for event in (created, *updated)] == shown
    before = [event["previous_attributes"]["status"] for event in updated]
    assert before == [tracker["status"] for tracker in shown[:-1]]
    ids = {event["id"] for event in (created, *updated)}
    assert len(ids) == len(shown)
    assert all(event_id.startswith("evt_") for event_id in ids)


async def test_a_callback_is_signed_over_its_raw_body_with_the_secret_in_nfkd(
    easypost: EasyPostSimulator, courier: Courier, hub: Hub, api: Api
) -> None:
    easypost.subscribe(hub.url)

    await api.track("9400")
    await courier.settled()

    ((headers, body),) = hub.received
    assert HOOK_SECRET == "s\u00e9cret"
    expected = hmac.new("se\u0301cret".encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Hmac-Signature"] == f"hmac-sha256-hex={expected}"


async def test_every_webhook_that_is_on_is_called_and_one_without_a_secret_is_not_signed(
    courier: Courier, hub: Hub, api: Api
) -> None:
    row = {"name": "X-Own", "value": "mine"}
    await api("POST", "webhooks", {"webhook": {"url": hub.url, "webhook_secret": "s"}})
    await api("POST", "webhooks", {"webhook": {"url": hub.url, "custom_headers": [row]}})

    await api.track("9400")
    await courier.settled()

    (_, body), (_, same) = hub.received
    assert body == same
    signed = [("X-Hmac-Signature" in headers, headers.get("X-Own")) for headers, _ in hub.received]
    assert sorted(signed, key=str) == [(False, "mine"), (True, None)]


async def test_a_callback_that_is_not_taken_comes_again_as_it_was(
    easypost: EasyPostSimulator, courier: Courier, hub: Hub, api: Api
) -> None:
    easypost.subscribe(hub.url)
    hub.status = 503
    await api.track("9400")
    await courier.settled()
    tried = list(hub.received)
    hub.status = 204
    easypost.advance("9400")
    await courier.settled()

    assert len(tried) == 3
    assert len({body for _, body in tried}) == 1
    assert len(hub.received) == 4
    _, events = await api("GET", "events")
    assert [event["status"] for event in events["events"]] == ["completed", "pending"]
    assert easypost.callbacks.hooks.popitem()[1].disabled is None


async def test_after_a_day_without_success_a_webhook_is_switched_off_until_it_is_changed(
    easypost: EasyPostSimulator, clock: Clock, courier: Courier, hub: Hub, api: Api
) -> None:
    path = f"webhooks/{easypost.subscribe(hub.url).hook_id}"
    hub.status = 500
    await api.track("9400")
    await courier.settled()
    clock.tick(DAY_S)
    easypost.advance("9400")
    await courier.settled()
    _, off = await api("GET", path)
    tries = len(hub.received)

    easypost.advance("9400")
    await courier.settled()
    while_off = len(hub.received)
    hub.status = 200
    _, on = await api("PATCH", path, {})
    easypost.advance("9400")
    await courier.settled()

    assert (off["disabled_at"], on["disabled_at"]) == ("2026-11-24T17:00:00Z", None)
    assert (while_off, len(hub.received)) == (tries, tries + 1)


async def test_one_success_forgives_a_day_of_failures(
    easypost: EasyPostSimulator, clock: Clock, courier: Courier, hub: Hub, api: Api
) -> None:
    hook = easypost.subscribe(hub.url)
    await api.track("9400")
    for status in (500, 200, 500):
        hub.status = status
        clock.tick(DAY_S)
        easypost.advance("9400")
        await courier.settled()

    assert hook.disabled is None


async def test_a_faulty_courier_brings_copies_with_a_wrong_signature(
    easypost: EasyPostSimulator, courier: Courier, hub: Hub, api: Api
) -> None:
    courier.faults = Faults(copies=2, bad_signature=1.0)
    easypost.subscribe(hub.url)

    await api.track("9400")
    await courier.settled()

    (body,) = {body for _, body in hub.received}
    (sent,) = {headers["X-Hmac-Signature"] for headers, _ in hub.received}
    right = hmac.new("se\u0301cret".encode(), body, hashlib.sha256).hexdigest()
    assert len(hub.received) == 2
    assert sent != f"hmac-sha256-hex={right}"
