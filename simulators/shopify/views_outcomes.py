"""What became of an order as the GraphQL Admin API shows it: refunds and payments.

See https://shopify.dev/docs/api/admin-graphql/2026-07/objects/Refund.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.shopify.goods import contained_tax, gid
from simulators.shopify.paging import listed
from simulators.shopify.render import Json
from simulators.shopify.shop import Shop
from simulators.shopify.things import SimOrder, SimRefund, SimRefundLine, SimTransaction
from simulators.shopify.values import instant, money_bag
from simulators.shopify.views_lines import LineViews
from simulators.shopify.views_stock import StockViews

Lines = Mapping[int, Json]  # shown lines by line id


@dataclass(frozen=True, slots=True)
class OutcomeViews:
    """Shows one refund or payment at a time."""

    shop: Shop
    stock: StockViews
    lines: LineViews

    def refund(self, made: SimRefund, order: SimOrder, lines: Lines) -> Json:
        return {
            "__typename": "Refund",
            "id": gid("Refund", made.refund_id),
            "legacyResourceId": str(made.refund_id),
            "createdAt": instant(made.created_at),
            "processedAt": instant(made.created_at),
            "updatedAt": instant(made.created_at),
            "note": made.note,
            "totalRefundedSet": self._bag(sum(paid.amount for paid in made.transactions)),
            "refundLineItems": listed(
                lambda: [(part.refund_line_id, self._taken_back(part, lines)) for part in made.lines]
            ),
            "refundShippingLines": listed(lambda: self._shipping_back(made, order)),
            "orderAdjustments": listed(list),
            "transactions": listed(
                lambda: [(paid.transaction_id, self.transaction(paid, order)) for paid in made.transactions]
            ),
            "return": None,
            "duties": [],
        }

    def transaction(self, paid: SimTransaction, order: SimOrder) -> Json:
        return {
            "id": gid("OrderTransaction", paid.transaction_id),
            "kind": paid.kind.upper(),
            "status": paid.status.upper(),
            "gateway": paid.gateway,
            "formattedGateway": paid.gateway.replace("_", " ").title(),
            "amountSet": self._bag(paid.amount),
            "amountRoundingSet": None,
            "createdAt": instant(paid.created_at),
            "processedAt": instant(paid.created_at),
            "test": order.test,
            "parentTransaction": self.transaction(order.transactions[0], order) if paid.parent_id else None,
            "errorCode": None,
            "paymentId": f"{order.name}.1",
            "authorizationCode": None,
            "authorizationExpiresAt": None,
            "manualPaymentGateway": paid.gateway == "manual",
            "accountNumber": None,
        }

    def _taken_back(self, part: SimRefundLine, lines: Lines) -> Json:
        restocked = part.restock_type != "no_restock"
        return {
            "id": gid("RefundLineItem", part.refund_line_id),
            "lineItem": lines[part.line.line_id],
            "quantity": part.quantity,
            "restockType": part.restock_type.upper(),
            "restocked": restocked,
            "location": self.stock.location(part.line.variant.location) if restocked else None,
            "priceSet": self._bag(part.subtotal // part.quantity),
            "subtotalSet": self._bag(part.subtotal),
            "totalTaxSet": self._bag(contained_tax(part.subtotal)),
        }

    def _shipping_back(self, made: SimRefund, order: SimOrder) -> list[tuple[int, Json]]:
        if not made.shipping:
            return []
        [(_, line)] = self.lines.shipping(order)
        shown = {
            "id": gid("RefundShippingLine", made.shipping_refund_id),
            "shippingLine": line,
            "subtotalAmountSet": self._bag(made.shipping),
            "taxAmountSet": self._bag(contained_tax(made.shipping)),
        }
        return [(made.shipping_refund_id, shown)]

    def _bag(self, cents: int) -> Json:
        return money_bag(cents, self.shop.currency)
