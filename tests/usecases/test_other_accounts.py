"""A rightly signed body of another account, and fields that no mapping knows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg

from core.hub import Hub
from core.store import connections, deliveries
from core.store.deliveries import Incoming
from core.usecases.drain import drain

Make = Callable[..., Awaitable[Hub]]


def payload(order_id: int, shop_id: int, **more: object) -> dict[str, object]:
    return {
        "id": order_id,
        "name": f"#{order_id}",
        "created_at": "2026-11-24T12:00:00Z",
        "updated_at": "2026-11-24T12:00:00Z",
        "currency": "EUR",
        "total_price": "10.00",
        "financial_status": "paid",
        "order_status_url": f"https://some.shop/{shop_id}/orders/abc/authenticate?key=1",
        "line_items": [{"id": 1, "quantity": 1, "price": "10.00", "sku": "MUG", "title": "Mug"}],
        **more,
    }


async def deliver(hub: Hub, *bodies: dict[str, object]) -> None:
    """Store *bodies* as webhooks of a Shopify shop whose number is 7."""
    now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    async with hub.database.transaction([]) as tx:
        merchant_id = await connections.add_merchant(tx, "A", hub.settings.inbound, now)
    async with hub.database.transaction([merchant_id]) as tx:
        connection_id = await connections.add_connection(
            tx, merchant_id=merchant_id, channel="shopify", name="shop", account="a.myshopify.com",
            settings={"shop": "a.myshopify.com", "shop_id": "7"}, token="t", stock_since=now, now=now,
        )  # fmt: skip
        box = await connections.data_key(tx, merchant_id, hub.settings.inbound)
        batch = []
        for body in bodies:
            raw = json.dumps(body).encode()
            key = deliveries.dedupe_key(connection_id, "orders/create", raw)
            sealed = box.seal(raw, deliveries.body_owner(connection_id, key))
            batch.append(
                Incoming(merchant_id, connection_id, "orders/create", "webhook", key, sealed, {}, now)
            )
        await deliveries.add(tx, batch)


async def test_37_a_body_of_another_shop_is_parked_though_its_signature_is_right(
    make_hub: Make, fresh: str
) -> None:
    hub = await make_hub()
    await deliver(hub, payload(1, shop_id=8), payload(2, shop_id=7))

    await drain(hub)

    admin = await asyncpg.connect(fresh)
    assert await admin.fetch("SELECT channel_order_id FROM orders") == [("2",)]
    assert '"tenant_mismatch"' in await admin.fetchval("SELECT reasons::text FROM parked")
    await admin.close()


async def test_a_new_field_is_counted_with_a_sample_and_holds_nothing(make_hub: Make, fresh: str) -> None:
    hub = await make_hub()
    await deliver(hub, *(payload(number, shop_id=7, brand_new_field=number) for number in range(1, 101)))

    await drain(hub)

    admin = await asyncpg.connect(fresh)
    seen = await admin.fetch("SELECT path, seen FROM unread_fields")
    held = await admin.fetchval("SELECT count(*) FROM orders WHERE holds::text LIKE '%brand_new%'")
    await admin.close()
    assert [tuple(row) for row in seen] == [("brand_new_field", 2)]
    assert held == 0
