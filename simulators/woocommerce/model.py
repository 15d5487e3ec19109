"""What the shop keeps in its database: products, orders, items, refunds and notes. Does nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any, Literal

ZERO = Decimal(0)
LOWERS_STOCK = frozenset({"processing", "completed", "on-hold"})
GIVES_STOCK_BACK = frozenset({"cancelled", "failed", "pending"})


@dataclass(slots=True)
class Ids:
    """Products, orders and refunds share one sequence of numbers; items, meta rows and notes have others."""

    posts: Iterator[int] = field(default_factory=lambda: count(11))
    items: Iterator[int] = field(default_factory=lambda: count(1))
    meta: Iterator[int] = field(default_factory=lambda: count(1))
    notes: Iterator[int] = field(default_factory=lambda: count(1))


@dataclass(slots=True)
class Meta:
    meta_id: int
    key: str
    value: Any


@dataclass(slots=True, eq=False)
class SimProduct:
    """A product or, with *parent*, a variation. *manage_stock* "parent": it sells from the parent's count."""

    product_id: int
    sku: str
    name: str
    price: Decimal
    created: datetime
    modified: datetime
    stock_quantity: int | None = None
    manage_stock: bool | Literal["parent"] = False
    gtin: str = ""
    parent: SimProduct | None = None
    options: tuple[tuple[str, str], ...] = ()
    variations: list[SimProduct] = field(default_factory=list)
    total_sales: int = 0
    status: str = "publish"

    @property
    def kind(self) -> str:
        if self.parent is not None:
            return "variation"
        return "variable" if self.variations else "simple"

    @property
    def shown_sku(self) -> str:
        """A variation without a SKU of its own shows its parent's."""
        return self.sku or (self.parent.sku if self.parent is not None else "")

    @property
    def holder(self) -> SimProduct | None:
        """Whose count is lowered when this is sold; None when nobody counts."""
        if self.manage_stock == "parent":
            return self.parent
        return self if self.manage_stock else None

    @property
    def shown_stock(self) -> int | None:
        return self.holder.stock_quantity if self.holder is not None else None


@dataclass(slots=True)
class SimLine:
    """Amounts are net with six decimals, as the store keeps them. *off_shelf*: units it took from stock."""

    item_id: int
    product: SimProduct | None
    name: str
    quantity: int
    subtotal: Decimal = ZERO
    subtotal_tax: Decimal = ZERO
    total: Decimal = ZERO
    total_tax: Decimal = ZERO
    off_shelf: int = 0
    meta: list[Meta] = field(default_factory=list)


@dataclass(slots=True)
class ShippingLine:
    item_id: int
    title: str
    method_id: str
    instance_id: str
    total: Decimal
    tax: Decimal
    meta: list[Meta] = field(default_factory=list)


@dataclass(slots=True)
class FeeLine:
    item_id: int
    name: str
    total: Decimal
    tax: Decimal


@dataclass(slots=True)
class CouponLine:
    item_id: int
    code: str
    percent: int
    discount: Decimal
    discount_tax: Decimal
    meta: list[Meta] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RefundLine:
    """Part of one line given back. *quantity* 0 is money only; amounts are positive."""

    item_id: int
    of: SimLine | ShippingLine | FeeLine
    quantity: int
    total: Decimal
    tax: Decimal
    meta_id: int


@dataclass(slots=True)
class SimRefund:
    refund_id: int
    created: datetime
    amount: Decimal
    reason: str
    lines: list[RefundLine]
    tax_item_id: int


@dataclass(frozen=True, slots=True)
class Note:
    note_id: int
    author: str
    created: datetime
    text: str
    customer_note: bool


@dataclass(slots=True)
class SimOrder:
    """One order as stored. Times are UTC, whole seconds. *before_trash*: the status a restore brings back."""

    order_id: int
    status: str
    created_via: str
    created: datetime
    modified: datetime
    order_key: str
    tax_item_id: int
    billing: dict[str, str]
    shipping: dict[str, str]
    payment_method: str = ""
    payment_method_title: str = ""
    transaction_id: str = ""
    customer_note: str = ""
    cart_hash: str = ""
    paid: datetime | None = None
    completed: datetime | None = None
    stock_reduced: bool = False
    before_trash: str = ""
    lines: list[SimLine] = field(default_factory=list)
    shipping_lines: list[ShippingLine] = field(default_factory=list)
    fee_lines: list[FeeLine] = field(default_factory=list)
    coupon_lines: list[CouponLine] = field(default_factory=list)
    refunds: list[SimRefund] = field(default_factory=list)
    meta: list[Meta] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
