"""The WooCommerce connector, assembled from its parts; holds no behaviour of its own."""

from __future__ import annotations

from connectors import load_manifest
from connectors.woocommerce import catalog, fulfillments, live, orders, outbound, reading, webhooks, wire
from core.connector import Manifest


class WooCommerce:
    """A `Connector` with every small protocol but NamesAccount, PushesTracking and TellsBudget."""

    manifest: Manifest = load_manifest(__name__)

    base_url = staticmethod(wire.base_url)
    authorize = staticmethod(wire.authorize)
    classify = staticmethod(wire.classify)
    check_account = staticmethod(wire.check_account)
    challenge = staticmethod(webhooks.challenge)
    verify = staticmethod(webhooks.verify)
    read = staticmethod(webhooks.read)
    unread = staticmethod(reading.unread)
    subscribe = staticmethod(webhooks.subscribe)
    pull_orders = staticmethod(orders.pull_orders)
    fetch_order = staticmethod(orders.fetch_order)
    list_orders = staticmethod(orders.list_orders)
    pull_locations = staticmethod(catalog.pull_locations)
    pull_catalog = staticmethod(catalog.pull_catalog)
    read_stock = staticmethod(live.read_stock)
    read_stock_of = staticmethod(live.read_stock_of)
    push_stock = staticmethod(outbound.push_stock)
    push_fulfillment = staticmethod(fulfillments.push_fulfillment)


CONNECTOR = WooCommerce()
