"""EasyPost's own examples and recorded answers, where they are at hand beside the checkout: every tracker is read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.easypost import CONNECTOR
from core.connector import Delivery, Notice, TrackingRead
from core.flow import decode, encode
from core.model.tracking import TrackingStatus

FIXTURES = Path(__file__).resolve().parents[4] / "shared" / "fixtures" / "easypost"
FILES = sorted(FIXTURES.glob("*.json"))
NOW = datetime(2026, 11, 24, tzinfo=UTC)
S = TrackingStatus

pytestmark = pytest.mark.skipif(not FILES, reason="EasyPost's examples are not beside this checkout")

# file -> (tracking number, status, scans, the time the status holds since) of each tracker
TRACKERS = {
    "order-bought": [
        ("9400100208303109837512", S.UNKNOWN, 0, None),
        ("9434600208303109842303", S.UNKNOWN, 0, None),
    ],
    "recorded-shipment-bought": [("9400100208303109505657", S.UNKNOWN, 0, None)],
    "recorded-tracker": [("EZ1000000001", S.PENDING, 2, "2025-02-07T08:25:26Z")],
    "recorded-trackers-page": [
        ("9400100208303109500782", S.PENDING, 2, "2025-02-07T08:25:46Z"),
        ("9400100208303109500775", S.PENDING, 2, "2025-02-07T08:25:43Z"),
        ("9400100208303109500768", S.PENDING, 2, "2025-02-07T08:25:38Z"),
        ("9400100208303109500751", S.PENDING, 2, "2025-02-07T08:25:37Z"),
        ("9400100208303109500744", S.PENDING, 2, "2025-02-07T08:25:35Z"),
    ],
    "shipment-bought": [("9434600208303109842228", S.UNKNOWN, 0, None)],
    "tracker": [("EZ1000000001", S.PENDING, 2, "2025-04-10T09:17:17Z")],
    "tracker-created": [("EZ1000000001", S.PENDING, 2, "2025-04-10T09:17:17Z")],
    "tracker-landing": [("EZ1000000001", S.DELIVERED, 3, "2014-07-22T10:09:00Z")],
    "trackers-list": [("EZ1000000001", S.PENDING, 2, "2025-04-10T09:17:17Z")],
    "webhook-event-body": [("1", S.IN_TRANSIT, 7, "2024-08-02T18:50:00Z")],
    # The example's delivery is dated before its own scans; EasyPost's word for the whole settles it.
    "webhook-tracker-updated": [("EZ4000000004", S.DELIVERED, 6, "2014-11-24T08:10:00Z")],
}
NOTICES = {"event-example", "event-post-example", "events-list", "recorded-events", "refunds-created"}


def test_every_file_is_accounted_for() -> None:
    assert {path.stem for path in FILES} == TRACKERS.keys() | NOTICES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_tracker_says_what_its_words_mean(path: Path) -> None:
    reading = CONNECTOR.read(Delivery("callback", {}, path.read_bytes()), {})

    if path.stem in NOTICES:
        assert isinstance(reading, Notice)
        return
    assert isinstance(reading, TrackingRead)
    read = [
        (
            one.tracking_number,
            one.status,
            len(one.scans),
            one.status_at and one.status_at.isoformat().replace("+00:00", "Z"),
        )
        for one in reading.trackings
    ]
    assert read == TRACKERS[path.stem]
    assert all(one.flags == () and one.incident is None for one in reading.trackings)
    assert CONNECTOR.unread(Delivery("callback", {}, path.read_bytes())) == []


def test_easyposts_published_signature_verifies() -> None:
    body = (FIXTURES / "webhook-event-body.json").read_bytes().strip()
    compact = encode(decode(body))
    digest = "38f3f53c103713df81616a0a186d77141957323ec21d5fe9363db93840f527db"

    delivery = Delivery("callback", {"x-hmac-signature": f"hmac-sha256-hex={digest}"}, compact)

    assert CONNECTOR.verify(delivery, ["s\u00e9cret"], NOW) is None
    assert CONNECTOR.verify(delivery, ["secret"], NOW) is not None
