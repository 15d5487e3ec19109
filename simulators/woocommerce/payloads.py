"""Orders and their notes as WooCommerce writes them."""

from __future__ import annotations

from decimal import Decimal
from html import escape
from typing import Any

from simulators.woocommerce.face import Face, gmt, links, number, unpadded
from simulators.woocommerce.model import ZERO, FeeLine, Meta, Note, ShippingLine, SimLine, SimOrder
from simulators.woocommerce.pricing import TAX_PERCENT, totals

VERSION = "11.0.1"


def order(order: SimOrder, face: Face) -> dict[str, Any]:
    """One order: https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties"""
    money, sums, status = face.money, totals(order, face.step), order.status
    at_store = order.created_via == "store-api"
    target = f"{face.api}/orders/{order.order_id}"
    pay = f"pay_for_order=true&key={order.order_key}"
    taxed = bool(order.lines or order.shipping_lines or order.fee_lines)
    return {
        "id": order.order_id,
        "parent_id": 0,
        "status": status,
        "currency": face.currency,
        "version": VERSION,
        "prices_include_tax": True,
        "date_created": face.local(order.created),
        "date_modified": face.local(order.modified),
        "discount_total": money(sums.discount),
        "discount_tax": money(sums.discount_tax),
        "shipping_total": money(sums.shipping),
        "shipping_tax": money(sums.shipping_tax),
        "cart_tax": money(sums.cart_tax),
        "total": money(sums.total),
        "total_tax": money(sums.tax),
        "customer_id": 0,
        "order_key": order.order_key,
        "billing": order.billing,
        "shipping": order.shipping,
        "payment_method": order.payment_method,
        "payment_method_title": order.payment_method_title,
        "transaction_id": order.transaction_id,
        "customer_ip_address": "203.0.113.7" if at_store else "",
        "customer_user_agent": "Mozilla/5.0" if at_store else "",
        "created_via": order.created_via,
        "customer_note": order.customer_note,
        "date_completed": face.local(order.completed),
        "date_paid": face.local(order.paid),
        "cart_hash": order.cart_hash,
        "number": str(order.order_id),
        "meta_data": [{"id": meta.meta_id, "key": meta.key, "value": meta.value} for meta in order.meta],
        "line_items": [order_line(line, face) for line in order.lines],
        "tax_lines": [tax_line(order.tax_item_id, sums.cart_tax, sums.shipping_tax, face)] if taxed else [],
        "shipping_lines": [shipping_line(line, face) for line in order.shipping_lines],
        "fee_lines": [fee_line(fee, face, []) for fee in order.fee_lines],
        "coupon_lines": [
            {
                "id": coupon.item_id,
                "code": coupon.code,
                "discount": unpadded(coupon.discount, face),
                "discount_tax": unpadded(coupon.discount_tax, face),
                "meta_data": item_meta(coupon.meta),
                "discount_type": "percent",
                "nominal_amount": coupon.percent,
                "free_shipping": False,
            }
            for coupon in order.coupon_lines
        ],
        "refunds": [
            {
                "id": refund.refund_id,
                "reason": refund.reason,
                "total": money(-refund.amount),
                "total_tax": money(-sum((line.tax for line in refund.lines), ZERO)),
            }
            for refund in order.refunds
        ],
        "payment_url": f"{face.home}/checkout/order-pay/{order.order_id}/?{pay}",
        "is_editable": status in ("pending", "on-hold", "auto-draft", "checkout-draft"),
        "needs_payment": status in ("pending", "failed") and sums.total > 0,
        "needs_processing": any(line.product is not None for line in order.lines),
        "date_created_gmt": gmt(order.created),
        "date_modified_gmt": gmt(order.modified),
        "date_completed_gmt": gmt(order.completed),
        "date_paid_gmt": gmt(order.paid),
        "currency_symbol": face.symbol,
        "_links": links(target)
        | {"email_templates": [{"embeddable": True, "href": f"{target}/actions/email_templates"}]},
    }


def order_line(line: SimLine, face: Face, sign: int = 1) -> dict[str, Any]:
    money, product = face.money, line.product
    parent = product.parent if product is not None else None
    options = dict(product.options) if product is not None else {}
    return {
        "id": line.item_id,
        "name": line.name,
        "product_id": 0 if product is None else (parent or product).product_id,
        "variation_id": product.product_id if product is not None and parent is not None else 0,
        "quantity": sign * line.quantity,
        "tax_class": "",
        "subtotal": money(sign * line.subtotal),
        "subtotal_tax": money(sign * line.subtotal_tax),
        "total": money(sign * line.total),
        "total_tax": money(sign * line.total_tax),
        "taxes": [
            {"id": 1, "total": money(sign * line.total_tax), "subtotal": money(sign * line.subtotal_tax)}
        ],
        "meta_data": item_meta(line.meta, options),
        "sku": None if product is None else product.shown_sku,
        "global_unique_id": None if product is None else product.gtin,
        "price": number(float(line.total) / max(1, line.quantity)),
        # An image is absent in two ways: "" on a product, 0 on a variation or a line without product.
        "image": {"id": "" if product is not None and parent is None else 0, "src": ""},
        "parent_name": None if parent is None else parent.name,
    }


def shipping_line(line: ShippingLine, face: Face) -> dict[str, Any]:
    return {
        "id": line.item_id,
        "method_title": line.title,
        "method_id": line.method_id,
        "instance_id": line.instance_id,
        "total": face.money(line.total),
        "total_tax": face.money(line.tax),
        "taxes": [{"id": 1, "total": face.money(line.tax), "subtotal": ""}],
        "tax_status": "taxable",
        "meta_data": item_meta(line.meta),
    }


def fee_line(fee: FeeLine, face: Face, meta: list[Meta]) -> dict[str, Any]:
    return {
        "id": fee.item_id,
        "name": fee.name,
        "tax_class": "",
        "tax_status": "taxable",
        "amount": "",
        "total": face.money(fee.total),
        "total_tax": face.money(fee.tax),
        "taxes": [{"id": 1, "total": face.money(fee.tax), "subtotal": ""}],
        "meta_data": item_meta(meta),
    }


def item_meta(rows: list[Meta], options: dict[str, str] | None = None) -> list[dict[str, Any]]:
    labels = {name.lower(): name for name in options or {}}
    return [
        {
            "id": meta.meta_id,
            "key": meta.key,
            "value": meta.value,
            "display_key": labels.get(meta.key, meta.key),
            "display_value": escape(meta.value, quote=False) if isinstance(meta.value, str) else meta.value,
        }
        for meta in rows
    ]


def tax_line(item_id: int, cart: Decimal, shipping: Decimal, face: Face) -> dict[str, Any]:
    return {
        "id": item_id,
        "rate_code": f"DE-MWST. {TAX_PERCENT}%-1",
        "rate_id": 1,
        "label": f"MwSt. {TAX_PERCENT}%",
        "compound": False,
        "tax_total": face.money(cart),
        "shipping_tax_total": face.money(shipping),
        "rate_percent": TAX_PERCENT,
        "meta_data": [],
    }


def note(order: SimOrder, note: Note, face: Face) -> dict[str, Any]:
    up = f"{face.api}/orders/{order.order_id}"
    return {
        "id": note.note_id,
        "author": note.author,
        "date_created": face.local(note.created),
        "date_created_gmt": gmt(note.created),
        "note": note.text,
        "customer_note": note.customer_note,
        "_links": links(f"{up}/notes/{note.note_id}", ("GET", "DELETE"), up),
    }
