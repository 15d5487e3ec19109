"""The canonical order: what was bought, by whom, for how much, and what is known of it since.

Amounts are in the shop currency as the channel states them; `prices_include_tax` says whether line, discount
and shipping amounts contain the tax. They add up as

    subtotal - discount_total + shipping_total + fee_total + tip_total + duty_total + rounding
        (+ tax_total unless prices_include_tax)  =  total

to the minor unit, or the order carries the flag `amount_mismatch`.
"""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import field_serializer

from core.model.fulfillment import Fulfillment, LineQuantity
from core.model.money import Money
from core.model.party import Address, Customer, PickupPoint, TaxId
from core.model.value import Value


class PaymentStatus(StrEnum):
    PENDING = "pending"
    AUTHORIZED = "authorized"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    FAILED = "failed"


class FulfillmentStatus(StrEnum):
    """Derived from quantities by `core.rules.orders.fulfillment_status`."""

    UNFULFILLED = "unfulfilled"
    PARTIALLY_FULFILLED = "partially_fulfilled"
    FULFILLED = "fulfilled"


class Source(StrEnum):
    """Where the order was made."""

    ONLINE = "online"
    POINT_OF_SALE = "point_of_sale"
    DRAFT = "draft"  # not an order yet: a checkout, a quote
    STAFF = "staff"  # entered by the merchant's people or another app


class LineKind(StrEnum):
    """What a line sells. Only PRODUCT can move stock."""

    PRODUCT = "product"
    GIFT_CARD = "gift_card"
    DIGITAL = "digital"
    TIP = "tip"
    INSURANCE = "insurance"
    SERVICE = "service"


class Hold(Value):
    """A reason not to ship yet. *pointer* is the place in the payload (RFC 6901), *message* for a person."""

    code: str
    pointer: str
    message: str


class Property(Value):
    """Personalisation and other named facts of a line (engraving, gift wrap, size chart answers)."""

    name: str
    value: str


class TaxLine(Value):
    """*remitted_by* is "channel" where the marketplace pays the tax office, else "merchant"."""

    title: str | None = None
    rate: str | None = None
    amount: Money | None = None
    remitted_by: str = "merchant"


class Discount(Value):
    code: str | None = None
    title: str | None = None
    kind: str | None = None
    amount: Money | None = None


class ShippingLine(Value):
    """*service* is the service the buyer was promised, in the channel's words; amounts before discounts."""

    title: str | None = None
    service: str | None = None
    carrier: str | None = None
    amount: Money | None = None
    discounted_amount: Money | None = None


class Fee(Value):
    title: str | None = None
    amount: Money | None = None


class GiftCard(Value):
    """A gift card the buyer paid with."""

    last_characters: str | None = None
    amount: Money | None = None


class Payment(Value):
    method: str | None = None
    title: str | None = None
    reference: str | None = None
    paid_at: datetime | None = None


class Refund(Value):
    """Money given back; *lines* are the units it names, restocked or not."""

    channel_refund_id: str
    created_at: datetime | None = None
    reason: str | None = None
    amount: Money | None = None
    lines: tuple[LineQuantity, ...] = ()


class OrderLine(Value):
    """*quantity* is what was ordered (a fraction where a shop sells by the metre; `units` are what a shelf gives for
    it); the other counts say what became of those units.

    *channel_location_id* is the channel's location that it takes the units from, where it says so. *channel_lowered* units
    are off the channel's own count now, where it tells of each line. *unit_price* is before discounts, *total* after
    them. *bundle_line_id* names the line of the bundle this component belongs to; *bundle_exploded* says the channel has
    already split the bundle into components.
    """

    line_id: str
    sku: str | None = None
    gtin: str | None = None
    channel_item_id: str | None = None
    channel_product_id: str | None = None
    channel_location_id: str | None = None
    title: str = ""
    variant_title: str | None = None
    kind: LineKind = LineKind.PRODUCT
    requires_shipping: bool | None = None
    tracked: bool | None = None
    quantity: int | Decimal
    quantity_cancelled: int = 0
    quantity_fulfilled: int = 0
    quantity_returned: int = 0
    channel_lowered: int | None = None
    unit_price: Money | None = None
    subtotal: Money | None = None
    discount_total: Money | None = None
    tax_total: Money | None = None
    total: Money | None = None
    taxes: tuple[TaxLine, ...] = ()
    properties: tuple[Property, ...] = ()
    bundle_line_id: str | None = None
    bundle_title: str | None = None
    bundle_exploded: bool = False

    @field_serializer("quantity")
    def _as_number(self, quantity: int | Decimal) -> int | float:
        return quantity if isinstance(quantity, int) else float(quantity)

    @property
    def units(self) -> int:
        """Whole units: a fraction takes one more, so that none is sold twice."""
        return math.ceil(self.quantity)

    @property
    def quantity_open(self) -> int:
        """Units that still have to leave a shelf."""
        return max(0, self.units - self.quantity_cancelled - self.quantity_fulfilled)


class Order(Value):
    """One order of one connection, as the channel says it is at *changed_at*.

    *ship_by* is when the channel wants its goods to have left by; a shop of one's own states none.
    *channel_lowered_stock*: whether the channel has taken these units off its own count, where it tells of each order;
    None where that follows from its manifest.
    """

    channel: str
    channel_order_id: str
    order_number: str | None = None
    channel_status: str | None = None
    placed_at: datetime | None = None
    changed_at: datetime | None = None
    cancelled_at: datetime | None = None
    closed_at: datetime | None = None
    ship_by: datetime | None = None
    cancel_reason: str | None = None
    currency: str | None = None
    presentment_currency: str | None = None
    prices_include_tax: bool | None = None
    payment_status: PaymentStatus | None = None
    fulfillment_status: FulfillmentStatus | None = None
    source: Source = Source.ONLINE
    test: bool = False
    cancelled: bool = False
    fulfilled_by_channel: bool = False
    channel_lowered_stock: bool | None = None
    lines: tuple[OrderLine, ...] = ()
    subtotal: Money | None = None
    discount_total: Money | None = None
    shipping_total: Money | None = None
    tax_total: Money | None = None
    fee_total: Money | None = None
    tip_total: Money | None = None
    duty_total: Money | None = None
    rounding: Money | None = None
    total: Money | None = None
    refunded_total: Money | None = None
    discounts: tuple[Discount, ...] = ()
    shipping_lines: tuple[ShippingLine, ...] = ()
    taxes: tuple[TaxLine, ...] = ()
    fees: tuple[Fee, ...] = ()
    gift_cards: tuple[GiftCard, ...] = ()
    payments: tuple[Payment, ...] = ()
    customer: Customer | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    pickup_point: PickupPoint | None = None
    tax_ids: tuple[TaxId, ...] = ()
    buyer_note: str | None = None
    gift_message: str | None = None
    delivery_instructions: str | None = None
    tags: tuple[str, ...] = ()
    fulfillments: tuple[Fulfillment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    holds: tuple[Hold, ...] = ()
    flags: tuple[str, ...] = ()
