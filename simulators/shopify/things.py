"""Buyers and orders of a simulated shop, and what became of the money. Decides nothing.

Amounts are whole cents of the shop's currency, prices contain the tax.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from simulators.shopify.goods import SimLine
from simulators.shopify.parcels import SimFulfillment, SimFulfillmentOrder


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys, and where the parcel goes."""

    customer_id: int
    address_id: int
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    address1: str
    city: str
    zip: str
    country: str
    country_code: str
    address2: str | None = None
    company: str | None = None
    province: str | None = None
    province_code: str | None = None
    locale: str = "en"

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class Discount:
    """A code that takes *percentage* off every line."""

    code: str
    percentage: int


@dataclass(frozen=True, slots=True)
class SimShipping:
    line_id: int
    title: str
    code: str
    price: int


@dataclass(frozen=True, slots=True)
class SimTransaction:
    transaction_id: int
    kind: str
    status: str
    gateway: str
    amount: int
    created_at: datetime
    parent_id: int | None = None


@dataclass(frozen=True, slots=True)
class SimRefundLine:
    refund_line_id: int
    line: SimLine
    quantity: int
    subtotal: int
    restock_type: str  # "cancel", "return" or "no_restock"
    shipped: bool


@dataclass(frozen=True, slots=True)
class SimRefund:
    refund_id: int
    created_at: datetime
    note: str | None
    lines: tuple[SimRefundLine, ...]
    transactions: tuple[SimTransaction, ...]
    shipping: int = 0
    shipping_refund_id: int = 0


@dataclass(slots=True, eq=False)
class SimOrder:
    """An order. *financial_status* is the REST word; *version* grows with every change."""

    order_id: int
    number: int
    token: str
    created_at: datetime
    updated_at: datetime
    buyer: Buyer | None
    lines: list[SimLine]
    shipping: SimShipping | None
    discount: Discount | None
    financial_status: str
    transactions: list[SimTransaction]
    source_name: str
    test: bool
    note: str | None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    closed_at: datetime | None = None
    edited: bool = False
    fulfillment_orders: list[SimFulfillmentOrder] = field(default_factory=list)
    fulfillments: list[SimFulfillment] = field(default_factory=list)
    refunds: list[SimRefund] = field(default_factory=list)
    version: int = 0

    @property
    def key(self) -> str:
        """How the books and `ShopifySimulator.orders` name it."""
        return str(self.order_id)

    @property
    def name(self) -> str:
        return f"#{self.number}"

    @property
    def fulfillment_status(self) -> str | None:
        if not any(line.fulfilled for line in self.lines):
            return None
        return "partial" if any(line.open_quantity for line in self.lines) else "fulfilled"
