"""A WooCommerce shop that runs offline: state, REST API and webhooks, from the vendor's documentation.

It does not draw shop pages, take real payments or run WP-Cron: queued deliveries leave at once.
https://developer.woocommerce.com/docs/apis/rest-api/
"""

from simulators.woocommerce.catalogue import Variation
from simulators.woocommerce.model import SimOrder, SimProduct
from simulators.woocommerce.shop import WooCommerceSimulator

__all__ = ["SimOrder", "SimProduct", "Variation", "WooCommerceSimulator"]
