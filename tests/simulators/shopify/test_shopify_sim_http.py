"""Over HTTP: the token, the points a query costs, and errors as Shopify words them."""

from __future__ import annotations

from typing import Any

import aiohttp
from shopify_sim_rig import ORDERS, TOKEN, Clock, Hub

from simulators.courier import Courier
from simulators.shopify import ShopifySimulator

MANY = """{ orders(first: 250) { nodes { lineItems(first: 250) { nodes {
    variant { product { variants(first: 250) { nodes { id } } } } } } } } }"""


async def ask(url: str, body: Any, token: str = TOKEN) -> tuple[int, dict[str, Any]]:
    headers = {"X-Shopify-Access-Token": token}
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_a_query_is_answered_with_its_cost(shop: ShopifySimulator, graphql_url: str) -> None:
    status, answer = await ask(graphql_url, {"query": ORDERS, "variables": {"first": 100}})

    assert status == 200
    assert answer["data"]["orders"]["nodes"] == []
    assert answer["extensions"]["cost"] == {
        "requestedQueryCost": 12,
        "actualQueryCost": 2,
        "throttleStatus": {"maximumAvailable": 2000, "currentlyAvailable": 1998, "restoreRate": 100},
    }
    assert shop.books.calls == {"orders": 1}


async def test_a_wrong_or_revoked_token_opens_nothing(shop: ShopifySimulator, graphql_url: str) -> None:
    wrong = await ask(graphql_url, {"query": "{ shop { name } }"}, token="guess")
    shop.revoke_token()
    revoked = await ask(graphql_url, {"query": "{ shop { name } }"})

    message = "[API] Invalid API key or access token (unrecognized login or wrong password)"
    assert wrong == revoked == (401, {"errors": message})
    assert not shop.books.calls


async def test_a_body_without_a_query_is_a_bad_request(graphql_url: str) -> None:
    status, _ = await ask(graphql_url, {"mutation": "{ shop { name } }"})

    assert status == 400


def test_an_unknown_field_is_an_error_with_status_200(shop: ShopifySimulator) -> None:
    answer = shop.answer("{ shop { nickname } }")

    assert "data" not in answer
    assert "'nickname'" in answer["errors"][0]["message"]


def test_an_empty_bucket_throttles_until_it_fills_again(shop: ShopifySimulator, clock: Clock) -> None:
    orders = " ".join(f"o{n}: orders(first: 225) {{ nodes {{ customer {{ id }} }} }}" for n in range(28))
    query = f"{{ {orders} }}"
    for _ in range(20):
        shop.checkout([("VOUCHER", 1)])

    first = shop.answer(query)
    throttled = next(answer for _ in range(20) if "errors" in (answer := shop.answer(query)))
    clock.pass_seconds(20)
    later = shop.answer(query)

    assert "errors" not in first
    assert throttled["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert throttled["errors"][0]["message"] == "Throttled"
    assert throttled["extensions"]["cost"]["actualQueryCost"] is None
    assert "errors" not in later
    assert shop.books.throttled == 1


def test_a_query_that_asks_for_too_much_is_never_run(shop: ShopifySimulator) -> None:
    answer = shop.answer(MANY)

    assert answer["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
    assert not shop.books.calls


async def test_webhooks_are_subscribed_to_by_mutation(
    shop: ShopifySimulator, hub: Hub, courier: Courier
) -> None:
    create = """mutation($topic: WebhookSubscriptionTopic!, $uri: String!) {
        webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri}) {
          webhookSubscription { id topic uri } userErrors { field message } } }"""
    asked = {"topic": "ORDERS_CREATE", "uri": f"{hub.url}/orders/create"}

    made = shop.answer(create, asked)["data"]["webhookSubscriptionCreate"]
    again = shop.answer(create, asked)["data"]["webhookSubscriptionCreate"]
    listed = shop.answer("{ webhookSubscriptions(first: 5) { nodes { id topic uri } } }")
    shop.checkout([("MUG", 1)])
    await courier.settled()

    assert made["userErrors"] == []
    assert again["userErrors"][0]["message"] == "Address for this topic has already been taken"
    assert listed["data"]["webhookSubscriptions"]["nodes"] == [made["webhookSubscription"]]
    assert shop.subscriptions == {"orders/create": f"{hub.url}/orders/create"}
    assert [headers["X-Shopify-Topic"] for headers, _ in hub.received] == ["orders/create"]


def test_a_subscription_can_be_moved_and_removed(shop: ShopifySimulator) -> None:
    shop.subscribe("refunds/create", "https://old.example/hook")
    [known] = shop.answer("{ webhookSubscriptions(first: 5) { nodes { id } } }")["data"][
        "webhookSubscriptions"
    ]["nodes"]

    shop.answer(
        """mutation($id: ID!) { webhookSubscriptionUpdate(id: $id,
        webhookSubscription: {uri: "https://new.example/hook"}) { userErrors { message } } }""",
        known,
    )
    moved = dict(shop.subscriptions)
    removed = shop.answer(
        "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId } }", known
    )

    assert moved == {"refunds/create": "https://new.example/hook"}
    assert removed["data"]["webhookSubscriptionDelete"]["deletedWebhookSubscriptionId"] == known["id"]
    assert shop.subscriptions == {}


def test_shipping_costs_what_real_stores_charge(shop: ShopifySimulator) -> None:
    made = "{ fulfillment { id trackingInfo { number } } userErrors { message } }"
    tracking = '(fulfillmentId: "gid://shopify/Fulfillment/1", trackingInfoInput: {number: "1"})'

    tracked = shop.answer(f"mutation {{ fulfillmentTrackingInfoUpdate{tracking} {made} }}")
    cancelled = shop.answer(f'mutation {{ fulfillmentCancel(id: "gid://shopify/Fulfillment/1") {made} }}')

    assert [answer["extensions"]["cost"]["requestedQueryCost"] for answer in (tracked, cancelled)] == [51, 11]
