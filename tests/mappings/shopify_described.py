"""Orders of a Shopify shop as a drawing describes them, written down in both spellings Shopify has."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

RATE = 3  # minor units of the buyer's currency for one of the shop's
PLACES = {"EUR": 2, "USD": 2, "GBP": 2, "JPY": 0, "KWD": 3}
LOCATION = 655441491


@dataclass(frozen=True)
class Part:
    """A discount that gave *amount* minor units, by the index of its application."""

    application: int
    amount: int


@dataclass(frozen=True)
class Line:
    """*price* and *tax* in minor units; *shipped*, *returned*, *removed* say what became of the units."""

    line_id: int
    variant_id: int | None
    product_id: int | None
    sku: str | None
    title: str
    variant_title: str | None
    quantity: int
    price: int
    tax: int
    liable: bool | None
    parts: tuple[Part, ...]
    shipped: int
    returned: int
    removed: int
    gift_card: bool
    requires_shipping: bool
    tracked: bool
    properties: tuple[tuple[str, str], ...]
    group: int | None
    tip: bool = False

    @property
    def current(self) -> int:
        return self.quantity - self.returned - self.removed


@dataclass(frozen=True)
class Described:
    order_id: int
    shop: str
    buyer: str
    taxes_included: bool
    status: str
    source: str
    test: bool
    cancelled_at: str | None
    closed_at: str | None
    lines: tuple[Line, ...]
    shipping: int
    shipping_part: Part | None
    duty: int | None
    fee: int | None
    note: str | None
    tags: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    gateways: tuple[str, ...]
    guest: bool
    tracking: tuple[str, str] | None
    failed_shipment: bool

    @property
    def goods(self) -> int:
        return sum(line.price * line.quantity for line in self.lines if not line.tip)

    @property
    def tip(self) -> int:
        return sum(line.price * line.quantity for line in self.lines if line.tip)

    @property
    def discount(self) -> int:
        parts = [part for line in self.lines for part in line.parts]
        return sum(part.amount for part in [*parts, *([self.shipping_part] if self.shipping_part else [])])

    @property
    def tax(self) -> int:
        return sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        added = 0 if self.taxes_included else self.tax
        return (
            self.goods - self.discount + self.shipping + self.tip + (self.duty or 0) + (self.fee or 0) + added
        )

    @property
    def refunded(self) -> list[tuple[Line, int, str]]:
        back = [(line, line.returned, "return") for line in self.lines if line.returned]
        return back + [(line, line.removed, "cancel") for line in self.lines if line.removed]


def given_back(d: Described) -> int:
    """Money that went back, in minor units."""
    return sum(one.price * count for one, count, _ in d.refunded)


def amount(minor: int, currency: str) -> str:
    return str(Decimal(minor).scaleb(-PLACES[currency]))


def rest(d: Described) -> dict[str, Any]:
    """As a webhook carries it."""

    def bag(minor: int) -> dict[str, Any]:
        return {
            "shop_money": {"amount": amount(minor, d.shop), "currency_code": d.shop},
            "presentment_money": {"amount": amount(minor * RATE, d.buyer), "currency_code": d.buyer},
        }

    def both(name: str, minor: int) -> dict[str, Any]:
        return {name: amount(minor, d.shop), f"{name}_set": bag(minor)}

    def taxes(minor: int, liable: bool | None) -> list[dict[str, Any]]:
        return [{"title": "VAT", "rate": Decimal("0.20"), "channel_liable": liable, **both("price", minor)}]

    def allocations(parts: tuple[Part, ...]) -> list[dict[str, Any]]:
        return [{"discount_application_index": p.application, **both("amount", p.amount)} for p in parts]

    def line(one: Line) -> dict[str, Any]:
        written = {
            "id": one.line_id,
            "variant_id": one.variant_id,
            "product_id": one.product_id,
            "product_exists": one.product_id is not None,
            "sku": one.sku,
            "title": one.title,
            "variant_title": one.variant_title,
            "quantity": one.quantity,
            "current_quantity": one.current,
            "requires_shipping": one.requires_shipping,
            "gift_card": one.gift_card,
            "variant_inventory_management": "shopify" if one.tracked else None,
            "properties": [{"name": name, "value": value} for name, value in one.properties],
            "tax_lines": taxes(one.tax, one.liable) if one.tax else [],
            "discount_allocations": allocations(one.parts),
            "sales_line_item_group_id": one.group,
            "total_discount": "0.00",
            **both("price", one.price),
        }
        return written | ({"tip": {"payment_gateway": None, "payment_method": None}} if one.tip else {})

    shipped = [{"id": one.line_id, "quantity": one.shipped} for one in d.lines if one.shipped]
    back = given_back(d)
    multi = d.shop != d.buyer
    payload = {
        "id": d.order_id,
        "name": "#1001",
        "created_at": "2026-06-01T10:00:00+02:00",
        "updated_at": "2026-06-02T10:00:00+02:00",
        "cancelled_at": d.cancelled_at,
        "cancel_reason": "customer" if d.cancelled_at else None,
        "closed_at": d.closed_at,
        "currency": d.shop,
        "presentment_currency": d.buyer,
        "taxes_included": d.taxes_included,
        "duties_included": False,
        "financial_status": d.status,
        "source_name": d.source,
        "test": d.test,
        "note": d.note,
        "tags": ", ".join(d.tags),
        "email": "ada@shop.example",
        "phone": None,
        "customer_locale": "de-DE",
        "payment_gateway_names": list(d.gateways),
        "note_attributes": [{"name": name, "value": value} for name, value in d.attributes],
        "customer": None if d.guest else {"id": 2**53 + 7, "first_name": "Ada", "last_name": "Byron"},
        "shipping_address": {
            "name": "Ada Byron",
            "address1": "Gasse 1",
            "city": "Wien",
            "province": None,
            "province_code": None,
            "zip": "1010",
            "country_code": "AT",
            "phone": "+43 1 5550100",
        },
        "billing_address": None,
        **both("total_price", d.total),
        **both("total_line_items_price", d.goods),
        **both("total_discounts", d.discount),
        **both("total_tax", d.tax),
        **both("total_tip_received", d.tip),
        "total_shipping_price_set": bag(d.shipping),
        "original_total_duties_set": None if d.duty is None else bag(d.duty),
        "original_total_additional_fees_set": None if d.fee is None else bag(d.fee),
        "total_cash_rounding_payment_adjustment_set": bag(0),
        "tax_lines": taxes(d.tax, None) if d.tax else [],
        "line_items": [line(one) for one in d.lines],
        "line_item_groups": [{"id": one.group, "title": "Gift set"} for one in d.lines if one.group],
        "discount_codes": [],
        "discount_applications": [
            {"type": "discount_code", "code": "SUMMER", "value_type": "fixed_amount", "value": "1.0"},
            {"type": "automatic", "title": "Loyal", "value_type": "percentage", "value": "5.0"},
        ],
        "shipping_lines": [
            {
                "title": "Post",
                "code": "post",
                "source": "shopify",
                "carrier_identifier": None,
                "is_removed": False,
                "discount_allocations": allocations((d.shipping_part,) if d.shipping_part else ()),
                **both("price", d.shipping),
                **both("discounted_price", d.shipping - (d.shipping_part.amount if d.shipping_part else 0)),
            }
        ],
        "fulfillments": [
            {
                "id": 9001,
                "status": "success",
                "created_at": "2026-06-02T09:00:00+02:00",
                "location_id": LOCATION,
                "tracking_company": d.tracking[0] if d.tracking else None,
                "tracking_numbers": [d.tracking[1]] if d.tracking else [],
                "tracking_urls": [],
                "line_items": shipped,
            }
        ]
        if shipped
        else [],
        "refunds": [
            {
                "id": 8001,
                "created_at": "2026-06-02T09:30:00+02:00",
                "note": "sorry",
                "refund_line_items": [
                    {
                        "line_item_id": one.line_id,
                        "quantity": count,
                        "restock_type": kind,
                        **both("subtotal", one.price * count),
                        **both("total_tax", 0),
                    }
                    for one, count, kind in d.refunded
                ],
                "transactions": [
                    {
                        "kind": "refund",
                        "status": "success",
                        "amount": amount(back * RATE, d.buyer) if multi else amount(back, d.shop),
                        "currency": d.buyer if multi else d.shop,
                    }
                ],
            }
        ]
        if d.refunded
        else [],
    }
    if d.failed_shipment:
        lines = [{"id": d.lines[0].line_id, "quantity": d.lines[0].quantity}]
        payload["fulfillments"].append({"id": 9002, "status": "failure", "line_items": lines})
    return payload


def graphql(d: Described) -> dict[str, Any]:
    """As the Admin API gives it for our own query."""

    def bag(minor: int) -> dict[str, Any]:
        return {
            "shopMoney": {"amount": amount(minor, d.shop), "currencyCode": d.shop},
            "presentmentMoney": {"amount": amount(minor * RATE, d.buyer), "currencyCode": d.buyer},
        }

    def taxes(minor: int, liable: bool | None) -> list[dict[str, Any]]:
        return [{"title": "VAT", "rate": Decimal("0.2"), "channelLiable": liable, "priceSet": bag(minor)}]

    def allocations(parts: tuple[Part, ...]) -> list[dict[str, Any]]:
        return [
            {"allocatedAmountSet": bag(p.amount), "discountApplication": {"index": p.application}}
            for p in parts
        ]

    def gid(kind: str, number: int) -> str:
        return f"gid://shopify/{kind}/{number}"

    def line(one: Line) -> dict[str, Any]:
        variant = {"legacyResourceId": str(one.variant_id), "inventoryItem": {"tracked": one.tracked}}
        return {
            "id": gid("LineItem", one.line_id),
            "sku": one.sku,
            "title": one.title,
            "variantTitle": one.variant_title,
            "quantity": one.quantity,
            "currentQuantity": one.current,
            "requiresShipping": one.requires_shipping,
            "isGiftCard": one.gift_card,
            "originalUnitPriceSet": bag(one.price),
            "discountAllocations": allocations(one.parts),
            "taxLines": taxes(one.tax, one.liable) if one.tax else [],
            "customAttributes": [{"key": name, "value": value} for name, value in one.properties],
            "variant": variant if one.variant_id else None,
            "product": {"legacyResourceId": str(one.product_id)} if one.product_id else None,
            "lineItemGroup": {"id": gid("LineItemGroup", one.group), "title": "Gift set"}
            if one.group
            else None,
        }

    def units(parts: list[tuple[Line, int]]) -> dict[str, Any]:
        return {
            "nodes": [{"quantity": n, "lineItem": {"id": gid("LineItem", one.line_id)}} for one, n in parts]
        }

    shipped = [(one, one.shipped) for one in d.lines if one.shipped]
    back = given_back(d)
    node = {
        "id": gid("Order", d.order_id),
        "legacyResourceId": str(d.order_id),
        "name": "#1001",
        "createdAt": "2026-06-01T08:00:00Z",
        "updatedAt": "2026-06-02T08:00:00Z",
        "cancelledAt": d.cancelled_at,
        "cancelReason": "CUSTOMER" if d.cancelled_at else None,
        "closedAt": d.closed_at,
        "currencyCode": d.shop,
        "presentmentCurrencyCode": d.buyer,
        "taxesIncluded": d.taxes_included,
        "dutiesIncluded": False,
        "displayFinancialStatus": d.status.upper(),
        "sourceName": d.source,
        "test": d.test,
        "note": d.note,
        "tags": list(d.tags),
        "email": "ada@shop.example",
        "phone": None,
        "customerLocale": "de-DE",
        "paymentGatewayNames": list(d.gateways),
        "customAttributes": [{"key": name, "value": value} for name, value in d.attributes],
        "customer": None
        if d.guest
        else {"legacyResourceId": str(2**53 + 7), "firstName": "Ada", "lastName": "Byron"},
        "shippingAddress": {
            "name": "Ada Byron",
            "address1": "Gasse 1",
            "city": "Wien",
            "province": None,
            "provinceCode": None,
            "zip": "1010",
            "countryCodeV2": "AT",
            "phone": "+43 1 5550100",
        },
        "billingAddress": None,
        "totalPriceSet": bag(d.total),
        "totalDiscountsSet": bag(d.discount),
        "totalShippingPriceSet": bag(d.shipping),
        "totalTaxSet": bag(d.tax),
        "totalTipReceivedSet": bag(d.tip),
        "originalTotalDutiesSet": None if d.duty is None else bag(d.duty),
        "originalTotalAdditionalFeesSet": None if d.fee is None else bag(d.fee),
        "totalCashRoundingAdjustment": {"paymentSet": bag(0)},
        "taxLines": taxes(d.tax, None) if d.tax else [],
        "lineItems": {"nodes": [line(one) for one in d.lines]},
        "discountApplications": {
            "nodes": [
                {"index": 0, "value": {"__typename": "MoneyV2"}, "code": "SUMMER"},
                {"index": 1, "value": {"__typename": "PricingPercentageValue"}, "title": "Loyal"},
            ]
        },
        "shippingLines": {
            "nodes": [
                {
                    "title": "Post",
                    "code": "post",
                    "source": "shopify",
                    "carrierIdentifier": None,
                    "originalPriceSet": bag(d.shipping),
                    "discountedPriceSet": bag(
                        d.shipping - (d.shipping_part.amount if d.shipping_part else 0)
                    ),
                    "discountAllocations": allocations((d.shipping_part,) if d.shipping_part else ()),
                }
            ]
        },
        "fulfillments": [
            {
                "id": gid("Fulfillment", 9001),
                "status": "SUCCESS",
                "createdAt": "2026-06-02T07:00:00Z",
                "location": {"legacyResourceId": str(LOCATION)},
                "trackingInfo": [{"company": d.tracking[0], "number": d.tracking[1], "url": None}]
                if d.tracking
                else [],
                "fulfillmentLineItems": units(shipped),
            }
        ]
        if shipped
        else [],
        "refunds": [
            {
                "id": gid("Refund", 8001),
                "createdAt": "2026-06-02T07:30:00Z",
                "note": "sorry",
                "totalRefundedSet": bag(back),
                "refundLineItems": {
                    "nodes": [
                        {
                            "quantity": count,
                            "restockType": kind.upper(),
                            "lineItem": {"id": gid("LineItem", one.line_id)},
                        }
                        for one, count, kind in d.refunded
                    ]
                },
            }
        ]
        if d.refunded
        else [],
    }
    if d.failed_shipment:
        lines = units([(d.lines[0], d.lines[0].quantity)])
        shipments = [*node["fulfillments"], {"id": gid("Fulfillment", 9002), "status": "FAILURE"}]
        shipments[-1]["fulfillmentLineItems"] = lines
        node["fulfillments"] = shipments
    return node
