"""Puts the Admin API of a simulated shop together: what it shows, what it writes, what it costs."""

from __future__ import annotations

from simulators.shopify.api import Api
from simulators.shopify.cost import Bucket
from simulators.shopify.fulfillment_writes import FulfillmentWriter
from simulators.shopify.hold_writes import HoldWriter
from simulators.shopify.root import Root
from simulators.shopify.shop import Shop
from simulators.shopify.stock_writes import StockWriter
from simulators.shopify.subscriptions import Subscriptions
from simulators.shopify.views_lines import LineViews
from simulators.shopify.views_orders import OrderViews
from simulators.shopify.views_outcomes import OutcomeViews
from simulators.shopify.views_shipping import ShippingViews
from simulators.shopify.views_stock import StockViews


def open_api(shop: Shop, subscriptions: Subscriptions, cost_bucket: tuple[float, float]) -> Api:
    stock = StockViews(shop)
    lines = LineViews(shop, stock)
    # A fulfillment shows its order, which shows its fulfillments.
    shipping = ShippingViews(shop, stock, lines, lambda order: orders.order(order))  # noqa: PLW0108
    orders = OrderViews(shop, stock, lines, OutcomeViews(shop, stock, lines), shipping)
    root = Root(
        shop=shop,
        stock=stock,
        orders=orders,
        shipping=shipping,
        writer=StockWriter(shop, stock),
        fulfillments=FulfillmentWriter(shop, shipping),
        holds=HoldWriter(shop, shipping),
        subscriptions=subscriptions,
    )
    return Api(root, Bucket(*cost_bucket, shop.now), shop.books)
