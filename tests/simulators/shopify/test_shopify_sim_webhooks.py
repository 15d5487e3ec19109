"""Webhooks carry signed bytes in the REST shape, and say the same as GraphQL."""

from __future__ import annotations

import base64
import hashlib
import hmac
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from shopify_sim_rig import CLIENT_SECRET, DOMAIN, Clock, Hub, read

from simulators.courier import Courier
from simulators.shopify import Discount, ShopifySimulator, SimOrder
from simulators.shopify.amounts import written
from simulators.shopify.values import decimal
from simulators.shopify.webhooks import signature

FIXTURES = Path(__file__).resolve().parents[3].parent / "shared" / "fixtures" / "shopify"

FACTS = """
query($id: ID!) { order(id: $id) {
  id name test sourceName note updatedAt currencyCode taxesIncluded email
  displayFinancialStatus displayFulfillmentStatus cancelReason
  totalPriceSet { shopMoney { amount } } subtotalPriceSet { shopMoney { amount } }
  totalTaxSet { shopMoney { amount } } totalDiscountsSet { shopMoney { amount } }
  totalShippingPriceSet { shopMoney { amount } } currentTotalPriceSet { shopMoney { amount } }
  shippingAddress { name address1 city zip countryCodeV2 }
  lineItems(first: 10) { nodes { id sku quantity currentQuantity unfulfilledQuantity
    originalUnitPriceSet { shopMoney { amount } } variant { id }
    discountAllocations { allocatedAmountSet { shopMoney { amount } } } } }
  fulfillments { id trackingInfo { number company } }
  refunds { id refundLineItems(first: 10) { nodes { quantity restockType } } }
} }"""


def bought(shop: ShopifySimulator) -> SimOrder:
    """An order with a discount, a note and a personalised line."""
    order = shop.checkout(
        [("MUG", 2), ("LAMP", 1)], discount=Discount("TEN", 10), note="Café <3", properties={"Name": "Zoë"}
    )
    assert order is not None
    return order


def test_the_signature_is_the_documented_one() -> None:
    made = signature("hub_test_secret", b'{"id":1001,"name":"#1001"}')

    assert made == "a+tKImxDegr5/PKbJsv8UMLT5SKKra4+HgeRnxQWxkk="


async def test_a_sale_is_posted_signed_to_whoever_subscribed(
    shop: ShopifySimulator, hub: Hub, courier: Courier
) -> None:
    for topic in ("orders/create", "orders/paid", "inventory_levels/update"):
        shop.subscribe(topic, f"{hub.url}/{topic}")

    order = shop.checkout([("MUG", 1)])
    await courier.settled()

    assert order is not None
    arrived = {headers["X-Shopify-Topic"]: (headers, body) for headers, body in hub.received}
    assert set(arrived) == {"orders/create", "orders/paid", "inventory_levels/update"}
    for headers, body in arrived.values():
        expected = base64.b64encode(hmac.new(CLIENT_SECRET.encode(), body, hashlib.sha256).digest())
        assert headers["X-Shopify-Hmac-SHA256"] == expected.decode()
        assert headers["X-Shopify-Shop-Domain"] == DOMAIN
        assert headers["X-Shopify-API-Version"] == "2026-07"
        assert headers["X-Shopify-Webhook-Id"] != headers["X-Shopify-Event-Id"]
        assert headers["X-Shopify-Triggered-At"] == "2026-11-23T17:00:00.000000000Z"
    assert read(arrived["orders/create"][1])["id"] == order.order_id
    assert read(arrived["inventory_levels/update"][1])["available"] == 4


async def test_a_cancellation_tells_all_its_topics(
    shop: ShopifySimulator, hub: Hub, courier: Courier
) -> None:
    topics = ("orders/cancelled", "orders/updated", "refunds/create", "inventory_levels/update")
    order = bought(shop)
    for topic in topics:
        shop.subscribe(topic, f"{hub.url}/{topic}")

    shop.cancel(order.key)
    await courier.settled()

    assert {headers["X-Shopify-Topic"] for headers, _ in hub.received} == set(topics)


async def test_an_edit_is_no_order(shop: ShopifySimulator, hub: Hub, courier: Courier) -> None:
    order = bought(shop)
    shop.subscribe("orders/edited", f"{hub.url}/orders/edited")

    shop.edit(order.key, "MUG", 1)
    await courier.settled()

    [(_, body)] = hub.received
    edit = read(body)["order_edit"]
    assert edit["order_id"] == order.order_id
    assert edit["line_items"] == {"additions": [], "removals": [{"id": order.lines[0].line_id, "delta": 1}]}


def test_the_body_is_utf8_with_slashes_and_markup_escaped(shop: ShopifySimulator) -> None:
    body = shop.webhook_payload(bought(shop))

    assert "Café \\u003c3".encode() in body
    assert b'"gid:\\/\\/shopify\\/Order\\/' in body
    assert b"\\u003cblue\\u003e \\u0026 white" in body
    assert not set(b"<>&") & set(body)


