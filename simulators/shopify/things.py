"""The things of a simulated shop: variants, buyers, orders and what became of them. Decides nothing.

Amounts are whole cents of the shop's currency, prices contain the tax.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

TAX_BASIS_POINTS = 1900
TAX_TITLE = "VAT"


def gid(kind: str, number: int) -> str:
    """Shopify's global id of a thing, see https://shopify.dev/docs/api/usage/gids."""
    return f"gid://shopify/{kind}/{number}"


def contained_tax(cents: int) -> int:
    """The tax inside a price that contains it, rounded half up to the cent."""
    return (cents * TAX_BASIS_POINTS * 2 + 10000 + TAX_BASIS_POINTS) // (2 * (10000 + TAX_BASIS_POINTS))


@dataclass(slots=True, eq=False)
class SimVariant:
    """Something the shop sells. *available* is what the shop shows, *committed* what open orders hold.

    A *bundle* is made of components, so its own stock cannot be written.
    """

    variant_id: int
    inventory_item_id: int
    product_id: int
    sku: str
    title: str
    price: int
    available: int
    tracked: bool
    gtin: str | None
    bundle: bool
    created_at: datetime
    updated_at: datetime
    committed: int = 0

    @property
    def on_hand(self) -> int:
        return self.available + self.committed


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


@dataclass(slots=True, eq=False)
class SimLine:
    """*removed* units were taken off before shipping, *returned* ones after; *discount* is for all units."""

    line_id: int
    variant: SimVariant
    quantity: int
    unit_price: int
    discount: int
    properties: Mapping[str, str] = field(default_factory=dict)
    removed: int = 0
    fulfilled: int = 0
    returned: int = 0

    @property
    def current_quantity(self) -> int:
        return self.quantity - self.removed - self.returned

    @property
    def open_quantity(self) -> int:
        return self.quantity - self.removed - self.fulfilled

    def total(self, quantity: int) -> int:
        """What *quantity* of the units cost after discounts."""
        return self.unit_price * quantity - self.discount * quantity // self.quantity


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
class SimFulfillmentLine:
    fulfillment_line_id: int
    line: SimLine
    quantity: int


@dataclass(frozen=True, slots=True)
class SimFulfillment:
    fulfillment_id: int
    number: int
    created_at: datetime
    company: str
    tracking_number: str
    lines: tuple[SimFulfillmentLine, ...]

    @property
    def tracking_url(self) -> str:
        return f"https://track.example/{self.tracking_number}"


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
