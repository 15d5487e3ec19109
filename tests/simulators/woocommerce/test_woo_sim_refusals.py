"""The shop refuses as the real store did when it was recorded: same status, same words, same headers."""

from __future__ import annotations

from typing import Any, NamedTuple

import aiohttp
import pytest
from woo_sim_recordings import decoded, exchanges, named, needs_recordings
from woo_sim_rig import HTTPS, KEY, SECRET, Rest

from simulators.woocommerce import WooCommerceSimulator

pytestmark = needs_recordings


class Refused(NamedTuple):
    """Exchange *number* of recording *name*, and what the simulated shop is asked instead."""

    name: str
    number: int
    method: str
    path: str
    body: Any


REFUSALS = [
    Refused("rest-errors-and-auth", 23, "GET", "orders/99999999", None),
    Refused("rest-errors-and-auth", 25, "GET", "nothing", None),
    Refused("rest-errors-and-auth", 27, "PUT", "orders/99999999", {"status": "completed"}),
    Refused("rest-errors-and-auth", 28, "DELETE", "orders/99999999", None),
    Refused("rest-errors-and-auth", 33, "PUT", "orders/{order}", {"status": "shipped"}),
    Refused("rest-errors-and-auth", 34, "PUT", "orders/{order}", {"billing": {"email": "not-an-email"}}),
    Refused("rest-errors-and-auth", 36, "POST", "orders", {"line_items": "x"}),
    Refused("rest-errors-and-auth", 37, "PUT", "orders/{order}", {"customer_id": 999999}),
    Refused(
        "rest-errors-and-auth", 38, "PUT", "orders/{order}", {"line_items": [{"id": 424242, "quantity": 1}]}
    ),
    Refused("rest-orders-list-paging", 3, "GET", "orders?per_page=101", None),
    Refused("rest-orders-list-paging", 5, "GET", "orders?page=0", None),
    Refused("rest-orders-modified-after", 11, "GET", "orders?modified_after=yesterday", None),
    Refused("rest-stock-writes", 3, "PUT", "products/{mug}", {"stock_quantity": 44.5}),
    Refused("rest-stock-writes", 6, "PUT", "products/{mug}", {"stock_quantity": "abc"}),
    Refused("rest-stock-writes", 13, "PUT", "products/{variation}", {"stock_quantity": 9}),
    Refused("rest-stock-writes", 20, "PUT", "products/999999", {"stock_quantity": 1}),
    Refused("rest-batch", 2, "POST", "products/batch", {"update": [{"id": 11}] * 101}),
    Refused("order-notes", 9, "POST", "orders/{order}/notes", {}),
    Refused(
        "webhook-register-and-ping",
        26,
        "POST",
        "webhooks",
        {"topic": "order.published", "delivery_url": "http://x"},
    ),
    Refused("webhook-register-and-ping", 27, "POST", "webhooks", {"topic": "order.created"}),
]


@pytest.mark.parametrize("asked", REFUSALS, ids=lambda asked: f"{asked.name}-{asked.number}")
async def test_a_refusal_reads_like_the_real_one(
    shop: WooCommerceSimulator, rest: Rest, asked: Refused
) -> None:
    order = shop.checkout([("MUG", 1)])
    assert order is not None
    where = asked.path.format(
        order=order.order_id,
        mug=shop.catalogue.find("MUG").product_id,
        variation=shop.catalogue.find("SHIRT-S").product_id,
    )
    recorded = exchanges(asked.name)[asked.number]["response"]

    status, answer, headers = await rest(asked.method, where, asked.body)

    assert (status, answer) == (recorded["status"], decoded(recorded["body"]))
    assert named(headers) == named(dict(recorded["headers"]))


async def test_strangers_and_wrong_secrets_are_told_what_the_real_store_tells(address: str) -> None:
    wrong = {"Authorization": aiohttp.encode_basic_auth(KEY, "cs_wrong")}
    unknown = {"Authorization": aiohttp.encode_basic_auth("ck_unknown", SECRET)}
    asked = {
        0: HTTPS,
        1: {},
        2: {"Authorization": aiohttp.encode_basic_auth(KEY, SECRET)},
        3: HTTPS | wrong,
        4: HTTPS | unknown,
    }
    recorded = exchanges("rest-errors-and-auth")

    async with aiohttp.ClientSession() as session:
        for number, headers in asked.items():
            async with session.get(f"{address}/wp-json/wc/v3/orders", headers=headers) as answer:
                seen = (answer.status, await answer.json())

            assert seen == (401, decoded(recorded[number]["response"]["body"])), number


async def test_broken_json_reads_like_the_real_refusal(address: str) -> None:
    recorded = exchanges("rest-errors-and-auth")[31]["response"]
    headers = HTTPS | {
        "Authorization": aiohttp.encode_basic_auth(KEY, SECRET),
        "Content-Type": "application/json",
    }

    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{address}/wp-json/wc/v3/orders", headers=headers, data=b'{"status": ') as answer,
    ):
        seen = await answer.json()

    assert seen == decoded(recorded["body"])
