"""A merchant with two WooCommerce shops on a real database; the shops are played in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg

from core.errors import ChannelError
from core.flow import Response, decode, encode
from core.hub import Hub
from core.model.inventory import ListingSeen, LiveLevel
from core.store import connections, deliveries, listings, schedule
from core.store.deliveries import Incoming
from core.store.verify import verify
from core.usecases.count_stock import Counted, count_stock
from core.usecases.drain import Drained, drain
from core.usecases.fill_shortages import fill_shortages
from core.usecases.lease import run_due
from core.usecases.push_stock import next_push, push_stock
from core.usecases.relevel import relevel

MUG, TEA = "MUG-B", "TEA-9"
ITEMS = {MUG: 34, TEA: 35}


def order(
    number: int,
    *lines: tuple[str, int],
    changed: datetime | None,
    placed: datetime,
    status: str = "processing",
    **more: Any,
) -> dict[str, Any]:
    """A WooCommerce order as its webhooks and lists carry it; lines are (SKU, quantity)."""
    items = [
        {
            "id": 71 + index,
            "name": f"Thing {sku}",
            "product_id": ITEMS.get(sku, 99),
            "variation_id": 0,
            "quantity": quantity,
            "sku": sku,
            "subtotal": f"{quantity * 10}.00",
            "total": f"{quantity * 10}.00",
            "total_tax": "0.00",
            "price": 10,
            "meta_data": [],
        }
        for index, (sku, quantity) in enumerate(lines)
    ]
    return {
        "id": number,
        "number": f"W-{number}",
        "status": status,
        "currency": "EUR",
        "created_via": "checkout",
        "prices_include_tax": True,
        "date_created_gmt": gmt(placed),
        "date_modified_gmt": gmt(changed) if changed else None,
        "date_paid_gmt": gmt(placed),
        "date_completed_gmt": gmt(changed) if status == "completed" and changed else None,
        "discount_total": "0.00",
        "shipping_total": "0.00",
        "total_tax": "0.00",
        "total": f"{sum(quantity * 10 for _, quantity in lines)}.00",
        "customer_id": 0,
        "customer_note": "",
        "payment_method": "stripe",
        "payment_method_title": "Card",
        "transaction_id": "",
        "billing": _ADDRESS | {"email": "mia@example.org"},
        "shipping": _ADDRESS,
        "line_items": items,
        "shipping_lines": [],
        "tax_lines": [],
        "coupon_lines": [],
        "fee_lines": [],
        "refunds": [],
        "meta_data": [],
        **more,
    }


_ADDRESS = {
    "first_name": "Mia",
    "last_name": "Sommer",
    "address_1": "Hauptstr. 3",
    "city": "Bonn",
    "country": "DE",
}


def gmt(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S")


@dataclass
class Shop:
    """The stock side of a WooCommerce shop: counts and SKUs by product id. *answer* and *lose* make it misbehave."""

    counts: dict[int, int]
    status: int = 200
    lose: int = 0  # so many answers to writes are lost after the write took place
    writes: list[dict[int, int]] = field(default_factory=list)
    sell_before_read: dict[int, int] = field(default_factory=dict)
    sell_before_write: dict[int, int] = field(default_factory=dict)
    skus: dict[int, str] = field(default_factory=lambda: {item: sku for sku, item in ITEMS.items()})
    pages: list[int] = field(default_factory=list)  # of everything that were read
    fails_at: int = 0  # the page that gets no answer

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        if self.status != 200:
            refusal = {"code": "woocommerce_rest_authentication_error", "message": "Invalid signature"}
            return self._answer(self.status, refusal)
        if method == "GET":
            for item, units in self.sell_before_read.items():
                self.counts[item] -= units
            self.sell_before_read.clear()
            query = parse_qs(urlsplit(url).query)
            if "include" not in query:
                return self._answer(200, self._page(int(query["page"][0]), int(query["per_page"][0])))
            asked = query["include"][0].split(",")
            return self._answer(200, [self._row(int(item)) for item in asked if int(item) in self.counts])
        for item, units in self.sell_before_write.items():
            self.counts[item] -= units
        self.sell_before_write.clear()
        update = {row["id"]: row["stock_quantity"] for row in decode(body or b"")["update"]}
        self.counts.update(update)
        self.writes.append(update)
        if self.lose:
            self.lose -= 1
            raise ChannelError("timeout", "the answer never came")  # type: ignore[arg-type]
        return self._answer(200, {"update": [self._row(item) for item in update]})

    def _page(self, page: int, size: int) -> list[dict[str, Any]]:
        self.pages.append(page)
        if page == self.fails_at:
            raise ChannelError("timeout", "the answer never came")  # type: ignore[arg-type]
        return [self._row(item) for item in sorted(self.counts)[(page - 1) * size : page * size]]

    def _row(self, item: int) -> dict[str, Any]:
        sku = self.skus.get(item, "")
        counted = {"manage_stock": True, "stock_quantity": self.counts[item]}
        return {"id": item, "type": "simple", "sku": sku, **counted}

    @staticmethod
    def _answer(status: int, value: Any) -> Response:
        return Response(status, {"content-type": "application/json"}, encode(value))


@dataclass
class Rig:
    """What a test holds in its hands. *first* and *second* are two shops of one merchant."""

    hub: Hub
    clock: Any
    admin: asyncpg.Connection[asyncpg.Record]
    merchant_id: int = 0
    first: int = 0
    second: int = 0
    carrier: int = 0
    opened_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.opened_at = self.clock()

    async def open(self, name: str = "Mia") -> None:
        async with self.hub.database.transaction([]) as tx:
            self.merchant_id = await connections.add_merchant(
                tx, name, self.hub.settings.inbound, self.clock()
            )
        self.first = await self._link(f"{name}-one")
        self.second = await self._link(f"{name}-two")

    async def _link(self, name: str) -> int:
        outbound = self.hub.settings.outbound
        assert outbound is not None
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            connection_id = await connections.add_connection(
                tx,
                merchant_id=self.merchant_id,
                channel="woocommerce",
                name=name,
                account=f"https://{name}.example",
                settings={"base_url": f"https://{name}.example"},
                token=f"token-{name}",
                stock_since=self.clock() - timedelta(days=1),
                now=self.clock(),
            )
            for secret in ("consumer_key", "consumer_secret"):
                await connections.put_credential(
                    tx, self.merchant_id, connection_id, secret, "outbound", "s3cret", outbound
                )
            seen = [
                ListingSeen(
                    channel_item_id=str(item),
                    channel_stock_id=str(item),
                    sku=sku,
                    title=sku,
                    levels=(LiveLevel(quantity=0),),
                )
                for sku, item in ITEMS.items()
            ]
            await listings.put_listings(tx, self.merchant_id, connection_id, seen, self.clock())
            await listings.match_by_sku(tx, self.merchant_id, connection_id)
            shelf = await listings.default_location(tx, self.merchant_id)
            await listings.map_location_once(tx, self.merchant_id, connection_id, "", shelf, "Main")
            live = [(item.channel_item_id, "", 0) for item in seen]
            await listings.put_levels(tx, self.merchant_id, connection_id, live, self.clock())
        return connection_id

    async def counted(self, **units: int) -> None:
        """`counted(mug=5)`: the shelf holds that many, which every shop has been told already."""
        skus = {"mug": MUG, "tea": TEA}
        counts = [Counted(skus[name], quantity) for name, quantity in units.items()]
        self.clock.forward(seconds=1)
        await count_stock(self.hub, self.merchant_id, counts, cause="a person")
        await fill_shortages(self.hub)

    async def shops_show(self, sku: str, quantity: int) -> None:
        """The shops show *quantity* and we know it."""
        await relevel(self.hub)
        await self.admin.execute(
            """UPDATE listing_levels ll SET predicted = $2, confirmed = $2, possible = $2, pending = ll.desired <> $2
               FROM listings l WHERE l.listing_id = ll.listing_id AND l.sku = $1""",
            sku,
            quantity,
        )

    def order(self, number: int, *lines: tuple[str, int], minute: int = 0, **more: Any) -> dict[str, Any]:
        """An order placed now, in the state it had *minute* minutes later."""
        start = self.opened_at - timedelta(hours=1)
        changed = more.pop("changed", start + timedelta(minutes=minute))
        return order(number, *lines, changed=changed, placed=more.pop("placed", start), **more)

    async def deliver(
        self,
        *payloads: dict[str, Any],
        connection: int = 0,
        topic: str = "order.updated",
        via: str = "webhook",
    ) -> None:
        """Store payloads as deliveries, as the edge and the pulls do."""
        where = connection or self.first
        account = await self.hub.account(self.merchant_id, where)
        batch = []
        for payload in payloads:
            body = encode(payload)
            key = deliveries.dedupe_key(where, topic, body)
            sealed = account.box.seal(body, deliveries.body_owner(where, key))
            batch.append(Incoming(self.merchant_id, where, topic, via, key, sealed, {}, self.clock()))
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            await deliveries.add(tx, batch)

    async def drain(self, hub: Hub | None = None) -> Drained:
        """Drain until nothing is left; returns what all of it did."""
        done = Drained()
        while True:
            part = await drain(hub or self.hub)
            done.claimed += part.claimed
            done.failed += part.failed
            done.applied.add(part.applied)
            if not part.claimed:
                return done

    async def switch_push(self, connection: int, *, on: bool = True) -> None:
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            await connections.switch_push(tx, self.merchant_id, connection, on=on)
        self.hub.forget(self.merchant_id, connection)

    async def push(self) -> int:
        """Run what pushes are due; returns how many connections that were."""
        return await run_due(self.hub, "push", push_stock, next_push)

    async def ring_push(self, connection: int) -> None:
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            await schedule.ring(tx, "push", [(self.merchant_id, connection)], self.clock())

    async def stock(self, sku: str = MUG) -> tuple[int, int]:
        """(on hand, reserved)."""
        row = await self.admin.fetchrow(
            """SELECT on_hand, reserved FROM stock JOIN variants USING (merchant_id, variant_id)
               WHERE sku = $1 AND merchant_id = $2""",
            sku,
            self.merchant_id,
        )
        return (row["on_hand"], row["reserved"]) if row else (0, 0)

    async def stored(self, number: int) -> asyncpg.Record:
        """The one stored order of this number."""
        rows = await self.admin.fetch("SELECT * FROM orders WHERE channel_order_id = $1", str(number))
        assert len(rows) == 1
        return rows[0]

    async def holds(self, number: int) -> set[str]:
        return {hold["code"] for hold in decode((await self.stored(number))["holds"].encode())}

    async def level(self, connection: int, sku: str = MUG) -> asyncpg.Record:
        row = await self.admin.fetchrow(
            """SELECT ll.* FROM listing_levels ll JOIN listings l USING (merchant_id, listing_id)
               WHERE ll.connection_id = $1 AND l.sku = $2""",
            connection,
            sku,
        )
        assert row is not None
        return row

    async def violations(self, *, at_rest: bool = False) -> dict[str, int]:
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            found: dict[str, int] = (await verify(tx, at_rest=at_rest, now=self.clock()))["violations"]
            return found
