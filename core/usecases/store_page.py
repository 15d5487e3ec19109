"""Stores items we looked up ourselves as deliveries, so that they go the same way as webhooks."""

from __future__ import annotations

from datetime import datetime

from core.connector import Page
from core.hub import Account
from core.store import deliveries
from core.store.database import Connection
from core.store.deliveries import Incoming


async def store_page(tx: Connection, account: Account, page: Page, via: str, now: datetime) -> int:
    """Add the items of *page*; returns how many were new. *via* is "pull" or "fetch".

    What a fetch shows is news even if the same bytes came before: an order can be there, gone, and there again.
    """
    linked = account.linked
    batch = []
    for body in page.items:
        news = f"{page.topic} {now.isoformat()}" if via == "fetch" else page.topic
        key = deliveries.dedupe_key(linked.connection_id, news, body)
        batch.append(
            Incoming(
                merchant_id=linked.merchant_id,
                connection_id=linked.connection_id,
                topic=page.topic,
                via=via,
                dedupe_key=key,
                sealed=account.box.seal(body, deliveries.body_owner(linked.connection_id, key)),
                headers={},
                received_at=now,
            )
        )
    return await deliveries.add(tx, batch) if batch else 0
