"""The shapes of what real EasyPost wrote, where such files lie beside this checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from easypost_sim_rig import Api, Hub

from core.flow import decode
from simulators.courier import Courier
from simulators.easypost import EasyPostSimulator
from simulators.easypost.callbacks import signature

WRITTEN = Path(__file__).resolve().parents[3] / ".." / "shared" / "fixtures" / "easypost"

pytestmark = pytest.mark.skipif(
    not WRITTEN.is_dir(), reason="no payloads of real EasyPost beside this checkout"
)


def shape(value: Any) -> Any:
    """Keys of objects, and the shapes of the objects in a list."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted({repr(shape(inner)) for inner in value if isinstance(inner, dict)})
    return None


def written(name: str) -> Any:
    return decode((WRITTEN / name).read_bytes())


def test_the_published_body_gets_the_published_signature() -> None:
    body = (WRITTEN / "webhook-event-body.json").read_bytes().rstrip(b"\n")

    published = "38f3f53c103713df81616a0a186d77141957323ec21d5fe9363db93840f527db"
    assert signature(body, "sécret") == f"hmac-sha256-hex={published}"


async def test_a_callback_has_the_shape_of_the_published_one(
    easypost: EasyPostSimulator, courier: Courier, hub: Hub, api: Api
) -> None:
    easypost.subscribe(hub.url)
    await api.track("9400")
    while len(hub.received) < 4:
        assert easypost.advance("9400")
        await courier.settled()

    ours, real = hub.events()[-1], written("webhook-event-body.json")

    assert ours["result"].pop("fees") == []  # the API's answers have it, the published callback has not
    assert shape(ours) == shape(real)


async def test_lists_and_their_rows_have_the_recorded_keys(api: Api) -> None:
    for code in ("EZ1000000001", "EZ2000000002"):
        await api.track(code)

    _, trackers = await api("GET", "trackers")
    _, events = await api("GET", "events")

    real_trackers, real_events = written("recorded-trackers-page.json"), written("recorded-events.json")
    assert set(trackers) == set(real_trackers)
    assert set(real_trackers["trackers"][0]) <= set(trackers["trackers"][0])
    assert shape(events) == shape(real_events)


async def test_an_event_that_is_read_has_the_documented_keys(api: Api) -> None:
    await api.track("EZ1000000001")
    _, events = await api("GET", "events")
    _, event = await api("GET", f"events/{events['events'][0]['id']}")

    assert set(event) == set(written("event-example.json"))
