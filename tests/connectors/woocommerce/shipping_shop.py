"""A shop with orders, notes and perhaps the extension Shipment Tracking, small enough to be read; for tests only."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any, TypeVar

from connectors.woocommerce import CONNECTOR
from core.errors import ChannelError, ErrorCode
from core.flow import Request, Response, decode, encode

T = TypeVar("T")
ORDER = "18014398509481985"  # above what a float can hold
NO_ROUTE = {"code": "rest_no_route", "message": "No route was found.", "data": {"status": 404}}
INVALID = {
    "code": "woocommerce_rest_shop_order_invalid_id",
    "message": "Invalid ID.",
    "data": {"status": 404},
}
UNKNOWN = {"code": "rest_invalid_param", "message": "Unknown provider.", "data": {"status": 400}}


class Shop:
    """One order with three mugs (line 11) and a lamp (line 12). *tracking*: the extension is installed."""

    def __init__(self, status: str = "processing", *, tracking: bool = False) -> None:
        lines = [{"id": 11, "quantity": 3, "name": "Mug"}, {"id": 12, "quantity": 1, "name": "Lamp"}]
        self.order: dict[str, Any] = {
            "id": int(ORDER),
            "status": status,
            "line_items": lines,
            "meta_data": [],
        }
        self.notes: list[dict[str, Any]] = [{"id": 1, "note": "Stock levels reduced", "customer_note": False}]
        self.parcels: list[dict[str, Any]] = []
        self.tracking = tracking
        self.asked: list[Request] = []
        self.completed = 0  # mails about it

    def told(self, number: str) -> tuple[int, int]:
        """How many notes and how many parcels name *number*."""
        return (
            sum(number in note["note"] for note in self.notes),
            sum(parcel["tracking_number"] == number for parcel in self.parcels),
        )

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        assert request.reads == (request.method == "GET")
        body = decode(request.body) if request.body else {}
        if body:
            assert ("Content-Type", "application/json") in request.headers
        found = re.fullmatch(
            r"/wp-json/(wc/v3|wc-shipment-tracking/v3)/orders/([^/]+)(/notes|/shipment-trackings)?",
            request.path,
        )
        assert found, request.path
        extension = found[1] != "wc/v3"
        assert extension == (found[3] == "/shipment-trackings")
        if extension and not self.tracking:
            return Response(404, {}, encode(NO_ROUTE))
        if found[2] != ORDER:
            return Response(404, {}, encode(INVALID))
        return getattr(
            self, f"_{request.method}_{(found[3] or '/order').strip('/').replace('-', '_')}".lower()
        )(body)

    def _get_order(self, _: Any) -> Response:
        return Response(200, {}, encode(self.order))

    def _put_order(self, body: dict[str, Any]) -> Response:
        for item in body["meta_data"]:  # one row per key: the last value wins
            self.order["meta_data"] = [
                one for one in self.order["meta_data"] if one["key"] != item["key"]
            ] + [item]
        if body.get("status", self.order["status"]) != self.order["status"]:
            self.order["status"] = body["status"]
            self.completed += 1
        return Response(200, {}, encode(self.order))

    def _get_notes(self, _: Any) -> Response:
        return Response(200, {}, encode(self.notes))

    def _post_notes(self, body: dict[str, Any]) -> Response:
        self.notes.insert(0, {"id": 9007199254740993 + len(self.notes), **body})
        return Response(201, {}, encode(self.notes[0]))

    def _get_shipment_trackings(self, _: Any) -> Response:
        return Response(200, {}, encode(self.parcels))

    def _post_shipment_trackings(self, body: dict[str, Any]) -> Response:
        if "custom_tracking_provider" not in body and body["tracking_provider"] not in ("UPS", "USPS"):
            return Response(400, {}, encode(UNKNOWN))
        self.parcels.append({"tracking_id": f"{len(self.parcels):032x}", **body})
        return Response(201, {}, encode(self.parcels[-1]))


def drive(shop: Shop, flow: Generator[Request, Response, T], lost: int | None = None) -> T:
    """Run *flow* at *shop*; the answer to request number *lost* never comes, though the request arrived."""
    request = next(flow)
    number = 0
    while True:
        number += 1
        answer = shop.answer(request)
        error = CONNECTOR.classify(answer)
        if number == lost:
            error = ChannelError(ErrorCode.TIMEOUT, "no answer")
        try:
            request = flow.throw(error) if error else flow.send(answer)
        except StopIteration as stop:
            value: T = stop.value
            return value
