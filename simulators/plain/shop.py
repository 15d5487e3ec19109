"""A plain marketplace: what buyers, its seller and its API do to it. Its books say what really happened."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from simulators.books import Books, Sale, Shipped, SoldOut, StockWrite
from simulators.faults import NO_FAULTS, CallFaults, faulty
from simulators.plain.semantics import Lag, Semantics, at_once

PAGE = 100


class Refused(Exception):
    """The marketplace refuses: *code* is its word, *status* that of the answer where it is of a whole call."""

    def __init__(self, code: str, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@dataclass(slots=True)
class Line:
    line_id: str
    listing_id: str
    sku: str
    location: str
    quantity: int
    shipped: int = 0
    lowered: int = 0


@dataclass(slots=True)
class PlainOrder:
    """*paid*, *cancelled* and the lines' *shipped* say where it is."""

    order_id: str
    placed_at: datetime
    changed_at: datetime
    lines: list[Line]
    paid: bool
    cancelled: bool = False
    shipments: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Listing:
    """*stored* by location is what the marketplace keeps; a listing that is not *active* sells nothing."""

    listing_id: str
    sku: str
    active: bool
    stored: dict[str, int]
    unshipped: dict[str, int] = field(default_factory=dict)


class PlainShop:
    """One account. *now* gives every time, *seed* all luck; `call_faults` may be changed at any time. *zero_setting* is
    the account's switch that lets listings stand at zero.
    """

    def __init__(
        self,
        semantics: Semantics,
        *,
        name: str,
        token: str,
        webhook_secret: str,
        seed: int,
        now: Callable[[], datetime],
        lag: Lag = at_once,
    ) -> None:
        self.semantics, self.name, self.now = semantics, name, now
        self.books = Books()
        self.call_faults = NO_FAULTS
        self.zero_setting = False
        self.listings: dict[str, Listing] = {}
        self.orders: dict[str, PlainOrder] = {}
        self.token, self._secret, self._lag = token, webhook_secret, lag
        self._revoked = False
        self._by_sku: dict[str, list[Listing]] = {}
        self._changed: list[tuple[datetime, int, str]] = []  # newest states last, for lists
        self._outgoing: list[tuple[datetime, int, bytes]] = []
        self._number = 0
        # Sources of their own: what is late must not depend on how often the hub calls.
        self._late, self.call_luck = random.Random(f"lag {seed}"), random.Random(f"calls {seed}")

    def app(self) -> web.Application:
        """The API over HTTP; see `simulators.plain.api`."""
        from simulators.plain.api import answer  # noqa: PLC0415 - the API knows the shop

        async def handle(request: web.Request) -> web.StreamResponse:
            status, body = answer(
                self,
                request.method,
                request.path,
                dict(request.query),
                request.headers.get("Authorization", ""),
                await request.read(),
            )
            return web.Response(status=status, body=body, content_type="application/json")

        application = web.Application(middlewares=[faulty(self._faults, self.call_luck)])
        application.router.add_route("*", "/{path:.*}", handle)
        return application

    def _faults(self) -> CallFaults:
        return self.call_faults

    # What the seller does -------------------------------------------------------------------------------------

    def add_listing(self, sku: str, quantity: int, *, location: str | None = None) -> str:
        """List *sku* with *quantity* at one location (the first); the same SKU may be listed twice."""
        self._number += 1
        listing = Listing(
            f"L{self._number}", sku, active=True, stored=dict.fromkeys(self.semantics.locations, 0)
        )
        listing.stored[location or self.semantics.locations[0]] = quantity
        listing.active = quantity > 0 or self.semantics.zero != "deactivate"
        self.listings[listing.listing_id] = listing
        self._by_sku.setdefault(sku, []).append(listing)
        return listing.listing_id

    def revoke_token(self) -> None:
        """Every call is answered with 401."""
        self._revoked = True

    def restore_token(self, token: str | None = None) -> None:
        self._revoked = False
        self.token = token or self.token

    def accepts(self, authorization: str) -> bool:
        return not self._revoked and authorization == f"Bearer {self.token}"

    # What buyers do -------------------------------------------------------------------------------------------

    def for_sale(self, listing_id: str, location: str | None = None) -> int:
        """How many a buyer could buy now, at one location or at all together."""
        listing = self.listings[listing_id]
        places = self.semantics.locations if location is None else (location,)
        return sum(max(0, self._free(listing, place)) for place in places)

    def sells(self, sku: str) -> int:
        """How many of *sku* its first listing sells."""
        return self.for_sale(self._by_sku[sku][0].listing_id)

    def _free(self, listing: Listing, place: str) -> int:
        if not listing.active:
            return 0
        held = listing.unshipped.get(place, 0) if self.semantics.counts_unshipped else 0
        return listing.stored[place] - held

    def buy(self, sku: str, quantity: int = 1, *, paid: bool = True, listing: int = 0) -> PlainOrder | None:
        """Buy from the n-th listing of *sku*; None, and a line in the books, where it shows too few."""
        at, what = self.now(), self._by_sku[sku][listing]
        place = next((one for one in self.semantics.locations if self._free(what, one) >= quantity), None)
        if place is None:
            self.books.sold_out.append(SoldOut(sku, quantity, at))
            return None
        self._number += 1
        line = Line("1", what.listing_id, sku, place, quantity)
        order = PlainOrder(f"O{self._number}", at, at, [line], paid=False)
        self.orders[order.order_id] = order
        self.books.sales.append(Sale(order.order_id, sku, quantity, at))
        what.unshipped[place] = what.unshipped.get(place, 0) + quantity
        self._lower(line, "order", quantity)
        if paid:
            order.paid = True
            self._lower(line, "payment", quantity)
        self._announce(order)
        return order

    def pay(self, order: PlainOrder) -> None:
        if order.paid or order.cancelled:
            return
        order.paid = True
        for line in order.lines:
            self._lower(line, "payment", line.quantity)
        self._announce(order)

    def cancel(self, order: PlainOrder) -> None:
        """What has not left comes back, and onto the count where it had been taken off."""
        if order.cancelled or all(line.shipped == line.quantity for line in order.lines):
            return
        order.cancelled = True
        for line in order.lines:
            listing, left = self.listings[line.listing_id], line.quantity - line.shipped
            listing.unshipped[line.location] -= left
            back = max(0, line.lowered - line.shipped)
            listing.stored[line.location] += back
            line.lowered -= back
            self.books.restocks.append(Sale(order.order_id, line.sku, left, self.now()))
        self._announce(order)

    def ship(self, order: PlainOrder, units: dict[str, int], *, key: str, tracking: str, carrier: str) -> str:
        """Goods left; the same *key* twice is one shipment. Returns its id."""
        if key in order.shipments:
            return order.shipments[key]
        lines = {line.line_id: line for line in order.lines}
        if order.cancelled or any(
            name not in lines or not 0 < count <= lines[name].quantity - lines[name].shipped
            for name, count in units.items()
        ):
            raise Refused("cannot_ship", "The order has not that much to ship.")
        for name, count in units.items():
            line = lines[name]
            line.shipped += count
            self.listings[line.listing_id].unshipped[line.location] -= count
            self._lower(line, "shipment", count)
        order.shipments[key] = f"S{order.order_id}-{len(order.shipments) + 1}"
        self.books.shipped.append(Shipped(order.order_id, tracking, carrier, sum(units.values()), self.now()))
        self._announce(order)
        return order.shipments[key]

    def _lower(self, line: Line, when: str, quantity: int) -> None:
        if self.semantics.lowers_at == when:
            self.listings[line.listing_id].stored[line.location] -= quantity
            line.lowered += quantity

    # What the API does ----------------------------------------------------------------------------------------

    def write(self, listing_id: str, location: str, quantity: int, expected: int | None = None) -> int:
        """Store *quantity* of an active listing; raises `Refused`."""
        listing = self._listing(listing_id, location)
        before = listing.stored[location]
        if quantity == 0 and self._refuses_zero():
            raise Refused(
                "zero_refused", "A listing cannot stand at zero: end it, or switch on Keep at zero."
            )
        if not listing.active:
            raise Refused("inactive", "The listing is not active: relist it.")
        if self.semantics.compares and expected is not None and expected != before:
            self._book(listing, before, quantity, accepted=False)
            raise Refused("stale", f"The quantity is {before}.")
        listing.stored[location] = quantity
        self._book(listing, before, quantity)
        return quantity

    def deactivate(self, listing_id: str) -> int:
        """Take a listing off sale; 0, which is what it sells from now on."""
        listing = self._listing(listing_id, self.semantics.locations[0])
        self._book(listing, sum(listing.stored.values()), 0)
        listing.active = False
        return 0

    def relist(self, listing_id: str, location: str, quantity: int) -> int:
        listing = self._listing(listing_id, location)
        if quantity < 1:
            raise Refused("zero_refused", "Nothing is relisted without a quantity.")
        listing.active = True
        self._book(listing, 0, quantity)
        listing.stored[location] = quantity
        return quantity

    def _refuses_zero(self) -> bool:
        return self.semantics.zero == "deactivate" or (
            self.semantics.zero == "needs_setting" and not self.zero_setting
        )

    def _listing(self, listing_id: str, location: str) -> Listing:
        listing = self.listings.get(listing_id)
        if listing is None or location not in listing.stored:
            raise Refused("not_found", f"There is no listing {listing_id} at {location!r}.")
        return listing

    def _book(self, listing: Listing, before: int, after: int, *, accepted: bool = True) -> None:
        self.books.stock_writes.append(StockWrite(listing.sku, before, after, self.now(), accepted))

    def changed(
        self, since: datetime, until: datetime, after: tuple[str, int] | None
    ) -> list[tuple[int, PlainOrder]]:
        """A page of orders as they are now, by the time of their last change in [since, until), after a place."""
        found: list[tuple[int, PlainOrder]] = []
        begin = (datetime.fromisoformat(after[0]), after[1]) if after else (since, -1)
        low, high = 0, len(self._changed)
        while low < high:
            middle = (low + high) // 2
            if self._changed[middle][:2] <= begin:
                low = middle + 1
            else:
                high = middle
        for at, number, order_id in self._changed[low:]:
            if at >= until or len(found) == PAGE:
                break
            order = self.orders[order_id]
            if order.changed_at == at:  # else it changed again, and stands further on
                found.append((number, order))
        return found

    # Webhooks -------------------------------------------------------------------------------------------------

    def _announce(self, order: PlainOrder) -> None:
        at = self.now()
        if self._changed and self._changed[-1][0] > at:
            raise ValueError("time went backwards")
        order.changed_at = at
        self._number += 1
        self._changed.append((at, self._number, order.order_id))
        lag = self._lag(at, self._late)
        if lag is not None:
            due = at.timestamp() + lag
            heapq.heappush(
                self._outgoing, (datetime.fromtimestamp(due, tz=at.tzinfo), self._number, self.body(order))
            )

    def webhooks_due(self, now: datetime) -> Sequence[tuple[bytes, dict[str, str]]]:
        """Take what leaves by *now*: (body, headers), signed."""
        taken = []
        while self._outgoing and self._outgoing[0][0] <= now:
            body = heapq.heappop(self._outgoing)[2]
            signature = hmac.digest(self._secret.encode(), body, hashlib.sha256).hex()
            taken.append((body, {"content-type": "application/json", "x-plain-signature": signature}))
        return taken

    def next_webhook(self) -> datetime | None:
        return self._outgoing[0][0] if self._outgoing else None

    def body(self, order: PlainOrder) -> bytes:
        return json.dumps(self.payload(order)).encode()

    def payload(self, order: PlainOrder) -> dict[str, Any]:
        return {
            "id": order.order_id,
            "placed_at": order.placed_at.isoformat(),
            "changed_at": order.changed_at.isoformat(),
            "paid": order.paid,
            "cancelled": order.cancelled,
            "currency": "EUR",
            "total": f"{sum(line.quantity for line in order.lines) * 10}.00",
            "lines": [
                {
                    "id": line.line_id,
                    "listing": line.listing_id,
                    "sku": line.sku,
                    "location": line.location,
                    "quantity": line.quantity,
                    "shipped": line.shipped,
                    "price": "10.00",
                }
                for line in order.lines
            ],
        }
