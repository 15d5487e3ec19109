"""The parts of an order in a webhook body: buyer, lines, shipping, discounts."""

from __future__ import annotations

from simulators.shopify.amounts import written
from simulators.shopify.goods import SimLine, contained_tax, gid
from simulators.shopify.render import Json, bag, stamp, tax_lines
from simulators.shopify.things import Buyer, SimOrder


def address(buyer: Buyer) -> Json:
    return {
        "first_name": buyer.first_name,
        "address1": buyer.address1,
        "phone": buyer.phone,
        "city": buyer.city,
        "zip": buyer.zip,
        "province": buyer.province,
        "country": buyer.country,
        "last_name": buyer.last_name,
        "address2": buyer.address2,
        "company": buyer.company,
        "latitude": None,
        "longitude": None,
        "name": buyer.name,
        "country_code": buyer.country_code,
        "province_code": buyer.province_code,
    }


def customer(buyer: Buyer, order: SimOrder, currency: str) -> Json:
    home = {key: value for key, value in address(buyer).items() if key not in ("latitude", "longitude")}
    return {
        "id": buyer.customer_id,
        "created_at": stamp(order.created_at),
        "updated_at": stamp(order.created_at),
        "first_name": buyer.first_name,
        "last_name": buyer.last_name,
        "state": "disabled",
        "note": None,
        "verified_email": True,
        "multipass_identifier": None,
        "tax_exempt": False,
        "email": buyer.email,
        "phone": buyer.phone,
        "currency": currency,
        "tax_exemptions": [],
        "admin_graphql_api_id": gid("Customer", buyer.customer_id),
        "default_address": {
            "id": buyer.address_id,
            "customer_id": buyer.customer_id,
            **home,
            "country_name": buyer.country,
            "default": True,
        },
    }


def line(item: SimLine, currency: str) -> Json:
    """A discount code is in `discount_allocations`; `total_discount` is for discounts of the line itself."""
    variant = item.variant
    allocations = [
        {
            "amount": written(item.discount),
            "amount_set": bag(item.discount, currency),
            "discount_application_index": 0,
        }
    ]
    return {
        "id": item.line_id,
        "admin_graphql_api_id": gid("LineItem", item.line_id),
        "attributed_staffs": [],
        "current_quantity": item.current_quantity,
        "fulfillable_quantity": item.open_quantity,
        "fulfillment_service": "manual",
        "fulfillment_status": _line_status(item),
        "gift_card": False,
        "grams": 0,
        "name": variant.title,
        "price": written(item.unit_price),
        "price_set": bag(item.unit_price, currency),
        "product_exists": True,
        "product_id": variant.product_id,
        "properties": [{"name": name, "value": value} for name, value in item.properties.items()],
        "quantity": item.quantity,
        "requires_shipping": True,
        "sales_line_item_group_id": None,
        "sku": variant.sku,
        "taxable": True,
        "title": variant.title,
        "total_discount": "0.00",
        "total_discount_set": bag(0, currency),
        "variant_id": variant.variant_id,
        "variant_inventory_management": "shopify" if variant.tracked else None,
        "variant_title": None,
        "vendor": "Fairway Goods",
        "tax_lines": tax_lines(contained_tax(item.total(item.quantity)), currency),
        "duties": [],
        "discount_allocations": allocations if item.discount else [],
    }


def _line_status(item: SimLine) -> str | None:
    if not item.fulfilled:
        return None
    return "partial" if item.open_quantity else "fulfilled"


def shipping(order: SimOrder, currency: str) -> list[Json]:
    chosen = order.shipping
    if chosen is None:
        return []
    left = chosen.price - sum(refund.shipping for refund in order.refunds)
    return [
        {
            "id": chosen.line_id,
            "carrier_identifier": None,
            "code": chosen.code,
            "current_discounted_price_set": bag(left, currency),
            "discounted_price": written(chosen.price),
            "discounted_price_set": bag(chosen.price, currency),
            "is_removed": False,
            "phone": None,
            "price": written(chosen.price),
            "price_set": bag(chosen.price, currency),
            "requested_fulfillment_service_id": None,
            "source": "shopify",
            "title": chosen.title,
            "tax_lines": tax_lines(contained_tax(chosen.price), currency),
            "discount_allocations": [],
        }
    ]


def discounts(order: SimOrder) -> Json:
    """The two lists at the order: what was applied, and the codes."""
    if order.discount is None:
        return {"discount_applications": [], "discount_codes": []}
    code, percentage = order.discount.code, order.discount.percentage
    application = {
        "target_type": "line_item",
        "type": "discount_code",
        "value": f"{percentage}.0",
        "value_type": "percentage",
        "allocation_method": "across",
        "target_selection": "all",
        "code": code,
    }
    amount = written(sum(item.discount for item in order.lines))
    return {
        "discount_applications": [application],
        "discount_codes": [{"code": code, "amount": amount, "type": "percentage"}],
    }
