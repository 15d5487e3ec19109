"""The vendor's own Python client drives the shop over HTTP: an independent reading of the same API."""

from __future__ import annotations

import asyncio
import json
import urllib.error
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from shopify_sim_rig import SET_QUANTITIES, SHIP, TOKEN, Hub, fulfillment_orders, group

from simulators.courier import Courier
from simulators.serving import serve
from simulators.shopify import ShopifySimulator, SimOrder

shopify = pytest.importorskip("shopify", reason="the vendor's client (PyPI: ShopifyAPI) is not installed")

Ask = Callable[..., Awaitable[dict[str, Any]]]

OPEN_ORDERS = """
query OpenOrders($after: String) {
  orders(first: 2, after: $after, sortKey: CREATED_AT, query: "fulfillment_status:unfulfilled") {
    edges { cursor node { id name lineItems(first: 5) { edges { node { sku quantity } } } } }
    pageInfo { hasNextPage endCursor }
  }
}"""


@pytest.fixture
async def ask(shop: ShopifySimulator) -> AsyncIterator[Ask]:
    """Has the client execute a document. It blocks, and keeps its session by thread, so it gets one of its own.

    The client makes an address of a shop's name, the domain of all shops and a port: here "127" of "0.0.1".
    """
    served = await serve(shop.app())
    session_class = shopify.Session
    before = {name: getattr(session_class, name) for name in ("protocol", "myshopify_domain", "port")}
    session_class.setup(protocol="http", myshopify_domain="0.0.1", port=urlsplit(served.url).port)

    def execute(document: str, variables: dict[str, Any] | None, token: str, operation: str | None) -> Any:
        session = session_class("127", "2026-07", token)
        assert session.site == f"{served.url}/admin/api/2026-07"
        shopify.ShopifyResource.activate_session(session)
        try:
            return shopify.GraphQL().execute(document, variables, operation)
        finally:
            shopify.ShopifyResource.clear_session()

    async def in_a_thread(
        document: str,
        variables: dict[str, Any] | None = None,
        token: str = TOKEN,
        operation: str | None = None,
    ) -> dict[str, Any]:
        answer = json.JSONDecoder().decode(
            await asyncio.to_thread(execute, document, variables, token, operation)
        )
        assert "errors" not in answer, answer
        return dict(answer["data"])

    yield in_a_thread
    session_class.setup(**before)
    await served.close()


def sold(shop: ShopifySimulator, *basket: tuple[str, int]) -> SimOrder:
    order = shop.checkout(basket)
    assert order is not None
    return order


async def test_it_reads_orders_page_by_page(shop: ShopifySimulator, ask: Ask) -> None:
    orders = [sold(shop, ("LAMP", number)) for number in range(1, 6)]
    shop.fulfill(orders[0].key)

    seen, after = [], None
    while True:
        page = (await ask(OPEN_ORDERS, {"after": after}))["orders"]
        seen += [edge["node"]["name"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]

    assert seen == [order.name for order in orders[1:]]
    assert page["edges"][-1]["node"]["lineItems"]["edges"] == [{"node": {"sku": "LAMP", "quantity": 5}}]


async def test_it_ships_an_order_in_two_parcels(shop: ShopifySimulator, ask: Ask) -> None:
    order = sold(shop, ("MUG", 2), ("LAMP", 1))
    [one] = fulfillment_orders(shop, order)

    first = await ask(
        SHIP,
        {
            "fulfillment": {
                "lineItemsByFulfillmentOrder": [group(one, 1)],
                "trackingInfo": {"company": "UPS", "number": "1Z1"},
            }
        },
    )
    second = await ask(
        SHIP,
        {
            "fulfillment": {
                "lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": one["id"]}],
                "trackingInfo": {"company": "UPS", "number": "1Z2"},
                "notifyCustomer": False,
            }
        },
    )
    third = await ask(SHIP, {"fulfillment": {"lineItemsByFulfillmentOrder": [group(one)]}})

    parcels = [answer["fulfillmentCreate"]["fulfillment"] for answer in (first, second, third)]
    assert [
        [line["quantity"] for line in parcel["fulfillmentLineItems"]["nodes"]] for parcel in parcels[:2]
    ] == [[1], [1, 1]]
    assert parcels[2] is None
    assert third["fulfillmentCreate"]["userErrors"][0]["message"].endswith("unfulfillable status= closed.")
    assert order.fulfillment_status == "fulfilled"
    assert [row.tracking_number for row in shop.books.shipped] == ["1Z1", "1Z2"]