def test_webhook_and_graphql_say_the_same(shop: ShopifySimulator, clock: Clock) -> None:
    order = bought(shop)
    clock.pass_seconds(60)
    shop.refund(order.key, {"MUG": 1}, note="scratched")
    shop.fulfill(order.key, company="DHL", tracking_number="JD014600")

    rest = read(shop.webhook_payload(order))
    node = shop.answer(FACTS, {"id": f"gid://shopify/Order/{order.key}"})["data"]["order"]

    assert node["id"] == rest["admin_graphql_api_id"]
    for graphql_name, rest_name in (
        ("totalPriceSet", "total_price"),
        ("subtotalPriceSet", "subtotal_price"),
        ("totalTaxSet", "total_tax"),
        ("totalDiscountsSet", "total_discounts"),
        ("currentTotalPriceSet", "current_total_price"),
    ):
        assert amount(node[graphql_name]) == Decimal(rest[rest_name]), graphql_name
    assert amount(node["totalShippingPriceSet"]) == Decimal(
        rest["total_shipping_price_set"]["shop_money"]["amount"]
    )
    assert (node["updatedAt"], rest["updated_at"]) == ("2026-11-23T17:01:00Z", "2026-11-23T18:01:00+01:00")
    assert (node["displayFinancialStatus"], rest["financial_status"]) == (
        "PARTIALLY_REFUNDED",
        "partially_refunded",
    )
    assert (node["displayFulfillmentStatus"], rest["fulfillment_status"]) == ("FULFILLED", "fulfilled")
    assert node["note"] == rest["note"]
    assert node["email"] == rest["email"]
    assert node["shippingAddress"]["name"] == rest["shipping_address"]["name"]
    assert node["shippingAddress"]["countryCodeV2"] == rest["shipping_address"]["country_code"]
    for shown, line in zip(node["lineItems"]["nodes"], rest["line_items"], strict=True):
        assert shown["id"] == line["admin_graphql_api_id"]
        assert (shown["sku"], shown["quantity"]) == (line["sku"], line["quantity"])
        assert shown["currentQuantity"] == line["current_quantity"]
        assert shown["unfulfilledQuantity"] == line["fulfillable_quantity"]
        assert shown["variant"]["id"].endswith(f"/{line['variant_id']}")
        assert amount(shown["originalUnitPriceSet"]) == Decimal(line["price"])
        [graphql_discount], [rest_discount] = shown["discountAllocations"], line["discount_allocations"]
        assert amount(graphql_discount["allocatedAmountSet"]) == Decimal(rest_discount["amount"])
    assert node["fulfillments"][0]["trackingInfo"] == [{"number": "JD014600", "company": "DHL"}]
    assert rest["fulfillments"][0]["tracking_number"] == "JD014600"
    assert node["refunds"][0]["refundLineItems"]["nodes"] == [{"quantity": 1, "restockType": "CANCEL"}]
    assert rest["refunds"][0]["refund_line_items"][0]["restock_type"] == "cancel"


def amount(bag: Any) -> Decimal:
    return Decimal(bag["shopMoney"]["amount"])


@pytest.mark.parametrize(
    ("cents", "rest", "graphql"),
    [(1000, "10.00", "10.0"), (1005, "10.05", "10.05"), (70, "0.70", "0.7"), (-490, "-4.90", "-4.9")],
)
def test_rest_writes_two_decimals_and_graphql_as_few_as_it_can(cents: int, rest: str, graphql: str) -> None:
    assert (written(cents), decimal(cents)) == (rest, graphql)


def test_the_amounts_of_a_payload_add_up(shop: ShopifySimulator) -> None:
    rest = read(shop.webhook_payload(bought(shop)))

    lines = sum(Decimal(line["price"]) * line["quantity"] for line in rest["line_items"])
    assert Decimal(rest["total_line_items_price"]) == lines
    assert Decimal(rest["subtotal_price"]) == lines - Decimal(rest["total_discounts"])
    assert Decimal(rest["total_price"]) == Decimal(rest["subtotal_price"]) + Decimal("4.90")
    taxes = [*rest["line_items"], *rest["shipping_lines"]]
    assert Decimal(rest["total_tax"]) == sum(Decimal(one["tax_lines"][0]["price"]) for one in taxes)
    assert rest["total_price_set"]["presentment_money"] == {
        "amount": rest["total_price"],
        "currency_code": "EUR",
    }


def test_the_payload_has_the_fields_of_a_real_one(shop: ShopifySimulator) -> None:
    sample = FIXTURES / "webhook-orders-create-2026-04.json"
    if not sample.exists():
        pytest.skip(f"no sample at {sample}")

    real, ours = read(sample.read_bytes()), read(shop.webhook_payload(bought(shop)))

    assert set(ours) == set(real)
    for part in ("line_items", "shipping_lines"):
        assert set(ours[part][0]) == set(real[part][0])
    for part in ("customer", "shipping_address", "billing_address"):
        assert set(ours[part]) == set(real[part])
