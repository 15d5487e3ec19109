"""What really happened at a simulated channel: the books a demo and a test are judged by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Sale:
    """*quantity* units of *sku* left the shop's shelf with order *order_id*."""

    order_id: str
    sku: str
    quantity: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SoldOut:
    """A buyer wanted *quantity* and the shop showed fewer."""

    sku: str
    quantity: int
    at: datetime


@dataclass(frozen=True, slots=True)
class StockWrite:
    """The hub set the shown quantity. *accepted* is false when compare-and-set refused it."""

    sku: str
    before: int
    after: int
    at: datetime
    accepted: bool = True


@dataclass(frozen=True, slots=True)
class Shipped:
    """The hub said that goods of *order_id* left in a parcel: one row for each time it had that effect."""

    order_id: str
    tracking_number: str
    carrier: str
    units: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Noted:
    """The hub wrote *text* to an order: a note, or the word for where its parcel is."""

    order_id: str
    text: str
    at: datetime


@dataclass(slots=True)
class Books:
    """Append-only records of one simulated channel. *shipped* and *noted* have a row for every effect, so that one
    that happened twice is there twice.
    """

    sales: list[Sale] = field(default_factory=list)
    restocks: list[Sale] = field(default_factory=list)
    sold_out: list[SoldOut] = field(default_factory=list)
    stock_writes: list[StockWrite] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    shipped: list[Shipped] = field(default_factory=list)
    noted: list[Noted] = field(default_factory=list)
    throttled: int = 0

    def sold(self) -> Counter[str]:
        """Units that left the shelf for good, by SKU."""
        units: Counter[str] = Counter()
        for sale in self.sales:
            units[sale.sku] += sale.quantity
        for back in self.restocks:
            units[back.sku] -= back.quantity
        return units

    def order_ids(self) -> set[str]:
        return {sale.order_id for sale in self.sales}
