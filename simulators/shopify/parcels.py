"""What an order is shipped by: fulfillment orders (the work to do at a location) and fulfillments (what left).

See https://shopify.dev/docs/apps/build/orders-fulfillment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulators.shopify.goods import SimLine, SimLocation

MAX_HOLDS = 10  # of one app on one fulfillment order


@dataclass(frozen=True, slots=True)
class SimHold:
    """*by_app*: placed through the Admin API, not by the merchant."""

    hold_id: int
    reason: str
    notes: str | None
    handle: str
    by_app: bool


@dataclass(slots=True, eq=False)
class SimFulfillmentOrderLine:
    """*remaining* of *total* units are still to be shipped. Units taken off the order leave both."""

    fulfillment_order_line_id: int
    line: SimLine
    total: int
    remaining: int


@dataclass(slots=True, eq=False)
class SimFulfillmentOrder:
    """The units of an order that are to leave from *location*."""

    fulfillment_order_id: int
    location: SimLocation
    created_at: datetime
    updated_at: datetime
    lines: list[SimFulfillmentOrderLine] = field(default_factory=list)
    holds: list[SimHold] = field(default_factory=list)

    @property
    def remaining(self) -> int:
        return sum(line.remaining for line in self.lines)

    @property
    def status(self) -> str:
        """OPEN, ON_HOLD, IN_PROGRESS (a part has left) or CLOSED: nothing here is scheduled or sent elsewhere."""
        if not self.remaining:
            return "CLOSED"
        if self.holds:
            return "ON_HOLD"
        return "IN_PROGRESS" if any(line.remaining < line.total for line in self.lines) else "OPEN"

    @property
    def supported_actions(self) -> list[str]:
        if self.status == "CLOSED":
            return []
        if self.holds:
            return ["RELEASE_HOLD", *(["HOLD"] if len(self.holds) < MAX_HOLDS else []), "MOVE"]
        split = ["SPLIT"] if self.remaining > 1 else []
        return ["CREATE_FULFILLMENT", "REPORT_PROGRESS", "MOVE", "HOLD", *split]


@dataclass(frozen=True, slots=True)
class SimTracking:
    company: str | None
    number: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class SimFulfillmentEvent:
    """*status* is a FulfillmentEventStatus, *delivery_at* the delivery it promises, *details* its message and place
    by their GraphQL names.
    """

    event_id: int
    status: str
    happened_at: datetime
    created_at: datetime
    delivery_at: datetime | None
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SimFulfillmentLine:
    fulfillment_line_id: int
    order_line: SimFulfillmentOrderLine
    quantity: int

    @property
    def line(self) -> SimLine:
        return self.order_line.line


@dataclass(slots=True, eq=False)
class SimFulfillment:
    """What left *location* in one go. *events* are in the order in which they were recorded."""

    fulfillment_id: int
    number: int
    created_at: datetime
    updated_at: datetime
    location: SimLocation
    tracking: list[SimTracking]
    lines: tuple[SimFulfillmentLine, ...]
    fulfillment_orders: tuple[SimFulfillmentOrder, ...]
    events: list[SimFulfillmentEvent] = field(default_factory=list)
    cancelled: bool = False

    @property
    def units(self) -> int:
        return sum(part.quantity for part in self.lines)

    @property
    def display_status(self) -> str:
        """The word of the event recorded last, unless it was cancelled."""
        if self.cancelled:
            return "CANCELED"
        return self.events[-1].status if self.events else "FULFILLED"

    def last(self, status: str) -> SimFulfillmentEvent | None:
        return next((event for event in reversed(self.events) if event.status == status), None)
