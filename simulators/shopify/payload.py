"""Orders, refunds and stock levels as webhooks carry them: the shapes of the REST Admin API, version 2026-07.

Renders only; see https://shopify.dev/docs/api/webhooks. Most amounts are there twice: as text, as a *_set.
"""

from __future__ import annotations

from simulators.shopify import payload_outcomes as outcomes
from simulators.shopify import payload_parts as parts
from simulators.shopify.amounts import bought, current, received, refunded, written
from simulators.shopify.goods import SimLine, SimVariant, gid
from simulators.shopify.render import Json, bag, stamp, tax_lines
from simulators.shopify.shop import Shop
from simulators.shopify.things import SimOrder


def order_payload(order: SimOrder, shop: Shop) -> Json:
    """An order as in `orders/*`: with `discount_applications`, lines, parcels and refunds."""
    currency, buyer = shop.currency, order.buyer
    was, now = bought(order), current(order)
    outstanding = now.total - received(order) + refunded(order)
    at_the_till = order.source_name == "pos"
    zero = bag(0, currency)
    home = parts.address(buyer) if buyer else None
    return {
        "id": order.order_id,
        "admin_graphql_api_id": gid("Order", order.order_id),
        "app_id": 129785 if at_the_till else 580111,
        "browser_ip": None,
        "buyer_accepts_marketing": False,
        "cancel_reason": order.cancel_reason,
        "cancelled_at": stamp(order.cancelled_at) if order.cancelled_at else None,
        "cart_token": None,
        "checkout_token": order.token,
        "client_details": None,
        "closed_at": stamp(order.closed_at) if order.closed_at else None,
        "confirmation_number": order.token[:9].upper(),
        "confirmed": True,
        "contact_email": buyer.email if buyer else None,
        "created_at": stamp(order.created_at),
        "currency": currency,
        "current_shipping_price_set": bag(now.shipping, currency),
        "current_subtotal_price": written(now.subtotal),
        "current_subtotal_price_set": bag(now.subtotal, currency),
        "current_total_additional_fees_set": None,
        "current_total_discounts": written(now.discounts),
        "current_total_discounts_set": bag(now.discounts, currency),
        "current_total_duties_set": None,
        "current_total_price": written(now.total),
        "current_total_price_set": bag(now.total, currency),
        "current_total_tax": written(now.tax),
        "current_total_tax_set": bag(now.tax, currency),
        "customer_locale": buyer.locale if buyer else None,
        "device_id": None,
        "duties_included": False,
        "email": (buyer.email or "") if buyer else "",
        "estimated_taxes": False,
        "financial_status": order.financial_status,
        "fulfillment_status": order.fulfillment_status,
        "landing_site": None,
        "landing_site_ref": None,
        "location_id": shop.locations[0].location_id if at_the_till else None,
        "merchant_business_entity_id": "MTU0ODM4MDAwOQ",
        "merchant_of_record_app_id": None,
        "name": order.name,
        "note": order.note,
        "note_attributes": [],
        "number": order.number - 1000,
        "order_number": order.number,
        "order_status_url": f"https://{shop.domain}/{shop.shop_id}/orders/{order.token}/authenticate?key=a&b=c",
        "original_total_additional_fees_set": None,
        "original_total_duties_set": None,
        "payment_gateway_names": [order.transactions[0].gateway],
        "phone": buyer.phone if buyer else None,
        "po_number": None,
        "presentment_currency": currency,
        "processed_at": stamp(order.created_at),
        "reference": None,
        "referring_site": None,
        "source_identifier": None,
        "source_name": order.source_name,
        "source_url": None,
        "subtotal_price": written(was.subtotal),
        "subtotal_price_set": bag(was.subtotal, currency),
        "tags": "",
        "tax_exempt": False,
        "tax_lines": tax_lines(was.tax, currency),
        "taxes_included": True,
        "test": order.test,
        "token": order.token,
        "total_cash_rounding_payment_adjustment_set": zero,
        "total_cash_rounding_refund_adjustment_set": zero,
        "total_discounts": written(was.discounts),
        "total_discounts_set": bag(was.discounts, currency),
        "total_line_items_price": written(was.lines),
        "total_line_items_price_set": bag(was.lines, currency),
        "total_outstanding": written(outstanding),
        "total_price": written(was.total),
        "total_price_set": bag(was.total, currency),
        "total_shipping_price_set": bag(was.shipping, currency),
        "total_tax": written(was.tax),
        "total_tax_set": bag(was.tax, currency),
        "total_tip_received": "0.00",
        "total_weight": 0,
        "updated_at": stamp(order.updated_at),
        "user_id": None,
        "billing_address": home,
        "customer": parts.customer(buyer, order, currency) if buyer else None,
        **parts.discounts(order),
        "fulfillments": [outcomes.fulfillment(made, order, currency) for made in order.fulfillments],
        "line_items": [parts.line(item, currency) for item in order.lines],
        "payment_terms": None,
        "refunds": [outcomes.refund(made, order, currency) for made in order.refunds],
        "shipping_address": home if order.shipping else None,
        "shipping_lines": parts.shipping(order, currency),
        "returns": [],
        "line_item_groups": [],
    }


def edit_payload(order: SimOrder, line: SimLine, difference: int, edit_id: int) -> Json:
    """`orders/edited` names what changed and is no order."""
    change = {"id": line.line_id, "delta": abs(difference)}
    return {
        "order_edit": {
            "id": edit_id,
            "app_id": None,
            "created_at": stamp(order.updated_at),
            "notify_customer": False,
            "order_id": order.order_id,
            "staff_note": "",
            "user_id": None,
            "line_items": {
                "additions": [change] if difference > 0 else [],
                "removals": [change] if difference < 0 else [],
            },
            "discounts": {"line_item": {"additions": [], "removals": []}},
            "shipping_lines": {"additions": [], "removals": []},
            "committed_at": stamp(order.updated_at),
        }
    }


def level_payload(variant: SimVariant) -> Json:
    return {
        "inventory_item_id": variant.inventory_item_id,
        "location_id": variant.location.location_id,
        "available": variant.available,
        "updated_at": stamp(variant.updated_at),
        "admin_graphql_api_id": level_gid(variant),
    }


def level_gid(variant: SimVariant) -> str:
    return f"{gid('InventoryLevel', variant.location.level_id)}?inventory_item_id={variant.inventory_item_id}"
