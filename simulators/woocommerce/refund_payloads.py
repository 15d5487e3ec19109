"""Refunds as WooCommerce writes them."""

from __future__ import annotations

from typing import Any

from simulators.woocommerce.face import Face, gmt, links
from simulators.woocommerce.model import (
    ZERO,
    FeeLine,
    Meta,
    RefundLine,
    ShippingLine,
    SimLine,
    SimOrder,
    SimRefund,
)
from simulators.woocommerce.payloads import fee_line, order_line, shipping_line, tax_line


def refund(order: SimOrder, refund: SimRefund, face: Face) -> dict[str, Any]:
    """One refund: amount positive, lines negative.
    https://woocommerce.github.io/woocommerce-rest-api-docs/#order-refund-properties
    """
    up = f"{face.api}/orders/{order.order_id}"
    shipped = [line for line in refund.lines if isinstance(line.of, ShippingLine)]
    others = [line for line in refund.lines if not isinstance(line.of, ShippingLine)]
    tax = [sum((line.tax for line in part), ZERO) for part in (others, shipped)]
    return {
        "id": refund.refund_id,
        "date_created": face.local(refund.created),
        "date_created_gmt": gmt(refund.created),
        "amount": face.money(refund.amount),
        "reason": refund.reason,
        "refunded_by": 1,
        "refunded_payment": False,
        "meta_data": [],
        "line_items": [_back(line, face) for line in refund.lines if isinstance(line.of, SimLine)],
        "shipping_lines": [
            shipping_line(
                ShippingLine(
                    line.item_id, line.of.title, line.of.method_id, "", -line.total, -line.tax, _of(line)
                ),
                face,
            )
            for line in shipped
            if isinstance(line.of, ShippingLine)
        ],
        "tax_lines": [tax_line(refund.tax_item_id, -tax[0], -tax[1], face)] if refund.lines else [],
        "fee_lines": [
            fee_line(FeeLine(line.item_id, line.of.name, -line.total, -line.tax), face, _of(line))
            for line in refund.lines
            if isinstance(line.of, FeeLine)
        ],
        "_links": links(f"{up}/refunds/{refund.refund_id}", ("GET", "DELETE"), up),
    }


def _back(line: RefundLine, face: Face) -> dict[str, Any]:
    sold = line.of
    assert isinstance(sold, SimLine)  # noqa: S101 - refund() sorts the lines by kind
    back = SimLine(
        line.item_id,
        sold.product,
        sold.name,
        line.quantity,
        line.total,
        line.tax,
        line.total,
        line.tax,
        0,
        _of(line),
    )
    return order_line(back, face, sign=-1)


def _of(line: RefundLine) -> list[Meta]:
    return [Meta(line.meta_id, "_refunded_item_id", str(line.of.item_id))]
