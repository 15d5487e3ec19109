"""A webhook that fails is sent again as it was, and a subscription of the app's own is lost after eight failures."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest
from shopify_sim_rig import CLIENT_SECRET, DOMAIN, TOKEN, Clock, Hub

from simulators.courier import Courier
from simulators.shopify import ShopifySimulator
from simulators.shopify.announcements import RETRY_AFTER_S

CREATE = """mutation($topic: WebhookSubscriptionTopic!, $uri: String!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri}) { userErrors { message } } }"""


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    courier = Courier(random.Random(1), in_flight=1)
    yield courier
    await courier.close()


def open_shop(courier: Courier, clock: Clock, tries: int) -> ShopifySimulator:
    """Sends a webhook that fails *tries* times more, right away."""
    shop = ShopifySimulator(
        shop=DOMAIN,
        access_token=TOKEN,
        client_secret=CLIENT_SECRET,
        seed=7,
        courier=courier,
        now=clock,
        retry_after_s=(0.0,) * tries,
    )
    shop.add_variant(sku="MUG", title="Mug", price="12.50", quantity=50)
    return shop


def subscribe_by_api(shop: ShopifySimulator, hub: Hub) -> None:
    answer = shop.answer(CREATE, {"topic": "ORDERS_CREATE", "uri": f"{hub.url}/orders/create"})
    assert answer["data"]["webhookSubscriptionCreate"]["userErrors"] == []


def test_eight_more_tries_are_made_in_four_hours_at_growing_distances() -> None:
    assert len(RETRY_AFTER_S) == 8
    assert sum(RETRY_AFTER_S) == pytest.approx(4 * 3600)
    assert sorted(set(RETRY_AFTER_S)) == list(RETRY_AFTER_S)


async def test_a_failed_webhook_is_sent_again_as_it_was(courier: Courier, clock: Clock, hub: Hub) -> None:
    shop = open_shop(courier, clock, tries=3)
    shop.subscribe("orders/create", f"{hub.url}/orders/create")
    hub.status = 503

    order = shop.checkout([("MUG", 1)])
    assert order is not None
    before = shop.webhook_payload(order)
    clock.pass_seconds(60)
    shop.cancel(order.key)
    await courier.settled()

    assert len(hub.received) == 4
    assert {body for _, body in hub.received} == {before}
    for name in ("X-Shopify-Webhook-Id", "X-Shopify-Event-Id", "X-Shopify-Triggered-At"):
        assert len({headers[name] for headers, _ in hub.received}) == 1


async def test_a_webhook_that_arrived_is_not_sent_again(courier: Courier, clock: Clock, hub: Hub) -> None:
    shop = open_shop(courier, clock, tries=3)
    shop.subscribe("orders/create", f"{hub.url}/orders/create")

    shop.checkout([("MUG", 1)])
    await courier.settled()

    assert len(hub.received) == 1


async def test_a_subscription_made_by_the_api_is_removed_after_eight_failures(
    courier: Courier, clock: Clock, hub: Hub
) -> None:
    shop = open_shop(courier, clock, tries=6)
    subscribe_by_api(shop, hub)
    hub.failures = [500] * 8

    shop.checkout([("MUG", 1)])
    await courier.settled()
    after_seven = dict(shop.subscriptions)
    shop.checkout([("MUG", 1)])
    await courier.settled()
    after_eight = dict(shop.subscriptions)
    hub.received.clear()
    shop.checkout([("MUG", 1)])
    await courier.settled()

    assert set(after_seven) == {"orders/create"}
    assert after_eight == {}
    assert hub.received == []


async def test_one_success_starts_the_count_again(courier: Courier, clock: Clock, hub: Hub) -> None:
    shop = open_shop(courier, clock, tries=6)
    subscribe_by_api(shop, hub)

    for status in (500, 200, 500):
        hub.status = status
        shop.checkout([("MUG", 1)])
        await courier.settled()

    assert set(shop.subscriptions) == {"orders/create"}


async def test_one_made_by_hand_stays(courier: Courier, clock: Clock, hub: Hub) -> None:
    shop = open_shop(courier, clock, tries=8)
    shop.subscribe("orders/create", f"{hub.url}/orders/create")
    hub.status = 500

    for _ in range(3):
        shop.checkout([("MUG", 1)])
    await courier.settled()

    assert len(hub.received) == 27
    assert set(shop.subscriptions) == {"orders/create"}


async def test_failures_of_a_removed_subscription_do_not_count_for_its_successor(
    courier: Courier, clock: Clock, hub: Hub
) -> None:
    shop = open_shop(courier, clock, tries=6)
    subscribe_by_api(shop, hub)
    hub.status = 500
    shop.checkout([("MUG", 1)])
    [known] = shop.answer("{ webhookSubscriptions(first: 5) { nodes { id } } }")["data"][
        "webhookSubscriptions"
    ]["nodes"]
    shop.answer("mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { userErrors { field } } }", known)
    subscribe_by_api(shop, hub)

    await courier.settled()
    shop.checkout([("MUG", 1)])
    await courier.settled()

    assert len(hub.received) == 14
    assert set(shop.subscriptions) == {"orders/create"}
