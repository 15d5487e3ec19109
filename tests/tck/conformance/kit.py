"""What a connector brings along to be measured: how its channel signs, writes bodies, and is played by a simulator."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, Self
from zoneinfo import ZoneInfo

from conformance.wire import Wire
from core.connector import Connector, Credentials, Delivery, Reading, Settings, TrackingRead
from core.flow import encode
from core.model.order import Order
from core.model.tracking import Tracking, TrackingStatus
from simulators.books import Books

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True, slots=True)
class Vector:
    """A signature worked out by other means than the connector's."""

    secret: str
    body: bytes
    signature: str


@dataclass(frozen=True, slots=True)
class Sold:
    """One line of a sample order: *price* is of one unit."""

    sku: str = "MUG-B"
    quantity: int = 2
    price: Decimal = Decimal("10.00")


class Kit(ABC):
    """What channels and carriers have in common. *answer* is a body that a good answer of the API may have."""

    connector: Connector
    credentials: Credentials
    settings: Settings
    topic: str  # of a delivery that carries a whole order, or a whole tracking
    signature_header: str  # lower case
    vectors: Sequence[Vector]
    answer: bytes

    @abstractmethod
    def sign(self, body: bytes, secret: str) -> dict[str, str]:
        """The headers of a delivery, as the channel signs it."""

    @abstractmethod
    def sample(self) -> bytes:
        """A body of *topic* with nothing odd about it."""

    @abstractmethod
    def open(self, *, listed: int = 0) -> AbstractAsyncContextManager[Any]:
        """A simulated account: a `Shop` with *listed* products more, or an `Account` of a carrier."""

    def signed(self, body: bytes, secret: str) -> Delivery:
        return Delivery(self.topic, self.sign(body, secret), body)

    def read(self, body: bytes, topic: str | None = None) -> Reading:
        return self.connector.read(Delivery(self.topic if topic is None else topic, {}, body), {})

    def with_connector(self, connector: Any) -> Self:
        """The same kit around another connector."""
        other = copy.copy(self)
        other.connector = connector
        return other


class Account(Protocol):
    """A simulated account of any kind: a line to it, and a clock that moves by hand."""

    wire: Wire
    clock: Clock
    account: str
    currency: str | None

    def subscriptions(self) -> list[tuple[str, str]]: ...


class Shop(Account, Protocol):
    """A simulated shop that sells `MUG` (10 on the shelf), `LAMP` (100,000) and `listed` products more."""

    skus: tuple[str, ...]
    missing_order: str

    def sell(self, sku: str = "LAMP", quantity: int = 1) -> str: ...
    def change(self, order_id: str) -> None: ...
    def cancel(self, order_id: str) -> None: ...
    def shown(self, sku: str) -> int: ...
    def told(self, order_id: str) -> Delivery: ...
    def told_of(self, order_id: str, tracking_number: str) -> int: ...
    def noted(self) -> int: ...


def mentions(books: Books, order_id: str, tracking_number: str) -> int:
    """How often the hub told a simulated shop of this parcel, as a shipment or in a note."""
    shipped = [row.tracking_number for row in books.shipped if row.order_id == order_id]
    return shipped.count(tracking_number) + sum(
        tracking_number in row.text for row in books.noted if row.order_id == order_id
    )


class Clock:
    """A clock that is moved by hand."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class ChannelKit(Kit):
    """*places* says where a fact stands in an order's body ("line_items.0.quantity"): id, status, currency, total,
    changed_at, quantity, sku and title. Where the connector is a `NamesAccount`, its kit also has `of_account(account)`: a
    delivery of the account with that number.
    """

    places: Mapping[str, str]

    @abstractmethod
    def order(
        self,
        lines: Sequence[Sold] = (Sold(),),
        *,
        order_id: int = 501,
        currency: str = "EUR",
        changed_at: datetime = NOW,
        zone: ZoneInfo = BERLIN,
    ) -> dict[str, Any]:
        """An order as the channel writes it, whose amounts add up; the shop stands in *zone*."""

    @abstractmethod
    def deleted(self, order_id: int) -> Delivery:
        """What the channel sends when an order was deleted."""

    def sample(self) -> bytes:
        return encode(self.order())

    def with_raw(self, fact: str, raw: str, order: dict[str, Any] | None = None) -> bytes:
        """A body in which *fact* is the JSON text *raw*, whatever that is."""
        payload = copy.deepcopy(order or self.order())
        *path, last = self.places[fact].split(".")
        where: Any = payload
        for step in path:
            where = where[int(step) if step.isdigit() else step]
        where[last] = "@here@"
        return encode(payload).replace(b'"@here@"', raw.encode("utf-8", "surrogatepass"))

    def without(self, fact: str) -> bytes:
        """A body that lacks *fact*, a fact of the order itself."""
        payload = self.order()
        del payload[self.places[fact]]
        return encode(payload)

    def ordered(self, reading: Reading) -> Order:
        """The order of a reading that has to be one."""
        order = getattr(reading, "order", None)
        assert isinstance(order, Order), f"no order was read: {reading}"
        return order


class CarrierKit(Kit):
    """*words* are the carrier's own words for statuses of ours."""

    words: Mapping[TrackingStatus, str]

    @abstractmethod
    def callback(
        self, number: str, word: str, scans: Sequence[tuple[str, datetime]], *, carrier: str = "UPS"
    ) -> dict[str, Any]:
        """What the carrier sends when a parcel moved: its word, and the words and times of what it saw."""

    def sample(self) -> bytes:
        return encode(self.callback("1Z999", self.words[TrackingStatus.IN_TRANSIT], self.way()))

    def way(self) -> list[tuple[str, datetime]]:
        """Three scans, an hour apart."""
        seen = (TrackingStatus.PENDING, TrackingStatus.IN_TRANSIT, TrackingStatus.IN_TRANSIT)
        return [(self.words[status], NOW - timedelta(hours=3 - hour)) for hour, status in enumerate(seen)]

    def tracked(self, reading: Reading) -> Tracking:
        """The one tracking of a reading that has to have one."""
        assert isinstance(reading, TrackingRead), f"no tracking was read: {reading}"
        (found,) = reading.trackings
        return found
