"""The vendor's own Python client drives the account: an independent reading of the same API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from easypost_sim_rig import KEY, Hub

from simulators.courier import Courier
from simulators.easypost import EasyPostSimulator
from simulators.faults import CallFaults

easypost_client = pytest.importorskip(
    "easypost", reason="the vendor's client is not installed: add `easypost` to the test dependencies"
)


@pytest.fixture
async def client(address: str) -> AsyncIterator[Any]:
    client = easypost_client.EasyPostClient(KEY, api_base=f"{address}/v2", timeout=10)
    yield client
    client._requests_session.close()


async def ask(call: Callable[..., Any], *args: Any, **params: Any) -> Any:
    """Off the loop, which serves the answer."""
    return await asyncio.to_thread(call, *args, **params)


async def test_it_makes_and_reads_a_tracker(easypost: EasyPostSimulator, client: Any) -> None:
    made = await ask(client.tracker.create, tracking_code="EZ4000000004", carrier="USPS")
    again = await ask(client.tracker.create, tracking_code="EZ4000000004", carrier="USPS")
    read = await ask(client.tracker.retrieve, made.id)

    assert isinstance(made, easypost_client.models.Tracker)
    assert made == again == read
    assert (read.status, read.signed_by) == ("delivered", "JOHN TESTER")
    assert read.tracking_details[-1].status == "delivered"
    assert len(easypost.trackers_made) == 1


async def test_it_turns_the_pages_of_trackers_and_of_events(client: Any) -> None:
    made = [
        (await ask(client.tracker.create, tracking_code=f"94{number}", carrier="UPS")).id
        for number in range(3)
    ]

    page = await ask(client.tracker.all, page_size=2, carrier="UPS")
    rest = await ask(client.tracker.get_next_page, page, page_size=2)
    events = await ask(client.event.all, page_size=2)
    older = await ask(client.event.get_next_page, events, page_size=2)
    one = await ask(client.event.retrieve, older["events"][0].id)

    assert [tracker.id for tracker in [*page["trackers"], *rest["trackers"]]] == made[::-1]
    assert (page["has_more"], rest["has_more"]) == (True, False)
    assert len({event.id for event in [*events["events"], *older["events"]]}) == 3
    assert one.description == "tracker.created"
    with pytest.raises(easypost_client.errors.EndOfPaginationError):
        await ask(client.tracker.get_next_page, rest, page_size=2)


async def test_it_sets_up_a_webhook_and_accepts_every_callback(
    easypost: EasyPostSimulator, courier: Courier, hub: Hub, client: Any
) -> None:
    hook = await ask(client.webhook.create, url=hub.url, webhook_secret="sécret")
    tracker = await ask(client.tracker.create, tracking_code="9400", carrier="USPS")
    while easypost.advance("9400"):
        await courier.settled()

    events = [
        easypost_client.util.validate_webhook(body, headers, "sécret") for headers, body in hub.received
    ]
    last = easypost_client.util.receive_event(hub.received[-1][1].decode())

    assert len(events) == len(easypost.callbacks.events) > 5
    assert last.result.status == easypost.truth()["9400"]
    assert isinstance(last.result, easypost_client.models.Tracker)
    assert last.result == await ask(client.tracker.retrieve, tracker.id)
    with pytest.raises(easypost_client.errors.SignatureVerificationError):
        easypost_client.util.validate_webhook(hub.received[0][1] + b" ", hub.received[0][0], "sécret")
    assert [known.id for known in (await ask(client.webhook.all))["webhooks"]] == [hook.id]


async def test_a_secret_it_changes_signs_from_then_on(courier: Courier, hub: Hub, client: Any) -> None:
    hook = await ask(client.webhook.create, url=hub.url, webhook_secret="old")

    await ask(client.webhook.update, hook.id, webhook_secret="new")
    await ask(client.tracker.create, tracking_code="9400", carrier="USPS")
    await courier.settled()
    await ask(client.webhook.delete, hook.id)
    listed = await ask(client.webhook.all)

    ((headers, body),) = hub.received
    assert easypost_client.util.validate_webhook(body, headers, "new")["description"] == "tracker.created"
    assert listed["webhooks"] == []


async def test_it_knows_the_account_until_the_key_is_revoked(
    easypost: EasyPostSimulator, client: Any
) -> None:
    user = await ask(client.user.retrieve_me)
    easypost.revoke_key()

    with pytest.raises(easypost_client.errors.UnauthorizedError) as refused:
        await ask(client.user.retrieve_me)

    assert user.id == easypost.user_id
    assert refused.value.code == "UNAUTHORIZED"


async def test_it_understands_the_refusals(easypost: EasyPostSimulator, client: Any) -> None:
    with pytest.raises(easypost_client.errors.InvalidRequestError) as missing:
        await ask(client.tracker.create, carrier="USPS")
    with pytest.raises(easypost_client.errors.NotFoundError) as unknown:
        await ask(client.tracker.retrieve, "trk_unknown")

    assert (missing.value.code, missing.value.errors[0]["field"]) == ("PARAMETER.REQUIRED", "tracking_code")
    assert unknown.value.code == "TRACKER.NOT_FOUND"


async def test_a_lost_reply_is_an_error_to_it_though_the_tracker_was_made(
    easypost: EasyPostSimulator, client: Any
) -> None:
    easypost.call_faults = CallFaults(lost_replies=1.0)

    with pytest.raises(easypost_client.errors.HttpError):
        await ask(client.tracker.create, tracking_code="9400", carrier="USPS")

    assert len(easypost.trackers_made) == 1
