"""The state of a simulated shop and what buyers and its merchant do to it. Answers no call and sends nothing:
*tell* hears of every change by the name of its webhook topic.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulators.books import Books, Sale, SoldOut
from simulators.shopify.amounts import cents
from simulators.shopify.buyers import draw_buyer
from simulators.shopify.keyset import Keyset
from simulators.shopify.things import (
    Buyer,
    Discount,
    SimLine,
    SimOrder,
    SimShipping,
    SimTransaction,
    SimVariant,
    gid,
)

FIRST_ID = 820_982_911_000_000_000  # above 2^53, where a float would start to lie
ID_STEP = 32_769
TRANSACTION_OF = {
    "paid": ("sale", "success"),
    "pending": ("sale", "pending"),
    "authorized": ("authorization", "success"),
}


@dataclass(slots=True)
class Shop:
    """One shop with one location. *now* gives its time; stamps have whole seconds, as at Shopify."""

    domain: str
    currency: str
    seed: int
    now: Callable[[], datetime]
    books: Books
    tell: Callable[[str, Any], None]
    rng: random.Random = field(init=False)
    variants: Keyset[SimVariant] = field(default_factory=Keyset)
    orders: dict[str, SimOrder] = field(default_factory=dict)
    by_created: Keyset[SimOrder] = field(default_factory=Keyset)
    by_updated: Keyset[SimOrder] = field(default_factory=Keyset)
    opened_at: datetime = field(init=False)
    shop_id: int = field(init=False)
    location_id: int = field(init=False)
    level_id: int = field(init=False)
    _ids: itertools.count[int] = field(init=False)
    _by_name: dict[str, SimVariant] = field(default_factory=dict)
    _by_gid: dict[str, SimVariant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self._ids = itertools.count(FIRST_ID + self.seed % 1000 * 10**14, ID_STEP)
        self.opened_at = self.moment()
        self.shop_id, self.location_id, self.level_id = (self.next_id() for _ in range(3))

    def moment(self) -> datetime:
        return self.now().astimezone(UTC).replace(microsecond=0)

    def next_id(self) -> int:
        return next(self._ids)

    def add_variant(
        self,
        sku: str,
        title: str,
        price: str,
        quantity: int,
        *,
        tracked: bool,
        gtin: str | None,
        bundle: bool,
    ) -> SimVariant:
        at = self.moment()
        variant = SimVariant(
            variant_id=self.next_id(),
            inventory_item_id=self.next_id(),
            product_id=self.next_id(),
            sku=sku,
            title=title,
            price=cents(price),
            available=quantity,
            tracked=tracked,
            gtin=gtin,
            bundle=bundle,
            created_at=at,
            updated_at=at,
        )
        self.variants.add(self.opened_at, variant.variant_id, variant)
        self._by_gid |= {
            gid("ProductVariant", variant.variant_id): variant,
            gid("Product", variant.product_id): variant,
            gid("InventoryItem", variant.inventory_item_id): variant,
        }
        for name in (sku, str(variant.variant_id), gid("ProductVariant", variant.variant_id)):
            self._by_name[name] = variant
        return variant

    def variant(self, name: str) -> SimVariant:
        """By SKU or variant id; raises LookupError when the shop does not have it."""
        try:
            return self._by_name[name]
        except KeyError:
            raise LookupError(f"{self.domain} sells nothing called {name!r}") from None

    def variant_of(self, global_id: str) -> SimVariant | None:
        """The variant that a global id of itself, its product or its inventory item leads to."""
        return self._by_gid.get(global_id)

    def order(self, order_id: str) -> SimOrder:
        """By its id or global id; raises LookupError when there is none."""
        try:
            return self.orders[order_id.rpartition("/")[2]]
        except KeyError:
            raise LookupError(f"{self.domain} has no order {order_id!r}") from None

    def checkout(
        self,
        basket: Sequence[tuple[str, int]],
        *,
        buyer: Buyer | None,
        source_name: str,
        test: bool,
        financial_status: str,
        note: str | None,
        properties: Mapping[str, str],
        discount: Discount | None,
    ) -> SimOrder | None:
        wanted = [(self.variant(name), quantity) for name, quantity in basket]
        if not wanted or any(quantity < 1 for _, quantity in wanted):
            raise ValueError("a basket holds at least one unit of everything in it")
        at = self.moment()
        needed: Counter[SimVariant] = Counter()
        for variant, quantity in wanted:
            needed[variant] += quantity
        short = [variant for variant in needed if variant.tracked and variant.available < needed[variant]]
        if short:
            self.books.sold_out.extend(SoldOut(variant.sku, needed[variant], self.now()) for variant in short)
            return None
        self.shift(needed, available=-1, committed=1, at=at)
        order = self._order(
            wanted, at, buyer=buyer, source_name=source_name, discount=discount, properties=properties
        )
        order.test, order.note, order.financial_status = test, note, financial_status
        kind, status = TRANSACTION_OF[financial_status]
        order.transactions.append(self._transaction(order, kind, status, at))
        self.orders[order.key] = order
        self.by_created.add(at, order.order_id, order)
        self.by_updated.add(at, order.order_id, order)
        self.books.sales.extend(
            Sale(order.key, variant.sku, quantity, self.now()) for variant, quantity in wanted
        )
        self.tell("orders/create", order)
        if financial_status == "paid":
            self.tell("orders/paid", order)
        self.tell_levels(needed)
        return order

    def shift(self, units: Mapping[SimVariant, int], *, available: int, committed: int, at: datetime) -> None:
        """Add the units, times *available* and *committed*, to what tracked variants count."""
        for variant, quantity in units.items():
            if variant.tracked:
                variant.available += available * quantity
                variant.committed += committed * quantity
                variant.updated_at = at

    def tell_levels(self, variants: Iterable[SimVariant]) -> None:
        for variant in variants:
            if variant.tracked:
                self.tell("inventory_levels/update", variant)

    def touch(self, order: SimOrder, at: datetime) -> None:
        """Note that *order* changed."""
        self.by_updated.move(order.order_id, order.updated_at, at)
        order.updated_at = at
        order.version += 1

    def set_available(self, variant: SimVariant, quantity: int) -> None:
        variant.available = quantity
        variant.updated_at = self.moment()
        self.tell("inventory_levels/update", variant)

    def make_line(
        self, variant: SimVariant, quantity: int, properties: Mapping[str, str], percentage: int
    ) -> SimLine:
        discount = variant.price * quantity * percentage // 100
        return SimLine(self.next_id(), variant, quantity, variant.price, discount, dict(properties))

    def _order(
        self,
        wanted: Sequence[tuple[SimVariant, int]],
        at: datetime,
        *,
        buyer: Buyer | None,
        source_name: str,
        discount: Discount | None,
        properties: Mapping[str, str],
    ) -> SimOrder:
        percentage = discount.percentage if discount else 0
        over_the_counter = source_name == "pos"
        return SimOrder(
            order_id=self.next_id(),
            number=1001 + len(self.orders),
            token=f"{self.rng.getrandbits(128):032x}",
            created_at=at,
            updated_at=at,
            buyer=buyer or (None if over_the_counter else draw_buyer(self.rng, self.next_id)),
            lines=[self.make_line(variant, quantity, properties, percentage) for variant, quantity in wanted],
            shipping=None if over_the_counter else SimShipping(self.next_id(), "Standard", "standard", 490),
            discount=discount,
            financial_status="pending",
            transactions=[],
            source_name=source_name,
            test=False,
            note=None,
        )

    def _transaction(self, order: SimOrder, kind: str, status: str, at: datetime) -> SimTransaction:
        amount = sum(line.total(line.quantity) for line in order.lines)
        amount += order.shipping.price if order.shipping else 0
        gateway = "manual" if status == "pending" else "shopify_payments"
        return SimTransaction(self.next_id(), kind, status, gateway, amount, at)
