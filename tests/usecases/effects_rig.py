"""A channel that takes shipments and a carrier that follows parcels, both without any idempotency of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from usecase_rig import Rig

from core.connector import (
    Account,
    Connector,
    Delivery,
    Manifest,
    Overrides,
    Page,
    Reading,
    Refused,
    TrackingRead,
)
from core.errors import ChannelError, ErrorCode
from core.flow import Flow, Request, Response, decode, encode
from core.model.fulfillment import FulfillmentPush, FulfillmentPushed, TrackerWanted, TrackingPush
from core.model.tracking import Scan, Tracking, TrackingStatus
from core.store import connections, schedule
from core.usecases.lease import run_due
from core.usecases.push_effects import next_effect, push_effects

POST = "pigeonpost"


class Wire:
    """What both have in common: JSON, and HTTP statuses as refusals."""

    def base_url(self, settings: Mapping[str, str]) -> str:
        return settings["base_url"]

    def authorize(self, request: Request, *_: Any) -> Request:
        return request

    def classify(self, response: Response) -> ChannelError | None:
        code = {401: ErrorCode.UNAUTHORIZED, 422: ErrorCode.REJECTED, 429: ErrorCode.RATE_LIMITED}
        if response.status >= 500:
            return ChannelError(ErrorCode.UNAVAILABLE, "down")
        if response.status >= 400:
            return ChannelError(
                code[response.status], "no", retry_after_s=30 if response.status == 429 else None
            )
        return None

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> Refused | None:
        del delivery, secrets, now
        return None

    def check_account(self) -> Flow[Account]:
        yield Request("GET", "/account")
        return Account("a", "a")


class Shop(Wire):
    """Reads orders as *like* does, and takes shipments."""

    def __init__(self, like: Connector) -> None:
        self.manifest = like.manifest
        self._like = like

    def read(self, delivery: Delivery, overrides: Overrides) -> Reading:
        return self._like.read(delivery, overrides)

    def push_fulfillment(self, push: FulfillmentPush) -> Flow[FulfillmentPushed]:
        number = push.parcels[0].tracking_number
        if push.look_first:
            known = (yield Request("GET", "/shipments", query=(("number", str(number)),))).json()
            if known:
                return FulfillmentPushed(channel_fulfillment_ids=(known[0],), repeated=True)
        row = {
            "number": number,
            "order": push.channel_order_id,
            "units": {line.line_id: line.quantity for line in push.lines},
            "completes": push.completes,
        }
        made = yield Request("POST", "/shipments", body=encode(row), reads=False)
        return FulfillmentPushed(channel_fulfillment_ids=(made.json(),))

    def push_tracking(self, push: TrackingPush) -> Flow[None]:
        row = {"number": push.tracking_number, "status": push.status, "to": push.channel_fulfillment_ids[0]}
        yield Request("POST", "/ways", body=encode(row), reads=False)


class Carrier(Wire):
    """Follows parcels; its callbacks are `{"number", "scans": [[time, status], ...]}`."""

    def __init__(self) -> None:
        self.manifest = Manifest(
            slug=POST, kind="carrier", name="Pigeon Post", documentation="", api_version="1",
            capabilities=("tracking",), credentials=(), hosts=(), idempotency_keys=False, data_use="", tier="draft",
        )  # fmt: skip

    def read(self, delivery: Delivery, overrides: Overrides) -> Reading:
        del overrides
        told: dict[str, Any] = delivery_json(delivery)
        scans = tuple(
            Scan(scanned_at=datetime.fromisoformat(at), status=TrackingStatus(status))
            for at, status in told["scans"]
        )
        last = max(scans, key=lambda scan: (scan.scanned_at is not None, scan.scanned_at), default=None)
        return TrackingRead(
            (
                Tracking(
                    carrier=told.get("carrier"),
                    tracking_number=told["number"],
                    status=last.status if last else TrackingStatus.PENDING,
                    status_at=last.scanned_at if last else None,
                    scans=scans,
                ),
            )
        )

    def create_tracker(self, wanted: TrackerWanted) -> Flow[Page]:
        row = {"number": wanted.tracking_number, "carrier": wanted.carrier}
        if wanted.look_first:
            known = (yield Request("GET", "/trackers", query=(("number", wanted.tracking_number),))).json()
            if known:
                return Page("callback", (encode({"number": wanted.tracking_number, "scans": []}),), None)
        yield Request("POST", "/trackers", body=encode(row), reads=False)
        return Page("callback", (encode({"number": wanted.tracking_number, "scans": []}),), None)


def delivery_json(delivery: Delivery) -> Any:
    return decode(delivery.body)


@dataclass
class World:
    """Everything that had an effect outside. *lose* so many answers to writes; *refuse* with these statuses first."""

    shipments: list[dict[str, Any]] = field(default_factory=list)
    ways: list[dict[str, Any]] = field(default_factory=list)
    trackers: list[dict[str, Any]] = field(default_factory=list)
    lose: int = 0
    refuse: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    before_write: Callable[[], None] = lambda: None

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        del headers
        parts = urlsplit(url)
        kind = parts.path.strip("/")
        self.asked.append(f"{method} {kind}")
        if self.refuse:
            return self._answer(None, self.refuse.pop(0))
        if kind == "account":
            return self._answer({})
        rows: list[dict[str, Any]] = getattr(self, kind)
        if method == "GET":
            number = parse_qs(parts.query)["number"][0]
            return self._answer([f"id-{i}" for i, row in enumerate(rows) if row["number"] == number])
        self.before_write()
        rows.append(decode(body or b""))
        if self.lose:
            self.lose -= 1
            raise ChannelError(ErrorCode.TIMEOUT, "the answer never came")
        return self._answer(f"id-{len(rows) - 1}")

    @staticmethod
    def _answer(value: Any, status: int = 200) -> Response:
        return Response(status, {"content-type": "application/json"}, encode(value))


async def link_carrier(rig: Rig) -> int:
    """Link the merchant's account at the carrier."""
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        return await connections.add_connection(
            tx,
            merchant_id=rig.merchant_id,
            channel=POST,
            name="Pigeon",
            account="pigeon",
            settings={"base_url": "https://pigeon.example"},
            token="token-pigeon",
            stock_since=rig.clock(),
            now=rig.clock(),
            kinds=("probe", "effect"),
        )


async def allow_shipments(rig: Rig, connection: int) -> None:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await connections.switch_fulfillments(tx, rig.merchant_id, connection, on=True)
        await schedule.ring(tx, "effect", [(rig.merchant_id, connection)], rig.clock())


async def tell(rig: Rig) -> int:
    """Run the effects that are due; returns how many connections that were."""
    return await run_due(rig.hub, "effect", push_effects, next_effect)
