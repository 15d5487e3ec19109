"""The parts of an order as the GraphQL Admin API shows them: lines, shipping, discounts, parcels, refunds.

See https://shopify.dev/docs/api/admin-graphql/2026-07/objects/LineItem.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.shopify.paging import listed
from simulators.shopify.render import Json
from simulators.shopify.shop import Shop
from simulators.shopify.things import SimLine, SimOrder, SimTransaction, contained_tax, gid
from simulators.shopify.values import instant, money_bag, tax_lines
from simulators.shopify.views_stock import StockViews

Lines = Mapping[int, Json]


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

    def fulfillments(self, order: SimOrder, lines: Lines) -> list[Json]:
        return [
            {
                "id": gid("Fulfillment", made.fulfillment_id),
                "legacyResourceId": str(made.fulfillment_id),
                "name": f"{order.name}-F{made.number}",
                "status": "SUCCESS",
                "displayStatus": "FULFILLED",
                "createdAt": instant(made.created_at),
                "updatedAt": instant(made.created_at),
                "deliveredAt": None,
                "estimatedDeliveryAt": None,
                "inTransitAt": None,
                "trackingInfo": [
                    {"company": made.company, "number": made.tracking_number, "url": made.tracking_url}
                ],
                "location": lambda _: self.stock.location(),
                "fulfillmentLineItems": listed(
                    (
                        part.fulfillment_line_id,
                        {
                            "id": gid("FulfillmentLineItem", part.fulfillment_line_id),
                            "lineItem": lines[part.line.line_id],
                            "quantity": part.quantity,
                            "originalTotalSet": self._bag(part.line.unit_price * part.quantity),
                            "discountedTotalSet": self._bag(part.line.total(part.quantity)),
                        },
                    )
                    for part in made.lines
                ),
                "totalQuantity": sum(part.quantity for part in made.lines),
                "requiresShipping": True,
                "service": {
                    "id": "gid://shopify/FulfillmentService/manual",
                    "handle": "manual",
                    "serviceName": "Manual",
                },
            }
            for made in order.fulfillments
        ]

    def refunds(self, order: SimOrder, lines: Lines) -> list[Json]:
        return [
            {
                "id": gid("Refund", made.refund_id),
                "legacyResourceId": str(made.refund_id),
                "createdAt": instant(made.created_at),
                "processedAt": instant(made.created_at),
                "updatedAt": instant(made.created_at),
                "note": made.note,
                "totalRefundedSet": self._bag(sum(paid.amount for paid in made.transactions)),
                "refundLineItems": listed(
                    (
                        part.refund_line_id,
                        {
                            "id": gid("RefundLineItem", part.refund_line_id),
                            "lineItem": lines[part.line.line_id],
                            "quantity": part.quantity,
                            "restockType": part.restock_type.upper(),
                            "restocked": part.restock_type != "no_restock",
                            "location": self._restocked_at(part.restock_type),
                            "priceSet": self._bag(part.subtotal // part.quantity),
                            "subtotalSet": self._bag(part.subtotal),
                            "totalTaxSet": self._bag(contained_tax(part.subtotal)),
                        },
                    )
                    for part in made.lines
                ),
                "refundShippingLines": listed(
                    (
                        made.shipping_refund_id,
                        {
                            "id": gid("RefundShippingLine", made.shipping_refund_id),
                            "shippingLine": shown,
                            "subtotalAmountSet": self._bag(made.shipping),
                            "taxAmountSet": self._bag(contained_tax(made.shipping)),
                        },
                    )
                    for _, shown in self.shipping(order)
                    if made.shipping
                ),
                "orderAdjustments": listed(list),
                "transactions": listed(
                    (paid.transaction_id, self._paid(paid, order)) for paid in made.transactions
                ),
                "return": None,
                "duties": [],
            }
            for made in order.refunds
        ]

    def transactions(self, order: SimOrder) -> list[Json]:
        return [self._paid(paid, order) for paid in order.transactions]

    def _paid(self, paid: SimTransaction, order: SimOrder) -> Json:
        return {
            "id": gid("OrderTransaction", paid.transaction_id),
            "kind": paid.kind.upper(),
            "status": paid.status.upper(),
            "gateway": paid.gateway,
            "formattedGateway": paid.gateway.replace("_", " ").title(),
            "amountSet": self._bag(paid.amount),
            "createdAt": instant(paid.created_at),
            "processedAt": instant(paid.created_at),
            "test": order.test,
            "parentTransaction": self._paid(order.transactions[0], order) if paid.parent_id else None,
            "errorCode": None,
            "amountRoundingSet": None,
            "paymentId": f"{order.name}.1",
            "authorizationCode": None,
            "authorizationExpiresAt": None,
            "manualPaymentGateway": paid.gateway == "manual",
            "accountNumber": None,
        }

    def _bag(self, cents: int) -> Json:
        return money_bag(cents, self.shop.currency)

    def _restocked_at(self, restock_type: str) -> Json | None:
        return None if restock_type == "no_restock" else self.stock.location()
