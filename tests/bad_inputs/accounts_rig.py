"""A merchant with an account at every channel and carrier there is, whose deliveries a test writes byte by byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from core.flow import decode
from core.hub import Hub
from core.store import connections, deliveries
from core.store.deliveries import Incoming
from core.usecases.drain import Drained, drain

SETTINGS = {
    "shopify": {"shop": "a.myshopify.com", "shop_id": "7"},
    "woocommerce": {"base_url": "https://a.example"},
    "easypost": {},
}
TOPICS = {"shopify": "orders/updated", "woocommerce": "order.updated", "easypost": "callback"}


@dataclass
class Accounts:
    """*linked* are the connections by channel."""

    hub: Hub
    admin: asyncpg.Connection[asyncpg.Record]
    merchant_id: int = 0
    linked: dict[str, int] = field(default_factory=dict)

    async def open(self) -> None:
        now = self.hub.clock()
        async with self.hub.database.transaction([]) as tx:
            self.merchant_id = await connections.add_merchant(tx, "Mia", self.hub.settings.inbound, now)
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            for channel, settings in SETTINGS.items():
                self.linked[channel] = await connections.add_connection(
                    tx, merchant_id=self.merchant_id, channel=channel, name=channel, account=channel,
                    settings=settings, token=f"token-{channel}", stock_since=now, now=now,
                )  # fmt: skip
                for secret in self.hub.registry[channel].manifest.credentials:
                    assert self.hub.settings.outbound is not None
                    await connections.put_credential(
                        tx, self.merchant_id, self.linked[channel], secret, "outbound", "s3cret", self.hub.settings.outbound
                    )  # fmt: skip

    async def store(
        self, channel: str, *bodies: bytes, topic: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Store *bodies* as the edge does."""
        where, topic = self.linked[channel], topic or TOPICS[channel]
        account = await self.hub.account(self.merchant_id, where)
        batch = []
        for body in bodies:
            key = deliveries.dedupe_key(where, topic, body)
            sealed = account.box.seal(body, deliveries.body_owner(where, key))
            batch.append(
                Incoming(
                    self.merchant_id,
                    where,
                    topic,
                    "webhook",
                    key,
                    sealed,
                    dict(headers or {}),
                    self.hub.clock(),
                )
            )
        async with self.hub.database.transaction([self.merchant_id]) as tx:
            await deliveries.add(tx, batch)

    async def drain(self) -> Drained:
        """Drain until nothing is left; returns what all of it did."""
        done = Drained()
        while (part := await drain(self.hub)).claimed:
            done.claimed += part.claimed
            done.failed += part.failed
            done.applied.add(part.applied)
        return done

    async def reasons(self) -> list[tuple[str, str]]:
        """Code and message of the first reason of each parked delivery, oldest first."""
        rows = await self.admin.fetch("SELECT reasons FROM parked ORDER BY delivery_id")
        first: list[dict[str, Any]] = [decode(row["reasons"].encode())[0] for row in rows]
        return [(reason["code"], reason["message"]) for reason in first]

    async def count(self, table: str) -> int:
        found: int = await self.admin.fetchval(f"SELECT count(*) FROM {table}")
        return found
