"""What a connector is: a handful of pure functions and flows, and a manifest of facts.

A connector never touches a socket, a clock, a random source or a log, and retries nothing. Flows see no
secret: `authorize` adds them after the flow yielded its request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Literal, Protocol, Self, runtime_checkable

from pydantic import Field, model_validator

from core.errors import ChannelError, UsageProblem
from core.flow import Flow, Request, Response
from core.model.fulfillment import FulfillmentPush, FulfillmentPushed, TrackerWanted, TrackingPush
from core.model.inventory import ListingSeen, StockSeen, StockWrite, StockWritten
from core.model.order import Order
from core.model.tracking import Tracking
from core.model.value import Value

Credentials = Mapping[str, str]  # field name -> secret; never logged, never in a Request a flow can see
Overrides = Mapping[str, Mapping[str, str]]  # merchant's own lookup rows: table -> channel word -> our word
Settings = Mapping[str, str]  # what is not secret about a connection: shop domain, base URL


class Limits(Value):
    """How fast the channel lets us call. *points_per_s* and *burst* per family of calls."""

    points_per_s: float
    burst: float


class Manifest(Value):
    """Facts about a channel or carrier, as data, because their differences oversell. Read from `manifest.toml`.

    *lowers_stock_at* says when the channel lowers its own count by itself ("setting": as a setting of the account says,
    which the connection repeats), *gives_back_cancelled* whether it always raises it again when an order is cancelled
    (false where the merchant decides), *counts_own_unshipped* that its number includes units sold and not shipped.
    *zero* is what taking something off sale means there: writing zero, deactivating the listing (the connector does),
    or writing zero once *zero_setting* is switched on, which is named in words for a person. *deadline_ms* is how fast
    it wants its webhooks answered. *sells_as* is whose shop it is: at a marketplace an order that is cancelled or late
    counts against the seller, so what does not say is taken for one. A channel has to state every fact of `SELLING`; a
    carrier sells nothing and has none of them.
    """

    SELLING: ClassVar = (
        "page_size", "stock_batch", "compare_and_set", "stock_locations", "zero", "counts_own_unshipped",
        "lowers_stock_at", "gives_back_cancelled", "ship_clock_stops_at",
    )  # fmt: skip

    slug: str
    kind: Literal["channel", "carrier"] = "channel"
    name: str
    documentation: str
    api_version: str
    api_sunset: date | None = None
    capabilities: tuple[str, ...]
    credentials: tuple[str, ...]
    webhook_secrets: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    hosts: tuple[str, ...]
    page_size: int = 0
    stock_batch: int = 0
    limits: dict[str, Limits] = Field(default_factory=dict)
    zero: Literal["quantity", "deactivate", "needs_setting"] = "quantity"
    zero_setting: str = ""
    counts_own_unshipped: bool = False
    lowers_stock_at: Literal["order", "payment", "shipment", "never", "setting"] = "order"
    gives_back_cancelled: bool = False
    compare_and_set: bool = False
    idempotency_keys: bool
    stock_locations: bool = False
    ship_clock_stops_at: str = ""
    sells_as: Literal["marketplace", "own_shop"] = "marketplace"
    buyer_messages: tuple[str, ...] = ()
    data_use: str
    tier: Literal["draft", "bronze", "silver", "gold"]
    webhook_topics: tuple[str, ...] = ()
    deadline_ms: int = 5000

    @model_validator(mode="after")
    def _states_every_fact(self) -> Self:
        unstated = [fact for fact in self.SELLING if fact not in self.model_fields_set]
        if self.kind == "channel" and unstated:
            raise ValueError(f"a channel has to state {', '.join(unstated)}")
        if self.zero == "needs_setting" and not self.zero_setting:
            raise ValueError("zero needs a setting: zero_setting has to name it")
        if self.counts_own_unshipped and self.lowers_stock_at in ("order", "payment"):
            raise ValueError(
                "a number that includes unshipped units cannot be lowered before they are shipped"
            )
        return self


def limits_for(manifest: Manifest, settings: Settings) -> dict[str, Limits]:
    """How fast an account may be called: as the manifest says, or as its setting `calls_per_s` does, where the merchant
    knows better what the host bears. Raises `UsageProblem` when that is not a number above zero.
    """
    said = settings.get("calls_per_s")
    if said is None:
        return manifest.limits
    try:
        rate = float(said)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1e6:
        raise UsageProblem(f"calls_per_s={said[:20]!r} is not a number above zero.")
    return {family: Limits(points_per_s=rate, burst=rate * 4) for family in manifest.limits}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One inbound call: *topic* from the path, header names in lower case (a repeated one joined by
    newlines), *body* the raw bytes.
    """

    topic: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Window:
    """Ask for what changed in [since, until)."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a pull. *items* are raw bodies, each as it could have arrived in a delivery of topic
    *topic*; *changed_until* the newest change among them, for the checkpoint.
    """

    topic: str
    items: tuple[bytes, ...]
    next_cursor: str | None
    changed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderStamp:
    """That an order is there, and when it changed last: None where the channel does not say."""

    channel_order_id: str
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class StampPage:
    """One page of a list of orders."""

    stamps: tuple[OrderStamp, ...]
    next_cursor: str | None


class Problem(Value):
    """Something in a payload that could not be understood, with its place (RFC 6901) and words for a person."""

    code: str
    pointer: str
    message: str


