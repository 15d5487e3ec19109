"""What became of an order in a webhook body: parcels, refunds, payments."""

from __future__ import annotations

from simulators.shopify.amounts import written
from simulators.shopify.goods import contained_tax, gid
from simulators.shopify.parcels import SimFulfillment, SimFulfillmentEvent
from simulators.shopify.payload_parts import address, line, shipping
from simulators.shopify.render import Json, bag, stamp
from simulators.shopify.things import SimOrder, SimRefund, SimTransaction


def fulfillment(made: SimFulfillment, order: SimOrder, currency: str) -> Json:
    numbers = [tracked.number for tracked in made.tracking if tracked.number]
    urls = [tracked.url for tracked in made.tracking if tracked.url]
    return {
        "id": made.fulfillment_id,
        "admin_graphql_api_id": gid("Fulfillment", made.fulfillment_id),
        "created_at": stamp(made.created_at),
        "location_id": made.location.location_id,
        "name": f"{order.name}.{made.number}",
        "order_id": order.order_id,
        "origin_address": {},
        "receipt": {},
        "service": "manual",
        "shipment_status": made.events[-1].status.lower() if made.events else None,
        "status": "cancelled" if made.cancelled else "success",
        "tracking_company": next((tracked.company for tracked in made.tracking), None),
        "tracking_number": next(iter(numbers), None),
        "tracking_numbers": numbers,
        "tracking_url": next(iter(urls), None),
        "tracking_urls": urls,
        "updated_at": stamp(made.updated_at),
        "line_items": [{**line(part.line, currency), "quantity": part.quantity} for part in made.lines],
    }


def fulfillment_payload(made: SimFulfillment, order: SimOrder, currency: str) -> Json:
    """`fulfillments/*` add to the parcel whom it goes to."""
    buyer = order.buyer
    return fulfillment(made, order, currency) | {
        "email": buyer.email if buyer else None,
        "destination": address(buyer) if buyer else None,
    }


def event_payload(event: SimFulfillmentEvent, made: SimFulfillment, order: SimOrder, shop_id: int) -> Json:
    """`fulfillment_events/create`."""
    details = event.details
    return {
        "id": event.event_id,
        "admin_graphql_api_id": gid("FulfillmentEvent", event.event_id),
        "fulfillment_id": made.fulfillment_id,
        "order_id": order.order_id,
        "shop_id": shop_id,
        "status": event.status.lower(),
        "message": details.get("message"),
        "happened_at": stamp(event.happened_at),
        "created_at": stamp(event.created_at),
        "updated_at": stamp(event.created_at),
        "estimated_delivery_at": stamp(event.delivery_at) if event.delivery_at else None,
        **{
            name: details.get(name)
            for name in ("address1", "city", "country", "latitude", "longitude", "province", "zip")
        },
    }


def refund(made: SimRefund, order: SimOrder, currency: str) -> Json:
    """`subtotal` and `total_tax` of its lines are numbers here, unlike every other amount."""
    shipped_back = [
        {
            "id": made.shipping_refund_id,
            "shipping_line": shipping(order, currency)[0],
            "subtotal_amount_set": bag(made.shipping, currency),
            "tax_amount_set": bag(contained_tax(made.shipping), currency),
        }
    ]
    return {
        "id": made.refund_id,
        "admin_graphql_api_id": gid("Refund", made.refund_id),
        "created_at": stamp(made.created_at),
        "note": made.note,
        "order_id": order.order_id,
        "processed_at": stamp(made.created_at),
        "restock": any(part.restock_type != "no_restock" for part in made.lines),
        "total_duties_set": bag(0, currency),
        "user_id": None,
        "order_adjustments": [],
        "transactions": [transaction(paid, order, currency) for paid in made.transactions],
        "refund_line_items": [
            {
                "id": part.refund_line_id,
                "line_item": line(part.line, currency),
                "line_item_id": part.line.line_id,
                "location_id": (
                    None if part.restock_type == "no_restock" else part.line.variant.location.location_id
                ),
                "quantity": part.quantity,
                "restock_type": part.restock_type,
                "subtotal": part.subtotal / 100,
                "subtotal_set": bag(part.subtotal, currency),
                "total_tax": contained_tax(part.subtotal) / 100,
                "total_tax_set": bag(contained_tax(part.subtotal), currency),
            }
            for part in made.lines
        ],
        "duties": [],
        "return": None,
        "refund_shipping_lines": shipped_back if made.shipping else [],
    }


def transaction(paid: SimTransaction, order: SimOrder, currency: str) -> Json:
    return {
        "id": paid.transaction_id,
        "admin_graphql_api_id": gid("OrderTransaction", paid.transaction_id),
        "amount": written(paid.amount),
        "authorization": None,
        "created_at": stamp(paid.created_at),
        "currency": currency,
        "device_id": None,
        "error_code": None,
        "gateway": paid.gateway,
        "kind": paid.kind,
        "location_id": None,
        "message": None,
        "order_id": order.order_id,
        "parent_id": paid.parent_id,
        "payment_id": f"{order.name}.1",
        "processed_at": stamp(paid.created_at),
        "receipt": {},
        "source_name": order.source_name,
        "status": paid.status,
        "test": order.test,
        "user_id": None,
    }
