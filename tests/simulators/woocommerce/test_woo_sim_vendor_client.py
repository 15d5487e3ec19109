"""The vendor's own Python client drives the shop: an independent reading of the same API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from woo_sim_rig import HOOK_SECRET, KEY, SECRET, Hub

from simulators.courier import Courier
from simulators.serving import serve
from simulators.woocommerce import WooCommerceSimulator

woocommerce = pytest.importorskip(
    "woocommerce", reason="the vendor's client (PyPI: woocommerce) is not installed"
)


@pytest.fixture
def shop(courier: Courier) -> WooCommerceSimulator:
    """On real time, since the client stamps its signatures with it."""
    shop = WooCommerceSimulator(
        consumer_key=KEY,
        consumer_secret=SECRET,
        webhook_secret=HOOK_SECRET,
        seed=7,
        courier=courier,
        now=lambda: datetime.fromtimestamp(time.time(), UTC),
    )
    for number in range(3):
        shop.add_product(sku=f"SKU-{number}", name=f"Item {number}", price="10.00", quantity=10)
    return shop


@pytest.fixture
async def client(shop: WooCommerceSimulator) -> AsyncIterator[Any]:
    served = await serve(shop.app())
    yield woocommerce.API(
        url=served.url, consumer_key=KEY, consumer_secret=SECRET, wp_api=True, version="wc/v3"
    )
    await served.close()


async def ask(call: Callable[..., Any], *args: Any, **params: Any) -> Any:
    """Off the loop, which serves the answer; the client signs by the second, so its nonces must not meet."""
    return await asyncio.to_thread(call, *args, **params)


async def test_it_lists_orders(shop: WooCommerceSimulator, client: Any) -> None:
    for _ in range(3):
        shop.checkout([("SKU-0", 1)])

    answer = await ask(client.get, "orders", params={"per_page": 2, "orderby": "id", "order": "asc"})

    assert answer.status_code == 200
    assert [order["id"] for order in answer.json()] == list(shop.orders)[:2]
    assert answer.headers["X-WP-Total"] == "3"
    assert "next" in answer.links


async def test_it_polls_what_changed(shop: WooCommerceSimulator, client: Any) -> None:
    order = shop.checkout([("SKU-0", 1)])
    assert order is not None
    params = {
        "modified_after": "2020-01-01T00:00:00",
        "dates_are_gmt": "true",
        "status": "processing,completed",
    }

    answer = await ask(client.get, "orders", params=params)

    assert [found["id"] for found in answer.json()] == [order.order_id]


async def test_it_creates_and_completes_an_order(shop: WooCommerceSimulator, client: Any) -> None:
    product = shop.catalogue.find("SKU-1").product_id
    body = {
        "payment_method": "bacs",
        "set_paid": True,
        "billing": {"first_name": "Jörg", "email": "joerg@example.com"},
        "line_items": [{"product_id": product, "quantity": 2}],
    }

    created = await ask(client.post, "orders", body)
    path = f"orders/{created.json()['id']}"
    completed = await ask(client.put, path, {"status": "completed"})
    read = await ask(client.get, path)
    note = await ask(client.post, f"{path}/notes", {"note": "Shipped", "customer_note": True})

    assert (created.status_code, created.json()["status"]) == (201, "processing")
    assert read.json() == completed.json()
    assert read.json()["billing"]["first_name"] == "Jörg"
    assert note.status_code == 201
    assert shop.catalogue.find("SKU-1").stock_quantity == 8


async def test_it_writes_stock_in_a_batch(shop: WooCommerceSimulator, client: Any) -> None:
    ids = [shop.catalogue.find(f"SKU-{number}").product_id for number in range(3)]
    update = [{"id": number, "stock_quantity": count} for count, number in enumerate(ids)]

    answer = await ask(client.post, "products/batch", {"update": [*update, {"id": 1, "stock_quantity": 1}]})

    assert answer.status_code == 200
    assert [item.get("stock_quantity") for item in answer.json()["update"]] == [0, 1, 2, None]
    assert [shop.catalogue.products[number].stock_quantity for number in ids] == [0, 1, 2]


async def test_it_sets_up_and_removes_a_webhook(
    shop: WooCommerceSimulator, courier: Courier, client: Any, hub: Hub
) -> None:
    body = {"name": "n", "topic": "order.created", "delivery_url": hub.url, "secret": "s"}

    created = await ask(client.post, "webhooks", body)
    shop.checkout([("SKU-0", 1)])
    await courier.settled()
    listed = await ask(client.get, "webhooks")
    deleted = await ask(client.delete, f"webhooks/{created.json()['id']}", params={"force": True})

    assert hub.topics() == ["ping", "order.created"]
    assert [hook["id"] for hook in listed.json()] == [created.json()["id"]]
    assert deleted.status_code == 200
    assert shop.hooks.hooks == {}


async def test_it_writes_reads_and_deletes_notes(shop: WooCommerceSimulator, client: Any) -> None:
    order = shop.checkout([("SKU-0", 1)])
    assert order is not None
    path = f"orders/{order.order_id}/notes"

    made = await ask(client.post, path, {"note": "Shipped with DPD", "customer_note": True})
    listed = await ask(client.get, path)
    read = await ask(client.get, f"{path}/{made.json()['id']}")
    deleted = await ask(client.delete, f"{path}/{made.json()['id']}", params={"force": True})
    empty = await ask(client.get, path)

    assert (made.status_code, deleted.status_code) == (201, 200)
    assert listed.json() == [made.json()] == [read.json()]
    assert empty.json() == []


async def test_a_status_it_sets_is_announced_and_a_dead_hub_is_switched_off_and_on(
    shop: WooCommerceSimulator, courier: Courier, client: Any, hub: Hub
) -> None:
    order = shop.checkout([("SKU-0", 1)])
    assert order is not None
    body = {"topic": "order.updated", "delivery_url": hub.url, "secret": "s"}
    path = f"webhooks/{(await ask(client.post, 'webhooks', body)).json()['id']}"
    hub.status = 503

    for status in ["completed", "processing"] * 4:
        await ask(client.put, f"orders/{order.order_id}", {"status": status})
        await courier.settled()
    off = await ask(client.get, path)
    on = await ask(client.put, path, {"status": "active"})

    assert hub.topics() == ["ping", *["order.updated"] * 7]
    assert (off.json()["status"], on.json()["status"]) == ("disabled", "active")


async def test_it_adds_a_tracking_where_the_extension_is_installed(
    shop: WooCommerceSimulator, client: Any
) -> None:
    order = shop.checkout([("SKU-0", 1)])
    assert order is not None
    path, body = f"orders/{order.order_id}/shipment-trackings", {"tracking_number": "7"}

    without = await ask(client.post, path, body)
    shop.shipment_tracking = True
    made = await ask(client.post, path, body | {"tracking_provider": "Hermes"})

    assert (without.status_code, without.json()["code"]) == (404, "rest_no_route")
    assert (made.status_code, made.json()["tracking_provider"]) == (201, "Hermes")


async def test_a_revoked_key_is_refused(shop: WooCommerceSimulator, client: Any) -> None:
    shop.revoke_key()

    answer = await ask(client.get, "orders")

    assert (answer.status_code, answer.json()["message"]) == (401, "Consumer key is invalid.")


async def test_a_wrong_secret_is_refused(client: Any) -> None:
    client.consumer_secret = "wrong"

    answer = await ask(client.get, "orders")

    assert answer.status_code == 401
    assert answer.json()["message"] == "Invalid signature - provided signature does not match."
