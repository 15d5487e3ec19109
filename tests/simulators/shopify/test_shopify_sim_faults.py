"""Calls that are answered late, not at all, or refused; and the token that comes back."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from shopify_sim_rig import SHIP, TOKEN, fulfillment_orders, group

from simulators.faults import NO_FAULTS, CallFaults
from simulators.shopify import ShopifySimulator


async def ask(url: str, query: str, variables: dict[str, Any] | None = None) -> tuple[int, bytes]:
    headers, body = {"X-Shopify-Access-Token": TOKEN}, {"query": query, "variables": variables}
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.read()


async def test_a_parcel_whose_answer_was_lost_is_shipped(shop: ShopifySimulator, graphql_url: str) -> None:
    order = shop.checkout([("MUG", 2)])
    assert order is not None
    [one] = fulfillment_orders(shop, order)
    part = {"lineItemsByFulfillmentOrder": [group(one, 1)], "trackingInfo": {"number": "1"}}
    shop.call_faults = CallFaults(lost_replies=1.0)

    with pytest.raises(aiohttp.ClientError):
        await ask(graphql_url, SHIP, {"fulfillment": part})
    shop.call_faults = NO_FAULTS
    status, _ = await ask(graphql_url, SHIP, {"fulfillment": part})

    assert status == 200
    assert [row.tracking_number for row in shop.books.shipped] == ["1", "1"]


async def test_a_refused_call_does_nothing(shop: ShopifySimulator, graphql_url: str) -> None:
    shop.call_faults = CallFaults(refused=1.0)

    status, _ = await ask(graphql_url, "{ shop { name } }")

    assert status == 503
    assert not shop.books.calls


async def test_a_restored_token_is_the_old_one(shop: ShopifySimulator, graphql_url: str) -> None:
    shop.revoke_token()
    revoked, _ = await ask(graphql_url, "{ shop { name } }")
    shop.restore_token()
    restored, _ = await ask(graphql_url, "{ shop { name } }")

    assert (revoked, restored) == (401, 200)
