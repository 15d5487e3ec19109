"""The simulated shop: what buyers, the merchant and the REST API do to it, and which webhooks follow."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from simulators.books import Books
from simulators.courier import Courier
from simulators.faults import NO_FAULTS, CallFaults
from simulators.woocommerce import api, payloads, product_payloads
from simulators.woocommerce.auth import Keys
from simulators.woocommerce.buyers import buyer
from simulators.woocommerce.catalogue import Catalogue, Variation
from simulators.woocommerce.face import Face, encode
from simulators.woocommerce.model import Ids, RefundLine, SimLine, SimOrder, SimProduct, SimRefund
from simulators.woocommerce.orders import TITLES, Orders
from simulators.woocommerce.pricing import quantum, remaining
from simulators.woocommerce.webhooks import Hook, Hooks


class WooCommerceSimulator:
    """One shop. *now* gives aware datetimes; the shop keeps whole seconds. Webhooks name *home_url*.

    *webhook_secret* signs what `subscribe` set up; webhooks made over REST bring their own secret.
    *shipment_tracking*: whether the extension of that name is installed. *faults* spoil calls of the REST API;
    `call_faults` may be changed at any time.
    """

    def __init__(
        self,
        *,
        consumer_key: str,
        consumer_secret: str,
        webhook_secret: str,
        seed: int,
        courier: Courier,
        now: Callable[[], datetime],
        currency: str = "EUR",
        timezone: str = "Europe/Berlin",
        decimals: int = 2,
        shipment_tracking: bool = False,
        faults: CallFaults = NO_FAULTS,
    ) -> None:
        def clock() -> datetime:
            return now().astimezone(UTC).replace(microsecond=0)

        self.home_url = f"http://shop-{seed}.example"
        self.clock = clock
        self.rng = random.Random(seed)
        self.books = Books()
        self.keys = Keys(consumer_key, consumer_secret, clock)
        self.coupons: dict[str, int] = {}
        self.currency, self.zone, self.step = currency, ZoneInfo(timezone), quantum(decimals)
        self.ids = Ids()
        self.catalogue = Catalogue(self.ids, self.books, clock, now)
        self.order_book = Orders(self.ids, self.catalogue, clock, self.rng, self.step)
        self.hooks = Hooks(courier, clock, lambda: self.home_url)
        self.shipment_tracking = shipment_tracking
        self.call_faults = faults
        # Sources of their own: what buyers do must not depend on how often the hub calls.
        self.call_luck = random.Random(f"calls of {seed}")
        self.tracking_ids = random.Random(f"trackings of {seed}")
        self._webhook_secret = webhook_secret

    @property
    def orders(self) -> dict[int, SimOrder]:
        return self.order_book.by_id

    def app(self) -> web.Application:
        return api.application(self)

    def revoke_key(self) -> None:
        """The merchant deletes the REST key: its owner is a stranger from now on."""
        self.keys.consumer_key = None

    def face(self, home: str | None = None) -> Face:
        """How the shop shows itself at *home*, by default as in webhooks."""
        return Face(home or self.home_url, self.currency, self.step, self.zone)

    def order_payload(self, order: SimOrder) -> dict[str, Any]:
        return payloads.order(order, self.face())

    def subscribe(self, topic: str, full_url: str) -> Hook:
        """Adds an active webhook without the ping that the REST API sends."""
        return self.hooks.add(topic, full_url, self._webhook_secret)

    def add_product(
        self, *, sku: str | None, name: str, price: str, quantity: int | None, gtin: str | None = None
    ) -> SimProduct:
        """*price* includes tax. Without *quantity* the shop does not count the product: it always sells."""
        return self.catalogue.add(sku=sku, name=name, price=price, quantity=quantity, gtin=gtin)

    def add_variable_product(
        self,
        *,
        sku: str | None,
        name: str,
        price: str,
        variations: Sequence[Variation],
        quantity: int | None = None,
    ) -> SimProduct:
        """With *quantity* the parent counts for every variation that has no count of its own."""
        return self.catalogue.add_variable(
            sku=sku, name=name, price=price, quantity=quantity, variations=variations
        )

    def add_coupon(self, code: str, percent: int) -> None:
        self.coupons[code.lower()] = percent

    def checkout(
        self,
        basket: Sequence[tuple[str | int, int]],
        *,
        status: str = "processing",
        payment_method: str = "bacs",
        note: str = "",
        meta: Mapping[str, Any] | None = None,
        coupon: str | None = None,
        billing: Mapping[str, str] | None = None,
    ) -> SimOrder | None:
        """A buyer checks out SKUs or product ids. None, and nothing sold, when the shop shows too few of a
        counted product. KeyError for a product or coupon the shop does not have.
        """
        items = [(self.catalogue.find(key), quantity) for key, quantity in basket]
        percent = self.coupons[coupon.lower()] if coupon else 0
        if self.catalogue.sold_out(items):
            return None
        order = self.order_book.new(
            created_via="store-api", status=status, billing=billing or buyer(self.rng)
        )
        order.payment_method, order.payment_method_title = (
            payment_method,
            TITLES.get(payment_method, payment_method),
        )
        order.customer_note = note
        order.cart_hash = f"{self.rng.getrandbits(128):032x}"
        for product, quantity in items:
            self.order_book.add_line(order, product, quantity, percent)
        self.order_book.add_shipping(order)
        if coupon:
            self.order_book.add_coupon(order, coupon.lower(), percent)
        for key in ("_coupons_hash", "_fees_hash", "_shipping_hash", "_taxes_hash"):
            order.meta.append(self.order_book.meta(key, f"{self.rng.getrandbits(128):032x}"))
        order.meta.append(self.order_book.meta("is_vat_exempt", "no"))
        for key, value in (meta or {}).items():
            order.meta.append(self.order_book.meta(key, value))
        moved = self.order_book.settle(order, status)
        # The block checkout queues the update before the creation.
        self.announce(order, "order.updated", "order.created")
        self.announce_products(moved)
        return order

    def stock_of(self, sku: str) -> int | None:
        """What the shop shows as sellable; None where it does not count."""
        return self.catalogue.find(sku).stock_quantity

    def set_stock(self, sku: str, quantity: int) -> None:
        """The merchant edits the count in the shop."""
        product = self.catalogue.find(sku)
        self.catalogue.set_stock(product, quantity)
        product.modified = self.clock()
        self.announce_products([product])

    def set_status(self, order_id: int, status: str) -> None:
        """The merchant gives an order any status. From the trash, nothing is sent."""
        order = self.orders[order_id]
        silent = order.status == "trash"
        moved = self.order_book.settle(order, status)
        self.order_book.touch(order)
        if not silent:
            self.announce(order, "order.updated")
        self.announce_products(moved)

    def trash(self, order_id: int) -> None:
        """Stock is not given back."""
        order = self.orders[order_id]
        order.before_trash, order.status = order.status, "trash"
        self.order_book.touch(order)
        self.hooks.emit(["order.deleted"], lambda: encode({"id": order_id}))

    def restore(self, order_id: int) -> None:
        order = self.orders[order_id]
        order.status = order.before_trash
        self.order_book.touch(order)
        self.announce(order, "order.restored")

    def delete(self, order_id: int) -> None:
        """For good: nothing is sent and no stock comes back."""
        self.order_book.forget(self.orders[order_id])

    def refund(
        self,
        order_id: int,
        *,
        amount: str | None = None,
        lines: Mapping[int, int] | None = None,
        reason: str = "",
        restock: bool = True,
    ) -> SimRefund:
        """Refunds *lines* (units by item id) or a bare *amount*; with neither, all that is left. ValueError
        when it is more than is left.
        """
        order = self.orders[order_id]
        parts = self.order_book.parts(order, lines or {})
        total = sum((part.total + part.tax for part in parts), Decimal(0)) or remaining(order, self.step)
        return self.give_refund(order, Decimal(amount) if amount else total, reason, parts, restock=restock)

    def give_refund(
        self, order: SimOrder, amount: Decimal, reason: str, parts: Sequence[RefundLine], *, restock: bool
    ) -> SimRefund:
        """Books a refund of *parts*. A full one makes the order "refunded" by itself."""
        left = remaining(order, self.step)
        if not 0 < amount <= left:
            raise ValueError("Invalid refund amount.")
        refund = self.order_book.book_refund(order, amount, reason, parts)
        units = {part.of.item_id: part.quantity for part in parts if isinstance(part.of, SimLine)}
        if restock:
            self.announce_products(self.catalogue.give_back(order, units))
        if amount == left:
            order.status = "refunded"
        self.order_book.touch(order)
        self.announce(order, "order.updated")
        return refund

    def announce(self, order: SimOrder, *topics: str) -> None:
        self.hooks.emit(topics, lambda: encode(self.order_payload(order)))

    def announce_products(self, products: Sequence[SimProduct], topic: str = "product.updated") -> None:
        for product in products:
            self.hooks.emit([topic], partial(self._product_body, product))

    def _product_body(self, product: SimProduct) -> bytes:
        return encode(product_payloads.product(product, self.face()))

    def announce_trashed(self, product: SimProduct) -> None:
        """The store says it twice: once as a product and once, with the same id, as a coupon."""
        body = encode({"id": product.product_id})
        self.hooks.emit(["product.deleted", "coupon.deleted"], lambda: body)
