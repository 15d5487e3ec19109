"""A shop that fulfills as the documentation describes it, small enough to be read; for tests only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connectors.shopify import CONNECTOR
from core.errors import ChannelError, ErrorCode
from core.flow import Request, Response, decode, encode

T = TypeVar("T")
ORDER = "450789469"


@dataclass
class Work:
    """One fulfillment order: what of which line a place still has to ship."""

    place: str
    left: dict[str, int]
    status: str = "OPEN"
    actions: tuple[str, ...] = ("CREATE_FULFILLMENT", "HOLD")
    holds: tuple[str, ...] = ()
    day: str | None = None


@dataclass
class Shop:
    """*page* is how many nodes of a connection are shown at a time."""

    work: list[Work]
    page: int = 50
    fulfillments: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)

    def add(self, lines: dict[str, int], *numbers: str, status: str = "SUCCESS") -> str:
        """A fulfillment that is there whoever made it."""
        gid = f"gid://shopify/Fulfillment/{9007199254740993 + len(self.fulfillments)}"
        self.fulfillments.append({"id": gid, "status": status, "numbers": numbers, "lines": Counter(lines)})
        self.events[gid] = []
        return gid.rsplit("/", 1)[-1]

    def shipped(self, number: str) -> Counter[str]:
        """Units by line that left under *number*."""
        total: Counter[str] = Counter()
        for one in self.fulfillments:
            if number in one["numbers"] and one["status"] == "SUCCESS":
                total += one["lines"]
        return total

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        sent = decode(request.body or b"")
        operation = sent["query"].split("(")[0].split()[1]
        variables = {"gid" if name == "id" else name: value for name, value in sent["variables"].items()}
        assert request.reads == sent["query"].startswith("query")
        return Response(200, body=encode({"data": getattr(self, f"_{operation.lower()}")(**variables)}))

    def _shippable(self, gid: str) -> Any:
        if gid != f"gid://shopify/Order/{ORDER}":
            return {"order": None}
        there = [self._fulfillment(one) for one in self.fulfillments[:10]]
        return {"order": {"id": gid, "fulfillmentOrders": self._works(None), "fulfillments": there}}

    def _allfulfillments(self, gid: str, first: int) -> Any:
        return {"node": {"fulfillments": [self._fulfillment(one) for one in self.fulfillments[:first]]}}

    def _morework(self, gid: str, after: str) -> Any:
        return {"node": {"fulfillmentOrders": self._works(after)}}

    def _moreopen(self, gid: str, after: str) -> Any:
        return {"node": {"lineItems": self._items(int(gid.rsplit("/", 1)[-1]), after)}}

    def _moreshipped(self, gid: str, after: str) -> Any:
        (one,) = [one for one in self.fulfillments if one["id"] == gid]
        return {"node": {"fulfillmentLineItems": self._units(one, after)}}

    def _works(self, after: str | None) -> Any:
        return self._paged([self._one(index, work) for index, work in enumerate(self.work)], after)

    def _one(self, index: int, work: Work) -> dict[str, Any]:
        return {
            "id": f"gid://shopify/FulfillmentOrder/{index}",
            "status": work.status,
            "fulfillAt": work.day,
            "supportedActions": [{"action": action} for action in work.actions],
            "fulfillmentHolds": [{"displayReason": reason} for reason in work.holds],
            "assignedLocation": {
                "name": work.place,
                "location": {"id": f"gid://shopify/Location/{work.place}"},
            },
            "lineItems": self._items(index, None),
        }

    def _items(self, index: int, after: str | None) -> Any:
        found = [
            {
                "id": f"gid://shopify/FulfillmentOrderLineItem/{index}-{line}",
                "remainingQuantity": left,
                "lineItem": {"id": f"gid://shopify/LineItem/{line}"},
            }
            for line, left in self.work[index].left.items()
        ]
        return self._paged(found, after)

    def _fulfillment(self, one: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": one["id"],
            "status": one["status"],
            "trackingInfo": [{"company": "UPS", "number": n, "url": None} for n in one["numbers"]],
            "fulfillmentLineItems": self._units(one, None),
        }

    def _units(self, one: dict[str, Any], after: str | None) -> Any:
        lines = one["lines"].items()
        return self._paged(
            [{"quantity": n, "lineItem": {"id": f"gid://shopify/LineItem/{i}"}} for i, n in lines], after
        )

    def _paged(self, found: list[Any], after: str | None) -> dict[str, Any]:
        start = int(after or 0)
        end = start + self.page
        page = {"hasNextPage": end < len(found), "endCursor": str(end)}
        return {"nodes": found[start:end], "pageInfo": page}

    def _fulfill(self, fulfillment: dict[str, Any]) -> Any:
        info, lines = fulfillment["trackingInfo"], Counter[str]()
        places = set()
        wanted = []
        for part in fulfillment["lineItemsByFulfillmentOrder"]:
            work = self.work[int(part["fulfillmentOrderId"].rsplit("/", 1)[-1])]
            places.add(work.place)
            for row in part["fulfillmentOrderLineItems"]:
                line = row["id"].rsplit("-", 1)[-1]
                if work.status not in ("OPEN", "IN_PROGRESS") or not 0 < row["quantity"] <= work.left[line]:
                    return self._refused(
                        "fulfillmentCreate", "Invalid fulfillment order line item quantity requested."
                    )
                wanted.append((work, line, row["quantity"]))
        if len(places) != 1:
            return self._refused(
                "fulfillmentCreate", "All fulfillment orders must be assigned to one location."
            )
        for work, line, quantity in wanted:
            work.left[line] -= quantity
            work.status = "IN_PROGRESS" if any(work.left.values()) else "CLOSED"
            lines[line] += quantity
        numbers = info.get("numbers") or ([info["number"]] if "number" in info else [])
        made = self.add(dict(lines), *numbers)
        return {
            "fulfillmentCreate": {
                "fulfillment": {"id": f"gid://shopify/Fulfillment/{made}"},
                "userErrors": [],
            }
        }

    def _events(self, gid: str, after: str | None) -> Any:
        if gid not in self.events:
            return {"node": None}
        return {"node": {"events": self._paged(self.events[gid][::-1], after)}}

    def _addevent(self, event: dict[str, str]) -> Any:
        if event["fulfillmentId"] not in self.events:
            return self._refused("fulfillmentEventCreate", "Fulfillment does not exist.")
        self.events[event["fulfillmentId"]].append({k: event[k] for k in ("status", "happenedAt")})
        return {"fulfillmentEventCreate": {"fulfillmentEvent": {"id": "gid://x/1"}, "userErrors": []}}

    def _refused(self, mutation: str, message: str) -> Any:
        return {mutation: {"userErrors": [{"field": ["fulfillment"], "message": message}]}}


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
