"""A Shopify shop that runs offline: people act on it in Python, the hub over HTTP and webhooks."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from simulators.books import Books
from simulators.courier import Courier
from simulators.faults import NO_FAULTS, CallFaults, faulty
from simulators.shopify import afterwards, fulfilling, selling
from simulators.shopify.announcements import RETRY_AFTER_S, Announcer
from simulators.shopify.goods import SimVariant
from simulators.shopify.parcels import SimFulfillment, SimHold
from simulators.shopify.render import Json
from simulators.shopify.server import application
from simulators.shopify.shop import Shop
from simulators.shopify.subscriptions import Subscriptions
from simulators.shopify.things import Buyer, Discount, SimOrder, SimRefund
from simulators.shopify.wiring import open_api


class ShopifySimulator:
    """One shop in *currency* (of two decimals), prices with tax; its first location is there from the start.

    Everything random comes from *seed*, every time from *now*. *cost_bucket* is (size, points a second);
    *retry_after_s* are the pauses before a webhook that failed is sent again. *faults* spoil calls of the Admin API;
    `call_faults` may be changed at any time.

    `books.shipped` has a row for every tracking number of every fulfillment made through the Admin API, with all its
    units (one row without a number where it has none); `books.noted` a row for every fulfillment event.
    """

    def __init__(
        self,
        *,
        shop: str,
        access_token: str,
        client_secret: str,
        seed: int,
        courier: Courier,
        now: Callable[[], datetime],
        currency: str = "EUR",
        cost_bucket: tuple[float, float] = (2000, 100),
        retry_after_s: tuple[float, ...] = RETRY_AFTER_S,
        faults: CallFaults = NO_FAULTS,
    ) -> None:
        self.books = Books()
        self.call_faults = faults
        self._token = access_token
        self._revoked = False
        self._shop = Shop(
            domain=shop,
            currency=currency,
            seed=seed,
            now=now,
            books=self.books,
            tell=self._tell,
        )
        self._subscriptions = Subscriptions(self._shop)
        self._api = open_api(self._shop, self._subscriptions, cost_bucket)
        # Sources of their own: what buyers do must not depend on who listens or calls.
        self._call_luck = random.Random(f"calls of {seed}")
        hook_ids = random.Random(f"webhooks of {seed}")
        self._announcer = Announcer(
            self._shop, self._subscriptions, courier, client_secret, retry_after_s, hook_ids
        )

    @property
    def orders(self) -> dict[str, SimOrder]:
        """Every order by its id."""
        return self._shop.orders

    @property
    def subscriptions(self) -> dict[str, str]:
        """Topic to full address."""
        return self._subscriptions.addresses

    @property
    def location_id(self) -> int:
        """Of the first location."""
        return self._shop.locations[0].location_id

    def app(self) -> web.Application:
        """Answers POST /admin/api/{version}/graphql.json."""
        spoil = faulty(lambda: self.call_faults, self._call_luck)
        return application(self._api, lambda: None if self._revoked else self._token, spoil)

    def subscribe(self, topic: str, address: str) -> None:
        """Post webhooks of *topic* to exactly *address* from now on, as if subscribed by hand: it stays when
        deliveries fail.
        """
        self._subscriptions.add(topic, address)

    def revoke_token(self) -> None:
        """The merchant removes the app: every call is answered with 401."""
        self._revoked = True

    def restore_token(self) -> None:
        """The merchant installs it again, with the same token."""
        self._revoked = False

    def add_location(self, name: str) -> int:
        """Open another location; returns its id, to stock variants there."""
        return self._shop.add_location(name).location_id

    def add_variant(
        self,
        *,
        sku: str,
        title: str,
        price: str,
        quantity: int,
        tracked: bool = True,
        gtin: str | None = None,
        bundle: bool = False,
        location_id: int | None = None,
    ) -> SimVariant:
        """Put something on sale, stocked at one location. *price* contains the tax, such as "12.50"."""
        location = self._shop.location(self.location_id if location_id is None else location_id)
        return self._shop.add_variant(
            sku, title, price, quantity, tracked=tracked, gtin=gtin, bundle=bundle, location=location
        )

    def checkout(
        self,
        basket: Sequence[tuple[str, int]],
        *,
        buyer: Buyer | None = None,
        source_name: str = "web",
        test: bool = False,
        financial_status: str = "paid",
        note: str | None = None,
        properties: Mapping[str, str] | None = None,
        discount: Discount | None = None,
    ) -> SimOrder | None:
        """Buy the *basket* of (SKU or variant id, units): all of it, or None when the shop shows too few.

        *financial_status* is "paid", "pending" or "authorized"; *source_name* "pos" is a sale at the till.
        """
        return selling.checkout(
            self._shop,
            basket,
            buyer=buyer,
            source_name=source_name,
            test=test,
            financial_status=financial_status,
            note=note,
            properties=properties or {},
            discount=discount,
        )

    def cancel(self, order_id: str, *, restock: bool = True) -> None:
        """Cancel what has not shipped, give its money back, and put it back on sale if *restock*."""
        afterwards.cancel(self._shop, self._shop.order(order_id), restock=restock)

    def edit(self, order_id: str, sku: str, quantity: int) -> bool:
        """Change the open units of *sku* to *quantity*; False when the shop has too few."""
        return afterwards.edit(self._shop, self._shop.order(order_id), sku, quantity)

    def refund(
        self, order_id: str, units: Mapping[str, int], *, restock: bool = True, note: str | None = None
    ) -> SimRefund:
        """Give money back for *units* by SKU, shipped or not."""
        order = self._shop.order(order_id)
        return afterwards.refund(self._shop, order, units, restock=restock, note=note, with_shipping=False)

    def fulfill(
        self, order_id: str, *, company: str = "DHL", tracking_number: str = "00340434161094"
    ) -> SimFulfillment:
        """The merchant ships everything that is open in one parcel."""
        return fulfilling.ship_all(self._shop, self._shop.order(order_id), company, tracking_number)

    def hold(self, order_id: str, *, reason: str = "OTHER") -> None:
        """The merchant puts what is open on hold."""
        order = self._shop.order(order_id)
        for one in order.fulfillment_orders:
            if one.remaining:
                placed = SimHold(self._shop.next_id(), reason, None, "", by_app=False)
                fulfilling.hold(self._shop, order, one, placed)

    def release(self, order_id: str) -> None:
        """The merchant releases every hold."""
        order = self._shop.order(order_id)
        for one in order.fulfillment_orders:
            if one.holds:
                fulfilling.release(self._shop, order, one, one.holds)

    def available(self, sku: str) -> int:
        """What the shop shows as sellable."""
        return self._shop.variant(sku).available

    def set_available(self, sku: str, quantity: int) -> None:
        """The merchant types another quantity into the admin."""
        self._shop.set_available(self._shop.variant(sku), quantity)

    def webhook_payload(self, order: SimOrder) -> bytes:
        """The body that `orders/*` webhooks of *order* have now."""
        return self._announcer.order(order)

    def order_node(self, order: SimOrder) -> Json:
        """What GraphQL queries of *order* read: fields by name, a function where arguments are needed."""
        return self._api.root.orders.order(order)

    def answer(self, query: str, variables: Mapping[str, Any] | None = None) -> Json:
        """The body the Admin API gives for *query*, without HTTP."""
        return self._api.answer(query, variables, None)

    def _tell(self, topic: str, subject: Any) -> None:
        self._announcer.tell(topic, subject)
