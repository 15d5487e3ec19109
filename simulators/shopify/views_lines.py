"""The parts of an order as the GraphQL Admin API shows them: lines, shipping, discounts.

See https://shopify.dev/docs/api/admin-graphql/2026-07/objects/LineItem.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulators.shopify.goods import SimLine, contained_tax, gid
from simulators.shopify.render import Json
from simulators.shopify.shop import Shop
from simulators.shopify.things import SimOrder
from simulators.shopify.values import money_bag, tax_lines
from simulators.shopify.views_stock import StockViews


@dataclass(frozen=True, slots=True)
class LineViews:
    """Each method shows what an order is made of."""

    shop: Shop
    stock: StockViews

    def line(self, line: SimLine, order: SimOrder) -> Json:
        """Discount codes belong to the order: only `...AfterAllDiscounts...` and allocations contain them,
        `discountedTotalSet` when it is asked to.
        """
        currency, variant = self.shop.currency, line.variant
        total, gross = line.total(line.quantity), line.unit_price * line.quantity
        allocation = {
            "allocatedAmountSet": money_bag(line.discount, currency),
            "discountApplication": dict(self.discount_applications(order)).get(0),
        }
        unit = money_bag(line.unit_price, currency)
        unfulfilled = money_bag(line.unit_price * line.open_quantity, currency)
        after_all = money_bag(total, currency)
        original = money_bag(gross, currency)
        return {
            "id": gid("LineItem", line.line_id),
            "name": variant.title,
            "title": variant.title,
            "variantTitle": None,
            "sku": variant.sku,
            "vendor": "Fairway Goods",
            "quantity": line.quantity,
            "currentQuantity": line.current_quantity,
            "refundableQuantity": line.current_quantity,
            "unfulfilledQuantity": line.open_quantity,
            "fulfillableQuantity": line.open_quantity,
            "nonFulfillableQuantity": line.removed,
            "requiresShipping": True,
            "isGiftCard": False,
            "taxable": True,
            "restockable": True,
            "merchantEditable": True,
            "variant": lambda _: self.stock.variant(variant),
            "product": lambda _: self.stock.product(variant),
            "originalUnitPriceSet": unit,
            "discountedUnitPriceSet": unit,
            "discountedUnitPriceAfterAllDiscountsSet": money_bag(total // line.quantity, currency),
            "originalTotalSet": original,
            "discountedTotalSet": lambda _, **asked: (
                after_all if asked.get("withCodeDiscounts") else original
            ),
            "totalDiscountSet": money_bag(0, currency),
            "unfulfilledOriginalTotalSet": unfulfilled,
            "unfulfilledDiscountedTotalSet": unfulfilled,
            "priceAfterAllDiscountsBeforeTaxesSet": money_bag(total - contained_tax(total), currency),
            "taxLines": tax_lines(contained_tax(total), currency),
            "duties": [],
            "discountAllocations": [allocation] if line.discount else [],
            "customAttributes": [{"key": key, "value": value} for key, value in line.properties.items()],
            "lineItemGroup": None,
            "sellingPlan": None,
        }

    def discount_applications(self, order: SimOrder) -> list[tuple[int, Json]]:
        if order.discount is None:
            return []
        application = {
            "__typename": "DiscountCodeApplication",
            "code": order.discount.code,
            "allocationMethod": "ACROSS",
            "index": 0,
            "targetSelection": "ALL",
            "targetType": "LINE_ITEM",
            "value": {"__typename": "PricingPercentageValue", "percentage": float(order.discount.percentage)},
        }
        return [(0, application)]

    def shipping(self, order: SimOrder) -> list[tuple[int, Json]]:
        chosen, currency = order.shipping, self.shop.currency
        if chosen is None:
            return []
        left = chosen.price - sum(refund.shipping for refund in order.refunds)
        shown = {
            "id": gid("ShippingLine", chosen.line_id),
            "title": chosen.title,
            "code": chosen.code,
            "source": "shopify",
            "carrierIdentifier": None,
            "deliveryCategory": None,
            "phone": None,
            "custom": False,
            "isRemoved": False,
            "shippingRateHandle": chosen.code,
            "originalPriceSet": money_bag(chosen.price, currency),
            "discountedPriceSet": money_bag(chosen.price, currency),
            "currentDiscountedPriceSet": money_bag(left, currency),
            "taxLines": tax_lines(contained_tax(chosen.price), currency),
            "discountAllocations": [],
        }
        return [(chosen.line_id, shown)]