class Change(StrEnum):
    """What a notice says happened to the thing it names."""

    CHANGED = "changed"  # look again
    DELETED = "deleted"  # claimed gone: confirm by looking
    GONE = "gone"  # we looked: it is not there
    NONE = "none"  # nothing we act on


@dataclass(frozen=True, slots=True)
class OrderRead:
    """A whole order."""

    order: Order


@dataclass(frozen=True, slots=True)
class Notice:
    """A hint: *subject* is "order", "product", "stock", "connection", "privacy" or "other"."""

    subject: str
    change: Change
    resource_id: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """No id or no lines could be read: the delivery is parked with these reasons."""

    reasons: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class TrackingRead:
    """What a carrier says about parcels, one entry for each tracking number in the body."""

    trackings: tuple[Tracking, ...]


Reading = OrderRead | TrackingRead | Notice | Unreadable


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a delivery is not authentic. *alarm* marks what an operator should see (a retired secret still in use)."""

    reason: str
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to give at once instead of storing the delivery (a ping, a challenge)."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class CatalogPage:
    """One page of listings."""

    listings: tuple[ListingSeen, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class StockPage:
    """One page of what a channel shows of everything it counts."""

    stock: tuple[StockSeen, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ChannelLocation:
    channel_location_id: str
    name: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Account:
    """Whose account the credentials open: *account* is the channel's own stable name for it."""

    account: str
    name: str
    currency: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BudgetTold:
    """What an answer says about the rate budget *family*: *available* points now, refilled by *points_per_s* up to
    *burst*. None: not told.
    """

    family: str
    available: float
    points_per_s: float | None = None
    burst: float | None = None


@runtime_checkable
class Connector(Protocol):
    """What every channel and carrier offers. Optional abilities are the small protocols below, not methods that refuse."""

    manifest: Manifest

    def base_url(self, settings: Settings) -> str: ...
    def authorize(
        self, request: Request, credentials: Credentials, base_url: str, now: datetime, nonce: str
    ) -> Request: ...
    def classify(self, response: Response) -> ChannelError | None: ...
    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> Refused | None: ...
    def read(self, delivery: Delivery, overrides: Overrides) -> Reading: ...
    def check_account(self) -> Flow[Account]: ...


@runtime_checkable
class PullsOrders(Protocol):
    """Can be asked for orders: those changed in a window, and one by its id."""

    def pull_orders(self, window: Window, cursor: str | None) -> Flow[Page]: ...
    def fetch_order(self, channel_order_id: str) -> Flow[Page]: ...


@runtime_checkable
class ListsOrders(Protocol):
    """Says which orders changed in a window, by id and time of change alone: what a pull is checked by. None that the
    channel still has in that version may be left out, whatever changes meanwhile.
    """

    def list_orders(self, window: Window, cursor: str | None) -> Flow[StampPage]: ...


@runtime_checkable
class Challenges(Protocol):
    """Answers unsigned calls that only prove we own the address."""

    def challenge(self, delivery: Delivery) -> Answer | None: ...


@runtime_checkable
class NamesAccount(Protocol):
    """Finds in a body whose account it is of: a settings key of the connection and its value, or None."""

    def account_named(self, delivery: Delivery) -> tuple[str, str] | None: ...


@runtime_checkable
class NoticesFields(Protocol):
    """Names the fields of a body that no mapping reads or ignores on purpose."""

    def unread(self, delivery: Delivery) -> list[str]: ...


@runtime_checkable
class ListsCatalog(Protocol):
    def pull_locations(self) -> Flow[tuple[ChannelLocation, ...]]: ...
    def pull_catalog(self, cursor: str | None) -> Flow[CatalogPage]: ...


@runtime_checkable
class ReadsStock(Protocol):
    """Says in bulk what it shows: everything, a page at a time, each page a short conversation and its cursor good for
    hours; or the (stock id, location) pairs named, at most `manifest.stock_batch`, of which those not there are left out.
    """

    def read_stock(self, cursor: str | None) -> Flow[StockPage]: ...
    def read_stock_of(self, items: Sequence[tuple[str, str]]) -> Flow[tuple[StockSeen, ...]]: ...


@runtime_checkable
class WritesStock(Protocol):
    def push_stock(self, writes: Sequence[StockWrite]) -> Flow[tuple[StockWritten, ...]]: ...


@runtime_checkable
class PushesFulfillments(Protocol):
    """Takes what was shipped. The flow looks before it repeats, so that a parcel is there exactly once."""

    def push_fulfillment(self, push: FulfillmentPush) -> Flow[FulfillmentPushed]: ...


@runtime_checkable
class PushesTracking(Protocol):
    """Takes where a parcel is. A status the channel has no word for asks for nothing and returns."""

    def push_tracking(self, push: TrackingPush) -> Flow[None]: ...


@runtime_checkable
class TracksParcels(Protocol):
    """A carrier or aggregator that follows a parcel for us. What it knows at once is returned as it would come in a
    delivery.
    """

    def create_tracker(self, wanted: TrackerWanted) -> Flow[Page]: ...


@runtime_checkable
class TellsBudget(Protocol):
    """Reads from an answer how much may still be asked for."""

    def budget(self, response: Response) -> BudgetTold | None: ...


@runtime_checkable
class Subscribes(Protocol):
    """Registers our webhook addresses at the channel; *address* is ours up to the topic."""

    def subscribe(self, address: str, secret: str, topics: Sequence[str]) -> Flow[tuple[str, ...]]: ...
