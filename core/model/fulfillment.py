"""What was shipped: fulfillments and their parcels, and what channels and carriers are told about them."""

from __future__ import annotations

from datetime import datetime

from core.model.tracking import TrackingStatus
from core.model.value import Value


class LineQuantity(Value):
    """So many of one order line."""

    line_id: str
    quantity: int


class Parcel(Value):
    """One box with one tracking number."""

    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None


class Fulfillment(Value):
    """What was shipped in one go. *active* is false for one that was cancelled or failed at the channel."""

    channel_fulfillment_id: str
    status: str | None = None
    active: bool = True
    shipped_at: datetime | None = None
    channel_location_id: str | None = None
    lines: tuple[LineQuantity, ...] = ()
    parcels: tuple[Parcel, ...] = ()


class FulfillmentPush(Value):
    """What a channel is told about goods that left.

    *key* is the same for every attempt; *look_first* says that an earlier attempt may have had its effect without our
    knowing, so the channel has to be read before it is told again. *completes* says that nothing of the order is left to
    ship. *notify_buyer* lets the channel write to the buyer. *others* are the channel's ids of this order's other
    fulfillments that it was told: none of them is this one, even in the same parcel.
    """

    key: str
    channel_order_id: str
    lines: tuple[LineQuantity, ...]
    parcels: tuple[Parcel, ...]
    shipped_at: datetime
    completes: bool
    notify_buyer: bool = False
    look_first: bool = False
    others: tuple[str, ...] = ()


class FulfillmentPushed(Value):
    """The channel has the fulfillment. *repeated* says that it was found there and not sent again."""

    channel_fulfillment_ids: tuple[str, ...] = ()
    repeated: bool = False


class TrackingPush(Value):
    """What a channel is told about a parcel on its way; *key* and *look_first* as in `FulfillmentPush`."""

    key: str
    channel_order_id: str
    channel_fulfillment_ids: tuple[str, ...]
    tracking_number: str
    status: TrackingStatus
    happened_at: datetime
    look_first: bool = False


class TrackerWanted(Value):
    """A parcel that a carrier shall follow for us; *key* and *look_first* as in `FulfillmentPush`."""

    key: str
    tracking_number: str
    carrier: str
    look_first: bool = False
