"""A Shopify shop that runs offline: people act on it in Python, the hub over HTTP and webhooks."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from simulators.books import Books
from simulators.courier import Courier, Webhook
from simulators.shopify import afterwards, payload, payload_outcomes
from simulators.shopify.api import Api
from simulators.shopify.cost import Bucket
from simulators.shopify.render import Json, body_of
from simulators.shopify.root import Root
from simulators.shopify.server import application
from simulators.shopify.shop import Shop
from simulators.shopify.stock_writes import StockWriter
from simulators.shopify.subscriptions import Subscriptions
from simulators.shopify.things import Buyer, Discount, SimFulfillment, SimOrder, SimRefund, SimVariant
from simulators.shopify.views_lines import LineViews
from simulators.shopify.views_orders import OrderViews
from simulators.shopify.views_outcomes import OutcomeViews
from simulators.shopify.views_stock import StockViews
from simulators.shopify.webhooks import header_maker


class ShopifySimulator:
    """One shop with one location, in *currency* (of two decimals), prices with tax.

    Everything random comes from *seed*, every time from *now*. *cost_bucket* is (size, points a second).
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
    ) -> None:
        self.books = Books()
        self._secret, self._courier, self._token = client_secret, courier, access_token
        self._revoked = False
        self._shop = Shop(
            domain=shop, currency=currency, seed=seed, now=now, books=self.books, tell=self._tell
        )
        stock = StockViews(self._shop)
        lines = LineViews(self._shop, stock)
        self._orders = OrderViews(self._shop, stock, lines, OutcomeViews(self._shop, stock, lines))
        self._subscriptions = Subscriptions(self._shop)
        root = Root(self._shop, stock, self._orders, StockWriter(self._shop, stock), self._subscriptions)
        self._api = Api(root, Bucket(*cost_bucket, now), self.books)
        self._hook_ids = random.Random(
            f"webhooks of {seed}"
        )  # its own, so that buyers do not depend on hooks
        self._rendered: tuple[int, int, bytes] = (0, 0, b"")

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
        return self._shop.location_id

    def app(self) -> web.Application:
        """Answers POST /admin/api/{version}/graphql.json."""
        return application(self._api, lambda: None if self._revoked else self._token)

    def subscribe(self, topic: str, address: str) -> None:
        """Post webhooks of *topic* to exactly *address* from now on."""
        self._subscriptions.add(topic, address)

    def revoke_token(self) -> None:
        """The merchant removes the app: every call is answered with 401."""
        self._revoked = True

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
    ) -> SimVariant:
        """Put something on sale. *price* contains the tax, such as "12.50"."""
        return self._shop.add_variant(sku, title, price, quantity, tracked=tracked, gtin=gtin, bundle=bundle)

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
        return self._shop.checkout(
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
        """Ship everything that is open in one parcel."""
        return afterwards.fulfill(self._shop, self._shop.order(order_id), company, tracking_number)

    def available(self, sku: str) -> int:
        """What the shop shows as sellable."""
        return self._shop.variant(sku).available

    def set_available(self, sku: str, quantity: int) -> None:
        """The merchant types another quantity into the admin."""
        self._shop.set_available(self._shop.variant(sku), quantity)

    def webhook_payload(self, order: SimOrder) -> bytes:
        """The body that `orders/*` webhooks of *order* have now."""
        if self._rendered[:2] != (order.order_id, order.version):
            body = body_of(payload.order_payload(order, self._shop))
            self._rendered = (order.order_id, order.version, body)
        return self._rendered[2]

    def order_node(self, order: SimOrder) -> Json:
        """What GraphQL queries of *order* read: fields by name, a function where arguments are needed."""
        return self._orders.order(order)

    def answer(self, query: str, variables: Mapping[str, Any] | None = None) -> Json:
        """The body the Admin API gives for *query*, without HTTP."""
        return self._api.answer(query, variables, None)

    def _tell(self, topic: str, subject: Any) -> None:
        address = self.subscriptions.get(topic)
        if address is None:
            return
        headers = header_maker(topic, self._shop.domain, self._hook_ids, self._shop.now())
        self._courier.post(Webhook(address, self._body(topic, subject), self._secret, headers))

    def _body(self, topic: str, subject: Any) -> bytes:
        shop = self._shop
        if topic == "orders/edited":
            order, line, difference = subject
            return body_of(payload.edit_payload(order, line, difference, shop.next_id()))
        if topic == "refunds/create":
            order, made = subject
            return body_of(payload_outcomes.refund(made, order, shop.location_id, shop.currency))
        if topic == "fulfillments/create":
            order, made = subject
            return body_of(payload_outcomes.fulfillment_payload(made, order, shop.location_id, shop.currency))
        if topic == "inventory_levels/update":
            return body_of(payload.level_payload(subject, shop))
        return self.webhook_payload(subject)
