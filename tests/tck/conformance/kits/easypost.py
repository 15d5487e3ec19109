"""How EasyPost is measured: its signature, its documented callbacks, and the simulated account."""

from __future__ import annotations

import hashlib
import hmac
import random
import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from conformance.kit import CarrierKit, Clock, Vector
from conformance.wire import Wire, carrier_of
from connectors.easypost import CONNECTOR
from core.model.tracking import TrackingStatus
from core.net import Line, open_client
from simulators.courier import Courier
from simulators.easypost import EasyPostSimulator
from simulators.serving import serve

KEY, SECRET = "EZAK_key_of_the_kit", "webhook_secret_of_the_kit"
SCHEME = "hmac-sha256-hex="
# openssl dgst -sha256 -hmac SECRET -hex; the second with its secret decomposed (NFKD)
VECTORS = (
    "f70ec1ffbbc80f84cd42fdaa6f153e3f4c87c541da194bebbc8e03c09d872712",
    "c6341052db67e1672578c7d5fff80f4b6aff1d84d03661d703729a11cd728328",
)
CREDENTIALS = {"api_key": KEY}
# https://docs.easypost.com/docs/trackers#tracker-statuses
WORDS = {
    TrackingStatus.PENDING: "pre_transit",
    TrackingStatus.IN_TRANSIT: "in_transit",
    TrackingStatus.OUT_FOR_DELIVERY: "out_for_delivery",
    TrackingStatus.READY_FOR_PICKUP: "available_for_pickup",
    TrackingStatus.DELIVERED: "delivered",
    TrackingStatus.RETURN_TO_SENDER: "return_to_sender",
    TrackingStatus.DELIVERY_FAILED: "failure",
    TrackingStatus.CANCELLED: "cancelled",
    TrackingStatus.UNKNOWN: "unknown",
}


class EasyPostKit(CarrierKit):
    connector = CONNECTOR
    credentials = CREDENTIALS
    settings: dict[str, str] = {}  # noqa: RUF012 - none, and nobody adds one
    topic = "callback"
    signature_header = "x-hmac-signature"
    answer = b'{"trackers": []}'
    words = WORDS
    vectors = (
        Vector(
            "hush",
            b'{"description":"tracker.updated"}',
            f"{SCHEME}{VECTORS[0]}",
        ),
        Vector(
            "geh\u00e9im",
            b'{"description":"tracker.updated"}',
            f"{SCHEME}{VECTORS[1]}",
        ),
    )

    def sign(self, body: bytes, secret: str) -> dict[str, str]:
        """https://docs.easypost.com/guides/webhooks-guide#webhook-authentication"""
        key = unicodedata.normalize("NFKD", secret).encode()
        digest = hmac.new(key, body, hashlib.sha256).hexdigest()
        return {self.signature_header: f"{SCHEME}{digest}"}

    def callback(
        self, number: str, word: str, scans: Sequence[tuple[str, datetime]], *, carrier: str = "UPS"
    ) -> dict[str, Any]:
        """https://docs.easypost.com/docs/events"""
        details = [
            {
                "object": "TrackingDetail",
                "message": f"Said: {said}",
                "status": said,
                "status_detail": "status_update",
                "datetime": _stamp(at),
                "source": carrier,
                "tracking_location": {"object": "TrackingLocation", "city": "Bonn", "country": "DE"},
            }
            for said, at in scans
        ]
        tracker = {
            "id": "trk_1",
            "object": "Tracker",
            "tracking_code": number,
            "status": word,
            "status_detail": "status_update",
            "carrier": carrier,
            "tracking_details": details,
        }
        return {"id": "evt_1", "object": "Event", "description": "tracker.updated", "result": tracker}

    @asynccontextmanager
    async def open(self, *, listed: int = 0) -> AsyncIterator[EasyPostAccount]:
        clock = Clock()
        simulator = EasyPostSimulator(
            api_key=KEY, webhook_secret=SECRET, seed=7, courier=Courier(random.Random(1)), now=clock
        )
        served = await serve(simulator.app())
        try:
            async with open_client(allow_private_hosts=True) as client:
                settings = {"base_url": served.url}
                line = Line(self.connector, settings, self.credentials, carrier_of(client), clock)
                yield EasyPostAccount(simulator, Wire(line), clock)
        finally:
            await served.close()


class EasyPostAccount:
    currency = None

    def __init__(self, simulator: EasyPostSimulator, wire: Wire, clock: Clock) -> None:
        self.simulator, self.wire, self.clock, self.account = simulator, wire, clock, simulator.user_id

    def subscriptions(self) -> list[tuple[str, str]]:
        return [(hook.url.rsplit("/", 1)[-1], hook.url) for hook in self.simulator.callbacks.hooks.values()]

    def trackers(self) -> list[str]:
        return [made.tracking_code for made in self.simulator.trackers_made]


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
