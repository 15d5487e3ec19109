"""The shop's orders: making, finding by time, moving between statuses, refunding. Sends no webhook."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from simulators.woocommerce.catalogue import Catalogue
from simulators.woocommerce.model import (
    GIVES_STOCK_BACK,
    LOWERS_STOCK,
    CouponLine,
    Ids,
    Meta,
    RefundLine,
    ShippingLine,
    SimLine,
    SimOrder,
    SimProduct,
    SimRefund,
)
from simulators.woocommerce.pricing import SHIPPING_NET, from_gross, remaining, tax_on

TITLES = {"bacs": "Direct bank transfer", "cod": "Cash on delivery", "stripe": "Credit card"}
BILLING = (
    "first_name",
    "last_name",
    "company",
    "address_1",
    "address_2",
    "city",
    "state",
    "postcode",
    "country",
    "email",
    "phone",
)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(slots=True)
class Orders:
    """*by_id* grows in id order; an index beside it finds "modified between" without looking at all."""

    ids: Ids
    catalogue: Catalogue
    clock: Callable[[], datetime]
    rng: random.Random
    step: Decimal
    by_id: dict[int, SimOrder] = field(default_factory=dict)
    _modified: list[tuple[datetime, int]] = field(default_factory=list)

    def new(self, *, created_via: str, status: str, billing: Mapping[str, str]) -> SimOrder:
        at = self.clock()
        address = {key: str(billing.get(key, "")) for key in BILLING}
        order = SimOrder(
            order_id=next(self.ids.posts),
            status=status,
            created_via=created_via,
            created=at,
            modified=at,
            order_key="wc_order_" + "".join(self.rng.choices(_LETTERS, k=13)),
            tax_item_id=next(self.ids.items),
            billing=address,
            shipping={key: value for key, value in address.items() if key != "email"},
        )
        self.by_id[order.order_id] = order
        insort(self._modified, (at, order.order_id))
        return order

    def touch(self, order: SimOrder) -> None:
        """Moves date_modified to now."""
        del self._modified[bisect_left(self._modified, (order.modified, order.order_id))]
        order.modified = self.clock()
        insort(self._modified, (order.modified, order.order_id))

    def between(self, after: datetime | None, before: datetime | None) -> Iterator[SimOrder]:
        """Orders modified strictly after and strictly before, oldest change first."""
        start = 0 if after is None else bisect_right(self._modified, (after, 1 << 62))
        end = len(self._modified) if before is None else bisect_left(self._modified, (before, 0))
        return (self.by_id[order_id] for _, order_id in self._modified[start:end])

    def forget(self, order: SimOrder) -> None:
        del self._modified[bisect_left(self._modified, (order.modified, order.order_id))]
        del self.by_id[order.order_id]

    def add_line(
        self, order: SimOrder, product: SimProduct | None, quantity: int, percent_off: int = 0
    ) -> SimLine:
        """A line at the catalogue's price; without a product it is empty and costs nothing."""
        line = SimLine(next(self.ids.items), product, product.name if product else "", quantity)
        order.lines.append(line)
        if product is not None:
            gross = product.price * quantity
            line.subtotal, line.subtotal_tax = from_gross(gross)
            line.total, line.total_tax = from_gross(gross - gross * percent_off / 100)
            line.meta = [self.meta(name.lower(), option) for name, option in product.options]
        return line

    def add_shipping(self, order: SimOrder) -> None:
        items = ", ".join(f"{line.name} &times; {line.quantity}" for line in order.lines)
        line = ShippingLine(
            next(self.ids.items), "Paket (DHL)", "flat_rate", "1", SHIPPING_NET, tax_on(SHIPPING_NET)
        )
        line.meta.append(self.meta("Items", items))
        order.shipping_lines.append(line)

    def add_coupon(self, order: SimOrder, code: str, percent: int) -> None:
        less = sum((line.subtotal - line.total for line in order.lines), Decimal(0))
        less_tax = sum((line.subtotal_tax - line.total_tax for line in order.lines), Decimal(0))
        coupon = CouponLine(next(self.ids.items), code, percent, less, less_tax)
        coupon.meta.append(self.meta("coupon_info", f'[26,"{code}","percent",{percent}]'))
        order.coupon_lines.append(coupon)

    def meta(self, key: str, value: Any) -> Meta:
        return Meta(next(self.ids.meta), key, value)

    def set_meta(self, order: SimOrder, key: str, value: Any, meta_id: int | None = None) -> None:
        """Row *meta_id* or, without one, the first row of *key*, and its only one from then on: WooCommerce adds a
        row only for a new key. A value of None takes the row away.
        """
        found = next((row for row in order.meta if row.meta_id == meta_id), None)
        if found is None:
            same = [row for row in order.meta if row.key == key]
            found = same[0] if same else self.meta(key, value)
            order.meta = [row for row in order.meta if row not in same[1:]]
            if not same:
                order.meta.append(found)
        found.key, found.value = key, value
        if value is None:
            order.meta.remove(found)

    def settle(self, order: SimOrder, status: str) -> list[SimProduct]:
        """Gives an order any status with all that follows; returns the products whose count moved."""
        order.status = status
        at = self.clock()
        if status == "completed":
            order.completed = at
        if order.paid is None and (
            status == "completed" or (status == "processing" and order.payment_method != "cod")
        ):
            order.paid = at
        if status in LOWERS_STOCK and not order.stock_reduced:
            return self.catalogue.lower(order)
        if status in GIVES_STOCK_BACK and order.stock_reduced:
            return self.catalogue.give_back(order)
        left = remaining(order, self.step)
        if status == "refunded" and left > 0:
            self.book_refund(order, left, "Order fully refunded.", ())
        return []

    def parts(self, order: SimOrder, units: Mapping[int, int]) -> list[RefundLine]:
        """Refund lines for units of lines at the price they were sold for. KeyError for a foreign item id."""
        lines = {line.item_id: line for line in order.lines}
        found = []
        for item_id, quantity in units.items():
            line = lines[item_id]
            share = Decimal(quantity) / line.quantity
            found.append(self.part(line, quantity, line.total * share, line.total_tax * share))
        return found

    def part(self, of: Any, quantity: int, total: Decimal, tax: Decimal) -> RefundLine:
        return RefundLine(
            next(self.ids.items),
            of,
            quantity,
            total.quantize(self.step),
            tax.quantize(self.step),
            next(self.ids.meta),
        )

    def book_refund(
        self, order: SimOrder, amount: Decimal, reason: str, lines: Iterable[RefundLine]
    ) -> SimRefund:
        refund = SimRefund(
            next(self.ids.posts), self.clock(), amount, reason, list(lines), next(self.ids.items)
        )
        order.refunds.insert(0, refund)
        return refund
