"""What each connector brings along, by its slug."""

from conformance.kit import Kit
from conformance.kits.easypost import EasyPostKit
from conformance.kits.shopify import ShopifyKit
from conformance.kits.woocommerce import WooCommerceKit

KITS: dict[str, Kit] = {"easypost": EasyPostKit(), "shopify": ShopifyKit(), "woocommerce": WooCommerceKit()}
