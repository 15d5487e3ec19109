"""An order as the GraphQL Admin API shows it: a plain tree by field name, with functions for connections.

See https://shopify.dev/docs/api/admin-graphql/2026-07/objects/Order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulators.shopify.amounts import bought, current, received, refunded
from simulators.shopify.goods import gid
from simulators.shopify.paging import listed
from simulators.shopify.render import Json
from simulators.shopify.shop import Shop
from simulators.shopify.things import SimOrder
from simulators.shopify.values import customer, instant, mailing_address, money_bag, tax_lines
from simulators.shopify.views_lines import LineViews
from simulators.shopify.views_outcomes import OutcomeViews
from simulators.shopify.views_shipping import ShippingViews
from simulators.shopify.views_stock import StockViews

ONLINE_STORE = {
    "id": "gid://shopify/ChannelDefinition/1",
    "handle": "web",
    "channelName": "Online Store",
    "subChannelName": "Online Store",
    "isMarketplace": False,
}


@dataclass(frozen=True, slots=True)
class OrderViews:
    """Shows orders; a shown order is kept until the order changes."""

    shop: Shop
    stock: StockViews
    lines: LineViews
    outcomes: OutcomeViews
    shipping: ShippingViews
    _shown: dict[int, tuple[int, Json]] = field(default_factory=dict)

    def order(self, order: SimOrder) -> Json:
        known = self._shown.get(order.order_id)
        if known is None or known[0] != order.version:
            known = self._shown[order.order_id] = (order.version, self._order(order))
        return known[1]

    def refund(self, number: int) -> Json | None:
        """The refund of this id, of any order."""
        for order in self.shop.orders.values():
            for refund in order.refunds:
                if refund.refund_id == number:
                    lines = {line.line_id: self.lines.line(line, order) for line in order.lines}
                    return self.outcomes.refund(refund, order, lines)
        return None

    def _order(self, order: SimOrder) -> Json:
        currency, buyer = self.shop.currency, order.buyer
        lines = [(line.line_id, self.lines.line(line, order)) for line in order.lines]
        at_the_till = order.source_name == "pos"
        shipping = self.lines.shipping(order)
        discounts = self.lines.discount_applications(order)
        address = mailing_address(buyer) if buyer else None
        channel = "Point of Sale" if at_the_till else "Online Store"
        return {
            "__typename": "Order",
            "id": gid("Order", order.order_id),
            "legacyResourceId": str(order.order_id),
            "name": order.name,
            "number": order.number,
            "confirmationNumber": order.token[:9].upper(),
            "createdAt": instant(order.created_at),
            "processedAt": instant(order.created_at),
            "updatedAt": instant(order.updated_at),
            "cancelledAt": instant(order.cancelled_at) if order.cancelled_at else None,
            "cancelReason": order.cancel_reason.upper() if order.cancel_reason else None,
            "cancellation": {"staffNote": None} if order.cancelled_at else None,
            "closed": order.closed_at is not None,
            "closedAt": instant(order.closed_at) if order.closed_at else None,
            "confirmed": True,
            "edited": order.edited,
            "currencyCode": currency,
            "presentmentCurrencyCode": currency,
            "taxesIncluded": True,
            "taxExempt": False,
            "dutiesIncluded": False,
            "test": order.test,
            "sourceName": order.source_name,
            "sourceIdentifier": None,
            "tags": [],
            "note": order.note,
            "email": buyer.email if buyer else None,
            "phone": buyer.phone if buyer else None,
            "poNumber": None,
            "customAttributes": [],
            "displayFinancialStatus": order.financial_status.upper(),
            "displayFulfillmentStatus": _fulfillment_status(order),
            "returnStatus": "NO_RETURN",
            "fullyPaid": received(order) >= bought(order).total,
            "unpaid": received(order) == 0,
            "fulfillable": any(line.open_quantity for line in order.lines),
            "refundable": received(order) > refunded(order),
            "requiresShipping": not at_the_till,
            **self._sums(order),
            "subtotalLineItemsQuantity": sum(line.quantity for line in order.lines),
            "currentSubtotalLineItemsQuantity": sum(line.current_quantity for line in order.lines),
            "totalWeight": "0",
            "taxLines": tax_lines(bought(order).tax, currency),
            "currentTaxLines": tax_lines(current(order).tax, currency),
            "discountCode": order.discount.code if order.discount else None,
            "discountCodes": [order.discount.code] if order.discount else [],
            "discountApplications": listed(lambda: discounts),
            "lineItems": listed(lambda: lines),
            "shippingLine": shipping[0][1] if shipping else None,
            "shippingLines": listed(lambda: shipping),
            "fulfillments": lambda _, first=None, **__: [
                self.shipping.fulfillment(made, order) for made in order.fulfillments[:first]
            ],
            "fulfillmentsCount": {"count": len(order.fulfillments), "precision": "EXACT"},
            "fulfillmentOrders": listed(
                lambda: [
                    (one.fulfillment_order_id, self.shipping.fulfillment_order(one, order))
                    for one in order.fulfillment_orders
                ]
            ),
            "refunds": lambda _, first=None: [
                self.outcomes.refund(made, order, dict(lines)) for made in order.refunds[:first]
            ],
            "returns": listed(list),
            "transactions": lambda _, first=None, **__: [
                self.outcomes.transaction(paid, order) for paid in order.transactions[:first]
            ],
            "customer": customer(buyer, order.created_at) if buyer else None,
            "customerLocale": buyer.locale if buyer else None,
            "billingAddress": address,
            "shippingAddress": address if order.shipping else None,
            "billingAddressMatchesShippingAddress": order.shipping is not None,
            "paymentGatewayNames": [order.transactions[0].gateway],
            "retailLocation": lambda _: self._till() if at_the_till else None,
            "physicalLocation": lambda _: self._till() if at_the_till else None,
            "app": {"id": gid("App", 129785 if at_the_till else 580111), "name": channel},
            "merchantOfRecordApp": None,
            "channelInformation": {
                "id": gid("ChannelInformation", order.order_id),
                "app": {
                    "id": gid("App", 580111),
                    "title": channel,
                    "handle": "online_store",
                    "apiKey": "simulated",
                },
                "channelId": gid("Channel", self.shop.shop_id),
                "displayName": channel,
                "channelDefinition": None if at_the_till else ONLINE_STORE,
            },
            "statusPageUrl": f"https://{self.shop.domain}/orders/{order.token}",
        }

    def _till(self) -> Json:
        return self.stock.location(self.shop.locations[0])

    def _sums(self, order: SimOrder) -> Json:
        was, now, currency = bought(order), current(order), self.shop.currency
        paid, back = received(order), refunded(order)
        zero = money_bag(0, currency)
        sums = {
            "subtotalPriceSet": was.subtotal,
            "totalPriceSet": was.total,
            "totalTaxSet": was.tax,
            "totalDiscountsSet": was.discounts,
            "cartDiscountAmountSet": was.discounts,
            "totalShippingPriceSet": was.shipping,
            "totalRefundedSet": back,
            "totalRefundedShippingSet": was.shipping - now.shipping,
            "totalReceivedSet": paid,
            "totalOutstandingSet": now.total - paid + back,
            "netPaymentSet": paid - back,
            "originalTotalPriceSet": was.total,
            "currentSubtotalPriceSet": now.subtotal,
            "currentTotalPriceSet": now.total,
            "currentTotalTaxSet": now.tax,
            "currentTotalDiscountsSet": now.discounts,
            "currentShippingPriceSet": now.shipping,
        }
        return {name: money_bag(cents, currency) for name, cents in sums.items()} | {
            "totalTipReceivedSet": zero,
            "originalTotalDutiesSet": None,
            "originalTotalAdditionalFeesSet": None,
            "currentTotalDutiesSet": None,
            "currentTotalAdditionalFeesSet": None,
            "additionalFees": [],
            "totalCashRoundingAdjustment": {"paymentSet": zero, "refundSet": zero},
        }


def _fulfillment_status(order: SimOrder) -> str:
    open_ones = [one for one in order.fulfillment_orders if one.remaining]
    if open_ones and all(one.holds for one in open_ones):
        return "ON_HOLD"
    return {"partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED"}.get(
        order.fulfillment_status or "", "UNFULFILLED"
    )
