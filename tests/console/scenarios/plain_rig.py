"""A real hub over one or two plain marketplaces that are asked in memory: time stands still while something is done."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from console.scenarios.plain import Plain, plain_manifest
from core.connector import Connector, Delivery
from core.errors import ChannelError, ErrorCode
from core.flow import Response
from core.hub import Hub
from core.store import connections, deliveries, schedule
from core.store.deliveries import Incoming
from core.store.verify import verify
from core.usecases.count_stock import Counted, count_stock
from core.usecases.link_account import link_account
from jobs.work import Worker
from simulators.plain import PlainShop, Semantics
from simulators.plain.api import answer

SECRET = "hook"


def connector_for(slug: str, semantics: Semantics, **facts: Any) -> Plain:
    """The connector whose manifest says of a marketplace what is true."""
    return Plain(
        plain_manifest(
            slug,
            zero=semantics.zero,
            lowers_stock_at=semantics.lowers_at,
            counts_own_unshipped=semantics.counts_unshipped,
            compare_and_set=semantics.compares,
            stock_batch=semantics.batch,
            stock_locations=len(semantics.locations) > 1,
            **facts,
        )
    )


@dataclass
class Market:
    """*lost* is the share of answers that never come, half of them before anything happened."""

    shops: dict[str, PlainShop]
    luck: random.Random = field(default_factory=lambda: random.Random(7))
    lost: float = 0.0

    async def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        parts = urlsplit(url)
        shop = self.shops[parts.hostname or ""]
        fate = self.luck.random()
        if fate < self.lost / 2:
            raise ChannelError(ErrorCode.TIMEOUT, "the call was lost")
        query = dict(parse_qsl(parts.query))
        status, content = answer(
            shop, method, parts.path, query, headers.get("Authorization", ""), body or b""
        )
        if fate < self.lost:
            raise ChannelError(ErrorCode.TIMEOUT, "the answer was lost")
        return Response(status, {"content-type": "application/json"}, content)


@dataclass
class PlainRig:
    """*connections* by the marketplace's name."""

    hub: Hub
    clock: Any
    market: Market
    merchant_id: int = 0
    connections: dict[str, int] = field(default_factory=dict)

    async def link(self, name: str, **settings: str) -> None:
        shop = self.market.shops[name]
        link = await link_account(
            self.hub, merchant="plain", channel=name, name=name,
            settings={"base_url": f"http://{name}", **settings},
            credentials={"token": shop.token, "webhook_secret": SECRET},
        )  # fmt: skip
        self.merchant_id = link.merchant_id
        self.connections[name] = link.connection_id

    async def begin(self, counts: dict[str, int]) -> None:
        """The shelves are counted, the catalogues read, and every marketplace may be told."""
        await count_stock(
            self.hub, self.merchant_id, [Counted(sku, n) for sku, n in counts.items()], cause="count"
        )
        await self.work()
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            for connection_id in self.connections.values():
                await connections.switch_push(tx, self.merchant_id, connection_id, on=True)
                await connections.switch_fulfillments(tx, self.merchant_id, connection_id, on=True)
        await self.ring("push", "pull")
        await self.work()

    async def count(self, sku: str, on_hand: int) -> None:
        self.clock.forward(seconds=1)
        await count_stock(self.hub, self.merchant_id, [Counted(sku, on_hand)], cause="restock")

    async def ring(self, *kinds: str) -> None:
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            for kind in kinds:
                pairs = [(self.merchant_id, one) for one in self.connections.values()]
                await schedule.ring(tx, kind, pairs, self.hub.clock())

    async def hear(self) -> None:
        """Webhooks that have left by now are stored, as the edge does."""
        for name, shop in self.market.shops.items():
            if name not in self.connections:
                continue
            account = await self.hub.account(self.merchant_id, self.connections[name])
            batch = []
            for body, headers in shop.webhooks_due(self.clock()):
                refused = account.connector.verify(Delivery("order", headers, body), [SECRET], self.clock())
                assert refused is None
                key = deliveries.dedupe_key(account.linked.connection_id, "order", body)
                sealed = account.box.seal(body, deliveries.body_owner(account.linked.connection_id, key))
                where = (self.merchant_id, account.linked.connection_id)
                batch.append(Incoming(*where, "order", "webhook", key, sealed, {}, self.clock()))
            if batch:
                async with self.hub.database.transaction([self.merchant_id]) as tx:
                    await deliveries.add(tx, batch)

    async def work(self, looks: int = 3) -> None:
        worker = Worker(self.hub)
        for _ in range(looks):
            await worker.look()
            # On a busy machine a run may be a slow one, and the clock goes on only when it is over.
            await self.hub.settled()

    async def rest(self, minutes: int = 20) -> None:
        """Time passes, nothing more happens at the marketplaces, and nothing is lost any more."""
        self.market.lost = 0.0
        for minute in range(minutes):
            self.clock.now += timedelta(minutes=1)
            await self.hear()
            if minute % 6 == 0:
                await self.ring("pull", "push")
            await self.work(1)

    async def violations(self) -> dict[str, int]:
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            found: dict[str, int] = (await verify(tx, at_rest=True, now=self.clock()))["violations"]
            return found

    async def level(self, sku: str) -> Any:
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            return await tx.fetchrow(
                """SELECT ll.*, l.channel_item_id FROM listing_levels ll JOIN listings l USING (merchant_id, listing_id)
                   WHERE l.sku = $1""",
                sku,
            )

    async def free(self, sku: str) -> int:
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            return int(
                await tx.fetchval(
                    """SELECT sum(on_hand - reserved)::int FROM stock JOIN variants USING (merchant_id, variant_id)
                       WHERE sku = $1""",
                    sku,
                )
            )


Registry = dict[str, Connector]
