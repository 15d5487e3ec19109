"""What a channel lists and what it may sell."""

from __future__ import annotations

from core.model.value import Value


class LiveLevel(Value):
    """What a channel shows as sellable at one of its locations ("" where the channel knows no locations)."""

    channel_location_id: str = ""
    quantity: int | None = None


class ListingSeen(Value):
    """One sellable variant as read from a channel's catalogue.

    *channel_item_id* is the id order lines carry; *channel_stock_id* the one stock writes need (Shopify's
    inventory item; WooCommerce "product" or "product/variation"). *tracked* is false where the channel keeps
    no count; *bundle* marks a listing made of other listings, whose count cannot be written.
    """

    channel_item_id: str
    channel_product_id: str | None = None
    channel_stock_id: str
    sku: str | None = None
    gtin: str | None = None
    title: str = ""
    tracked: bool = True
    bundle: bool = False
    levels: tuple[LiveLevel, ...] = ()


class StockSeen(Value):
    """What a channel shows now of one thing at one of its locations ("" where it knows none).

    *sku* is what the channel calls it now; *tracked* is false where it keeps no count of it, and *quantity* None where
    it does not tell.
    """

    channel_stock_id: str
    channel_location_id: str = ""
    quantity: int | None = None
    sku: str | None = None
    tracked: bool = True


class StockWrite(Value):
    """Make *channel_stock_id* show *desired* at *channel_location_id*.

    *predicted* is what it should show by itself now; where it shows less, the channel sold units we have not
    heard of, and as many less are written: see `core.rules.stock.quantity_to_write`. *maybe* is what a try
    whose answer was lost may have written. *key* is the idempotency key of this value: the same for every try,
    another for another value.
    """

    channel_stock_id: str
    channel_location_id: str = ""
    desired: int
    predicted: int | None = None
    maybe: int | None = None
    key: str


class StockWritten(Value):
    """The outcome of one `StockWrite`. *written* is what the channel shows now, *unseen* the units it had sold
    without our knowing. *error* (an `ErrorCode` word) with *message* in the channel's words when refused; with
    *written* as well where it took that much instead: what a listing keeps that may not stand at zero.
    """

    channel_stock_id: str
    channel_location_id: str = ""
    written: int | None = None
    unseen: int = 0
    error: str | None = None
    message: str = ""
