"""An EasyPost event of our own making, written from the documented shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.easypost import CONNECTOR
from core.connector import Delivery, Overrides, TrackingRead
from core.flow import decode, encode
from core.model.tracking import Tracking

PAYLOAD = Path(__file__).parent / "payloads" / "event.json"


@pytest.fixture
def event() -> dict[str, Any]:
    found: dict[str, Any] = decode(PAYLOAD.read_bytes())
    return found


@pytest.fixture
def tracker(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event["result"]
    return found


@pytest.fixture
def tracking_of() -> Callable[..., Tracking]:
    """Reads a body as the hub would, and insists that it is of one parcel."""

    def tracking(payload: Any, overrides: Overrides | None = None) -> Tracking:
        body = payload if isinstance(payload, bytes) else encode(payload)
        reading = CONNECTOR.read(Delivery("callback", {}, body), overrides or {})
        assert isinstance(reading, TrackingRead), reading
        (only,) = reading.trackings
        return only

    return tracking
