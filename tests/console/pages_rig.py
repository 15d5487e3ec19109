"""The served status pages of a hub, and the shops, orders and troubles that tests put into it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from core.hub import Hub
from core.model.inventory import ListingSeen
from core.store import connections, deliveries, levels, listings, runs, stock
from core.store.database import Database
from core.store.deliveries import Incoming
from core.store.levels import Wanted
from core.store.runs import Ended
from core.store.stock import Entry

SHOP = "Mug & Moss"
PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>"


@dataclass(slots=True)
class Pages:
    """The served pages and the hub behind them."""

    url: str
    hub: Hub
    admin: Database
    merchant: int

    async def get(self, path: str = "", **options: Any) -> tuple[int, str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(options.pop("method", "GET"), self.url + path, **options) as answer,
        ):
            return answer.status, await answer.text(), answer.headers


async def link(pages: Pages, name: str) -> int:
    now = pages.hub.clock()
    async with pages.admin.transaction([pages.merchant]) as tx:
        return await connections.add_connection(
            tx,
            merchant_id=pages.merchant,
            channel="woocommerce",
            name=name,
            account=f"https://{name[:3].lower()}.example",
            settings={},
            token=name,
            stock_since=now - timedelta(days=1),
            now=now,
        )


async def put_stock(pages: Pages, shops: list[int], counts: dict[str, int]) -> None:
    """Both shops list every SKU; the shelf holds *counts*."""
    now = pages.hub.clock()
    async with pages.admin.transaction([pages.merchant]) as tx:
        place = await listings.default_location(tx, pages.merchant)
        for shop in shops:
            await connections.switch_push(tx, pages.merchant, shop, on=True)
            await listings.map_location_once(tx, pages.merchant, shop, "", place, "")
            seen = [listing(sku) for sku in counts]
            await listings.put_listings(tx, pages.merchant, shop, seen, now)
            await listings.match_by_sku(tx, pages.merchant, shop)
            live = [(sku, "", count) for sku, count in counts.items()]
            await listings.put_levels(tx, pages.merchant, shop, live, now)
        ids = await listings.put_variants(tx, pages.merchant, list(counts))
        entries = [
            Entry(pages.merchant, ids[sku], place, count, 0, "count", "first count", f"first:{sku}")
            for sku, count in counts.items()
        ]
        await stock.post(tx, entries, now)


def listing(sku: str) -> ListingSeen:
    return ListingSeen(
        channel_item_id=sku, channel_stock_id=sku, sku=sku, title=f"The {sku.lower()}", tracked=True
    )


def shop_order(
    number: int, sku: str, quantity: int, placed: datetime, title: str = "A thing"
) -> dict[str, Any]:
    """A paid order in the shape the shop documents."""
    when = placed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    person = {
        "first_name": "Mia",
        "last_name": "Sommer",
        "address_1": "Am Markt 9",
        "city": "Bonn",
        "country": "DE",
    }
    total = f"{10 * quantity}.00"
    line = {
        "id": number * 10,
        "name": title,
        "product_id": 1,
        "variation_id": 0,
        "quantity": quantity,
        "sku": sku,
    }
    amounts = {"subtotal": total, "total": total, "total_tax": "0.00", "price": 10, "meta_data": []}
    return {
        "id": number,
        "number": f"W-{number}",
        "status": "processing",
        "currency": "EUR",
        "created_via": "checkout",
        "prices_include_tax": True,
        "date_created_gmt": when,
        "date_modified_gmt": when,
        "date_paid_gmt": when,
        "date_completed_gmt": None,
        "discount_total": "0.00",
        "shipping_total": "0.00",
        "total_tax": "0.00",
        "total": total,
        "billing": person,
        "shipping": person,
        "line_items": [line | amounts],
        "shipping_lines": [],
        "tax_lines": [],
        "coupon_lines": [],
        "fee_lines": [],
        "refunds": [],
        "meta_data": [],
    }


async def deliver(pages: Pages, connection_id: int, body: bytes) -> None:
    account = await pages.hub.account(pages.merchant, connection_id)
    key = deliveries.dedupe_key(connection_id, "order.updated", body)
    now = pages.hub.clock()
    async with pages.admin.transaction([pages.merchant]) as tx:
        await deliveries.add(
            tx,
            [
                Incoming(
                    merchant_id=pages.merchant,
                    connection_id=connection_id,
                    topic="order.updated",
                    via="webhook",
                    dedupe_key=key,
                    sealed=account.box.seal(body, deliveries.body_owner(connection_id, key)),
                    headers={},
                    received_at=now,
                )
            ],
        )
        await deliveries.count_intake(tx, {(pages.merchant, now.replace(second=0, microsecond=0)): (1, 0, 0)})


async def troubles(pages: Pages, shop: int, other: int, now: datetime) -> None:
    """A refused push, a job that fails, credentials that are not accepted."""
    async with pages.admin.transaction([0, pages.merchant]) as tx:
        await connections.set_status(tx, pages.merchant, other, "reauth_required", "Link the account again.")
        wanted = await levels.claim(tx, [Wanted(pages.merchant, shop, 1, 2)], now)
        said = {"message": "The product is locked.", "next_at": now + timedelta(minutes=5)}
        refused = [{**row, **said, "sure": True, "parked": False, "unsure": 0} for row in wanted]
        await levels.refuse(tx, refused, now)
        await tx.execute(
            "UPDATE schedule SET failures = 3, last_error = 'rejected: The product is locked.', due_at = $2"
            " WHERE connection_id = $1 AND kind = 'push'",
            shop,
            now + timedelta(minutes=5),
        )
        begun = await runs.start(tx, "push", [(pages.merchant, shop)], now)
        ended = now + timedelta(milliseconds=420)
        what = {"told": 1, "refused": 2}
        run = Ended(pages.merchant, begun[pages.merchant, shop], now, "failed", what, "rejected")
        await runs.finish(tx, [run], ended)
        await runs.record(tx, 0, "drain", now, ended, detail={"claimed": 8, "applied": 7})
