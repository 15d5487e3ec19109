"""Deliveries, the ping, and webhooks that are switched off."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode

from woo_sim_rig import HOOK_SECRET, Clock, Hub, Rest

from simulators.courier import Courier, Faults
from simulators.woocommerce import SimOrder, WooCommerceSimulator


def bought(shop: WooCommerceSimulator) -> SimOrder:
    order = shop.checkout([("POSTER", 1)])
    assert order is not None
    return order


async def test_a_delivery_is_signed_over_its_raw_ascii_body(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub
) -> None:
    hook = shop.subscribe("order.created", hub.url)

    order = shop.checkout([("MUG", 1)], note="für / gegen", billing={"city": "Köln"})
    await courier.settled()

    assert order is not None
    ((headers, body),) = hub.received
    expected = b64encode(hmac.new(HOOK_SECRET.encode(), body, hashlib.sha256).digest()).decode()
    assert headers["X-WC-Webhook-Signature"] == expected
    assert (headers["X-WC-Webhook-Resource"], headers["X-WC-Webhook-Event"]) == ("order", "created")
    assert headers["X-WC-Webhook-ID"] == str(hook.hook_id)
    assert headers["X-WC-Webhook-Source"] == f"{shop.home_url}/"
    assert b'"customer_note":"f\\u00fcr \\/ gegen"' in body


async def test_a_checkout_announces_the_update_before_the_creation(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub
) -> None:
    for topic in ("order.created", "order.updated", "product.updated"):
        shop.subscribe(topic, hub.url)

    shop.checkout([("MUG", 1), ("SHIRT-S", 1), ("POSTER", 1)])
    await courier.settled()

    assert sorted(hub.topics()) == ["order.created", "order.updated", "product.updated", "product.updated"]
    bodies = [body for headers, body in hub.received if headers["X-WC-Webhook-Resource"] == "order"]
    assert bodies[0] == bodies[1]


async def test_the_order_of_topics_differs_between_checkout_and_rest(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub, rest: Rest
) -> None:
    courier.in_flight = 1
    for topic in ("order.created", "order.updated"):
        shop.subscribe(topic, hub.url)

    bought(shop)
    await courier.settled()
    await rest("POST", "orders", {})
    await courier.settled()

    assert hub.topics() == ["order.updated", "order.created", "order.created", "order.updated"]


async def test_deliveries_of_one_second_share_their_id(
    shop: WooCommerceSimulator, clock: Clock, courier: Courier, hub: Hub
) -> None:
    shop.subscribe("order.created", hub.url)

    bought(shop)
    bought(shop)
    clock.tick()
    bought(shop)
    await courier.settled()

    assert len({headers["X-WC-Webhook-Delivery-ID"] for headers, _ in hub.received}) == 2


async def test_trash_and_restore_are_announced(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub
) -> None:
    order = bought(shop)
    courier.in_flight = 1
    for topic in ("order.deleted", "order.restored", "order.updated"):
        shop.subscribe(topic, hub.url)

    shop.trash(order.order_id)
    shop.restore(order.order_id)
    shop.delete(order.order_id)
    await courier.settled()

    assert hub.topics() == ["order.deleted", "order.restored"]
    assert hub.received[0][1] == f'{{"id":{order.order_id}}}'.encode()


async def test_the_merchant_takes_an_order_out_of_the_trash_silently(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub
) -> None:
    order = bought(shop)
    shop.trash(order.order_id)
    shop.subscribe("order.updated", hub.url)

    shop.set_status(order.order_id, "completed")
    shop.set_status(order.order_id, "processing")
    await courier.settled()

    assert hub.topics() == ["order.updated"]


async def test_a_faulty_courier_brings_copies_with_a_wrong_signature(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub
) -> None:
    courier.faults = Faults(copies=3, bad_signature=1.0)
    shop.subscribe("order.created", hub.url)

    bought(shop)
    await courier.settled()

    (body,) = {body for _, body in hub.received}
    (sent,) = {headers["X-WC-Webhook-Signature"] for headers, _ in hub.received}
    right = b64encode(hmac.new(HOOK_SECRET.encode(), body, hashlib.sha256).digest()).decode()
    assert len(hub.received) == 3
    assert sent != right


async def test_a_trashed_product_is_announced_as_a_coupon_too(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub, rest: Rest
) -> None:
    for topic in ("product.deleted", "coupon.deleted"):
        shop.subscribe(topic, hub.url)
    mug = shop.catalogue.find("MUG").product_id

    await rest("DELETE", f"products/{mug}")
    await courier.settled()

    assert sorted(hub.topics()) == ["coupon.deleted", "product.deleted"]
    assert {body for _, body in hub.received} == {f'{{"id":{mug}}}'.encode()}


async def test_a_new_webhook_is_pinged_unsigned_before_its_creation_is_answered(hub: Hub, rest: Rest) -> None:
    body = {"name": "hub", "topic": "order.created", "delivery_url": hub.url, "secret": "s"}

    status, hook, _ = await rest("POST", "webhooks", body)

    ((headers, ping),) = hub.received
    assert (status, ping) == (201, f"webhook_id={hook['id']}".encode())
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert not [name for name in headers if name.startswith("X-WC")]
    assert not {"secret", "failure_count", "pending_delivery"} & set(hook)


async def test_entities_in_a_secret_are_decoded_before_signing(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub, rest: Rest
) -> None:
    await rest(
        "POST", "webhooks", {"topic": "order.created", "delivery_url": hub.url, "secret": "a&amp;b&quot;ü"}
    )

    bought(shop)
    await courier.settled()

    headers, body = hub.received[-1]
    expected = b64encode(hmac.new('a&b"ü'.encode(), body, hashlib.sha256).digest()).decode()
    assert headers["X-WC-Webhook-Signature"] == expected


async def fail(shop: WooCommerceSimulator, courier: Courier, times: int) -> None:
    for _ in range(times):
        bought(shop)
        await courier.settled()


async def test_the_seventh_failure_in_a_row_switches_off(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub
) -> None:
    hook = shop.subscribe("order.created", hub.url)
    hub.status = 500

    await fail(shop, courier, 6)
    after_six = hook.status
    await fail(shop, courier, 2)

    assert (after_six, hook.status) == ("active", "disabled")
    assert len(hub.received) == 7


async def test_switched_on_again_one_failure_is_enough_and_one_success_forgives(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub, rest: Rest
) -> None:
    hook = shop.subscribe("order.created", hub.url)
    path = f"webhooks/{hook.hook_id}"
    hub.status = 503
    await fail(shop, courier, 7)

    await rest("PUT", path, {"status": "active"})
    await fail(shop, courier, 1)
    _, off, _ = await rest("GET", path)
    await rest("PUT", path, {"status": "active"})
    hub.status = 200
    await fail(shop, courier, 1)
    hub.status = 429
    await fail(shop, courier, 1)
    _, on, _ = await rest("GET", path)

    assert (off["status"], on["status"]) == ("disabled", "active")


async def test_nobody_listening_counts_as_a_failure(shop: WooCommerceSimulator, courier: Courier) -> None:
    hook = shop.subscribe("order.created", "http://127.0.0.1:9/hook")

    await fail(shop, courier, 7)

    assert hook.status == "disabled"


async def test_a_redirect_counts_as_delivered(shop: WooCommerceSimulator, courier: Courier, hub: Hub) -> None:
    hook = shop.subscribe("order.created", hub.url)
    hub.status = 302

    await fail(shop, courier, 8)

    assert (hook.status, hook.failures) == ("active", 0)


async def test_a_failed_ping_is_tried_again_after_each_delivery(
    shop: WooCommerceSimulator, courier: Courier, hub: Hub, rest: Rest
) -> None:
    hub.status = 500
    _, hook, _ = await rest(
        "POST", "webhooks", {"topic": "order.created", "delivery_url": hub.url, "secret": "s"}
    )

    hub.status = 200
    await fail(shop, courier, 1)
    await shop.hooks.pinged()
    await fail(shop, courier, 1)
    await shop.hooks.pinged()

    assert hook["status"] == "active"
    assert hub.topics() == ["ping", "order.created", "ping", "order.created"]


async def test_wrong_webhooks_are_refused(shop: WooCommerceSimulator, hub: Hub, rest: Rest) -> None:
    hook = shop.subscribe("order.created", hub.url)

    no_topic, topic, _ = await rest("POST", "webhooks", {"topic": "order.published", "delivery_url": hub.url})
    no_url, url, _ = await rest("POST", "webhooks", {"topic": "order.created"})
    no_trash, _, _ = await rest("DELETE", f"webhooks/{hook.hook_id}")
    gone, _, _ = await rest("DELETE", f"webhooks/{hook.hook_id}", force="true")

    assert (no_topic, topic["code"]) == (400, "woocommerce_rest_shop_webhook_invalid_topic")
    assert (no_url, url["code"]) == (400, "rest_missing_callback_param")
    assert (no_trash, gone, shop.hooks.hooks) == (501, 200, {})
