"""A simulated Shopify shop, read from Shopify's documentation and from nothing of the hub."""

from simulators.shopify.simulator import ShopifySimulator
from simulators.shopify.things import Buyer, Discount, SimOrder, SimVariant

__all__ = ["Buyer", "Discount", "ShopifySimulator", "SimOrder", "SimVariant"]