async def test_it_corrects_follows_and_cancels_a_parcel(shop: ShopifySimulator, ask: Ask) -> None:
    order = sold(shop, ("MUG", 1))
    made = shop.fulfill(order.key)
    document = """
      mutation Correct($id: ID!) { fulfillmentTrackingInfoUpdate(fulfillmentId: $id,
        trackingInfoInput: {company: "DPD", number: "42"}) {
          fulfillment { trackingInfo { number } } userErrors { message } } }
      mutation Follow($id: ID!) { fulfillmentEventCreate(fulfillmentEvent: {fulfillmentId: $id,
        status: OUT_FOR_DELIVERY, happenedAt: "2026-11-24T08:00:00+01:00"}) {
          fulfillmentEvent { happenedAt } userErrors { message } } }
      mutation Cancel($id: ID!) { fulfillmentCancel(id: $id) {
        fulfillment { displayStatus events(first: 5) { nodes { status } } } userErrors { message } } }"""
    variables = {"id": f"gid://shopify/Fulfillment/{made.fulfillment_id}"}

    corrected, followed, cancelled = [
        await ask(document, variables, operation=operation) for operation in ("Correct", "Follow", "Cancel")
    ]

    assert corrected["fulfillmentTrackingInfoUpdate"]["fulfillment"]["trackingInfo"] == [{"number": "42"}]
    assert followed["fulfillmentEventCreate"]["fulfillmentEvent"] == {"happenedAt": "2026-11-24T07:00:00Z"}
    assert cancelled["fulfillmentCancel"]["fulfillment"] == {
        "displayStatus": "CANCELED",
        "events": {"nodes": [{"status": "OUT_FOR_DELIVERY"}]},
    }
    assert [row.text for row in shop.books.noted] == ["OUT_FOR_DELIVERY 2026-11-24T07:00:00Z"]
    assert order.fulfillment_status is None


async def test_it_sets_stock_once_per_key(shop: ShopifySimulator, ask: Ask) -> None:
    found = await ask('{ inventoryItems(first: 1, query: "sku:LAMP") { nodes { id } } }')
    quantity = {
        "inventoryItemId": found["inventoryItems"]["nodes"][0]["id"],
        "locationId": f"gid://shopify/Location/{shop.location_id}",
        "quantity": 40,
        "changeFromQuantity": 50,
    }
    asked = {"input": {"name": "available", "reason": "correction", "quantities": [quantity]}, "key": "k-1"}

    first, again = await ask(SET_QUANTITIES, asked), await ask(SET_QUANTITIES, asked)
    stale = await ask(SET_QUANTITIES, asked | {"key": "k-2"})

    assert first == again
    assert first["inventorySetQuantities"]["userErrors"] == []
    assert stale["inventorySetQuantities"]["userErrors"][0]["code"] == "CHANGE_FROM_QUANTITY_STALE"
    assert shop.available("LAMP") == 40
    assert [write.accepted for write in shop.books.stock_writes] == [True, False]


async def test_it_subscribes_moves_lists_and_unsubscribes(
    shop: ShopifySimulator, courier: Courier, ask: Ask, hub: Hub
) -> None:
    create = """mutation($topic: WebhookSubscriptionTopic!, $to: WebhookSubscriptionInput!) {
      webhookSubscriptionCreate(topic: $topic, webhookSubscription: $to) {
        webhookSubscription { id uri } userErrors { field message } } }"""
    update = """mutation($id: ID!, $to: WebhookSubscriptionInput!) {
      webhookSubscriptionUpdate(id: $id, webhookSubscription: $to) { webhookSubscription { uri } } }"""
    delete = "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId } }"
    listing = "{ webhookSubscriptions(first: 10, topics: [FULFILLMENTS_CREATE]) { nodes { id topic uri } } }"

    made = (
        await ask(
            create, {"topic": "FULFILLMENTS_CREATE", "to": {"uri": "https://old.example/", "format": "JSON"}}
        )
    )["webhookSubscriptionCreate"]["webhookSubscription"]
    await ask(update, {"id": made["id"], "to": {"uri": f"{hub.url}/new"}})
    listed = await ask(listing)
    shop.fulfill(sold(shop, ("MUG", 1)).key)
    await courier.settled()
    await ask(delete, {"id": made["id"]})
    empty = await ask(listing)

    assert listed["webhookSubscriptions"]["nodes"] == [
        {"id": made["id"], "topic": "FULFILLMENTS_CREATE", "uri": f"{hub.url}/new"}
    ]
    assert [headers["X-Shopify-Topic"] for headers, _ in hub.received] == ["fulfillments/create"]
    assert empty["webhookSubscriptions"]["nodes"] == []


async def test_a_wrong_token_is_refused(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        await ask("{ shop { name } }", token="guess")

    assert refused.value.code == 401
    assert "Invalid API key or access token" in capsys.readouterr().out  # the client prints it
