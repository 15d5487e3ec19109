"""The connector of the simulated plain marketplace: one for each way of treating stock. Merchants never see it."""

from __future__ import annotations

from typing import Any

from console.scenarios.plain import orders, stock, wire
from core.connector import Manifest

KEEP_AT_ZERO = "Keep at zero, in the account's settings"


def plain_manifest(slug: str, **facts: Any) -> Manifest:
    """The manifest of a plain marketplace that takes zero, lowers its count at the order and compares nothing, but for
    *facts*.
    """
    return Manifest.model_validate(
        {
            "slug": slug,
            "name": f"Plain marketplace {slug}",
            "documentation": "simulators/plain",
            "api_version": "1",
            "capabilities": ["orders", "catalog", "stock", "fulfillments", "webhooks"],
            "credentials": ["token"],
            "webhook_secrets": ["webhook_secret"],
            "settings": ["base_url", "lowers_stock_at"],
            "hosts": ["{base_url}"],
            "page_size": 100,
            "stock_batch": 50,
            "compare_and_set": False,
            "stock_locations": False,
            "zero": "quantity",
            "zero_setting": KEEP_AT_ZERO,
            "counts_own_unshipped": False,
            "lowers_stock_at": "order",
            "gives_back_cancelled": True,
            "ship_clock_stops_at": "nothing",
            "idempotency_keys": True,
            "data_use": "none: nobody is behind it",
            "tier": "draft",
            "webhook_topics": ["order"],
            **facts,
        }
    )


class Plain:
    """A `Connector` that takes orders in and writes stock and shipments, for one *manifest*."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self._stock = stock.PlainStock(manifest)
        self.push_stock = self._stock.push_stock
        self._orders = orders.PlainOrders(manifest.slug)
        self.read = self._orders.read

    base_url = staticmethod(wire.base_url)
    authorize = staticmethod(wire.authorize)
    classify = staticmethod(wire.classify)
    check_account = staticmethod(wire.check_account)
    verify = staticmethod(wire.verify)
    pull_orders = staticmethod(orders.pull_orders)
    fetch_order = staticmethod(orders.fetch_order)
    push_fulfillment = staticmethod(orders.push_fulfillment)
    pull_locations = staticmethod(stock.pull_locations)
    pull_catalog = staticmethod(stock.pull_catalog)
    read_stock = staticmethod(stock.read_stock)
    read_stock_of = staticmethod(stock.read_stock_of)
