"""Products, stock and the shop itself as the GraphQL Admin API shows them.

See https://shopify.dev/docs/api/admin-graphql/2026-07/objects/InventoryItem.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulators.shopify.amounts import written
from simulators.shopify.goods import SimLocation, SimVariant, gid
from simulators.shopify.paging import listed
from simulators.shopify.payload import level_gid
from simulators.shopify.render import SHOP_TIMEZONE, Json
from simulators.shopify.shop import Shop
from simulators.shopify.values import instant


@dataclass(frozen=True, slots=True)
class StockViews:
    """Each method shows one thing. What lies deeper is a function, called when a query asks for it."""

    shop: Shop

    def shop_info(self) -> Json:
        domain, shop = self.shop.domain, self.shop
        return {
            "id": gid("Shop", shop.shop_id),
            "name": domain.partition(".")[0],
            "email": f"owner@{domain}",
            "contactEmail": f"owner@{domain}",
            "myshopifyDomain": domain,
            "primaryDomain": {
                "id": gid("Domain", shop.shop_id),
                "host": domain,
                "url": f"https://{domain}",
                "sslEnabled": True,
            },
            "url": f"https://{domain}",
            "currencyCode": shop.currency,
            "enabledPresentmentCurrencies": [shop.currency],
            "ianaTimezone": "Etc/GMT-1",
            "timezoneOffsetMinutes": int(SHOP_TIMEZONE.utcoffset(None).total_seconds() // 60),
            "taxesIncluded": True,
            "weightUnit": "KILOGRAMS",
            "createdAt": instant(shop.opened_at),
            "plan": {
                "displayName": "Shopify Plus",
                "publicDisplayName": "Plus",
                "partnerDevelopment": False,
                "shopifyPlus": True,
            },
        }

    def location(self, location: SimLocation) -> Json:
        opened = instant(self.shop.opened_at)
        return {
            "__typename": "Location",
            "id": gid("Location", location.location_id),
            "legacyResourceId": str(location.location_id),
            "name": location.name,
            "isActive": True,
            "address": {
                "city": "Berlin",
                "country": "Germany",
                "countryCode": "DE",
                "formatted": ["Berlin", "Germany"],
            },
            "fulfillsOnlineOrders": True,
            "shipsInventory": True,
            "hasActiveInventory": True,
            "isFulfillmentService": False,
            "createdAt": opened,
            "updatedAt": opened,
            "inventoryLevels": listed(
                lambda: (
                    (number, self.level(variant))
                    for number, variant in self.shop.variants.things.items()
                    if variant.location is location
                )
            ),
            "inventoryLevel": lambda _, **asked: self._level_of(location, asked["inventoryItemId"]),
        }

    def level(self, variant: SimVariant) -> Json:
        return {
            "__typename": "InventoryLevel",
            "id": level_gid(variant),
            "item": lambda _: self.item(variant),
            "location": lambda _: self.location(variant.location),
            "isActive": True,
            "quantities": lambda _, names: [self._quantity(variant, name) for name in names],
            "createdAt": instant(variant.created_at),
            "updatedAt": instant(variant.updated_at),
        }

    def item(self, variant: SimVariant) -> Json:
        item_id = variant.inventory_item_id
        return {
            "__typename": "InventoryItem",
            "id": gid("InventoryItem", item_id),
            "legacyResourceId": str(item_id),
            "sku": variant.sku,
            "tracked": variant.tracked,
            "requiresShipping": True,
            "createdAt": instant(variant.created_at),
            "updatedAt": instant(variant.updated_at),
            "duplicateSkuCount": 0,
            "inventoryLevels": listed(lambda: [(variant.variant_id, self.level(variant))]),
            "inventoryLevel": lambda _, **asked: self._level_at(variant, asked["locationId"]),
            "variant": lambda _: self.variant(variant),
            "variants": listed(lambda: [(variant.variant_id, self.variant(variant))]),
            "measurement": {
                "id": gid("InventoryItemMeasurement", item_id),
                "weight": {"unit": "KILOGRAMS", "value": 0.0},
            },
            "unitCost": None,
            "countryCodeOfOrigin": None,
            "harmonizedSystemCode": None,
        }

    def variant(self, variant: SimVariant) -> Json:
        return {
            "__typename": "ProductVariant",
            "id": gid("ProductVariant", variant.variant_id),
            "legacyResourceId": str(variant.variant_id),
            "title": "Default Title",
            "displayName": f"{variant.title} - Default Title",
            "sku": variant.sku,
            "barcode": variant.gtin,
            "price": written(variant.price),
            "compareAtPrice": None,
            "taxable": True,
            "position": 1,
            "availableForSale": not variant.tracked or variant.available > 0,
            "inventoryQuantity": variant.available,
            "inventoryPolicy": "DENY",
            "inventoryItem": lambda _: self.item(variant),
            "product": lambda _: self.product(variant),
            "requiresComponents": variant.bundle,
            "selectedOptions": [{"name": "Title", "value": "Default Title"}],
            "createdAt": instant(variant.created_at),
            "updatedAt": instant(variant.updated_at),
        }

    def product(self, variant: SimVariant) -> Json:
        return {
            "__typename": "Product",
            "id": gid("Product", variant.product_id),
            "legacyResourceId": str(variant.product_id),
            "title": variant.title,
            "handle": f"product-{variant.product_id}",
            "vendor": "Fairway Goods",
            "productType": "",
            "status": "ACTIVE",
            "tags": [],
            "isGiftCard": False,
            "hasOnlyDefaultVariant": True,
            "totalInventory": variant.available,
            "tracksInventory": variant.tracked,
            "variants": listed(lambda: [(variant.variant_id, self.variant(variant))]),
            "variantsCount": {"count": 1, "precision": "EXACT"},
            "createdAt": instant(variant.created_at),
            "updatedAt": instant(variant.updated_at),
            "publishedAt": instant(variant.created_at),
        }

    def _level_of(self, location: SimLocation, item_gid: str) -> Json | None:
        variant = self.shop.variant_of(item_gid)
        return self.level(variant) if variant and variant.location is location else None

    def _level_at(self, variant: SimVariant, location_gid: str) -> Json | None:
        return self.level(variant) if location_gid == gid("Location", variant.location.location_id) else None

    def _quantity(self, variant: SimVariant, name: str) -> Json:
        counted: dict[str, Any] = {
            "available": variant.available,
            "committed": variant.committed,
            "on_hand": variant.on_hand,
        }
        return {
            "id": f"{gid('InventoryQuantity', variant.inventory_item_id)}?name={name}",
            "name": name,
            "quantity": counted.get(name, 0),
            "updatedAt": instant(variant.updated_at),
        }
