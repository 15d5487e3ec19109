"""A simulated Shopify shop, read from Shopify's documentation and from nothing of the hub."""

from simulators.shopify.goods import SimVariant
from simulators.shopify.simulator import ShopifySimulator
from simulators.shopify.things import Buyer, Discount, SimOrder

__all__ = ["Buyer", "Discount", "ShopifySimulator", "SimOrder", "SimVariant"]
