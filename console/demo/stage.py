"""What a story is played on: a hub, the world around it, and how long to wait for either. Plays nothing itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from console.demo.shops import Shops
from core.errors import FairwayError
from core.hub import Hub
from core.store import demo_books
from core.store.database import RETRYABLE

INSIST_S = 240.0  # how long somebody at a desk tries again while the database is away

T = TypeVar("T")
Tell = Callable[[str, float], None]  # what happens now, and how much of it is done (0 ... 1)


@dataclass(slots=True)
class Stage:
    """A running hub and a running world.

    *door* is where webhooks arrive, *urls* where the hub finds both shops and the carrier (`Shops.urls` names them),
    *parcels* begins every tracking number, *patience_s* is how long the hub may take to come to rest. *tokens* are the
    secret parts of webhook addresses, with their connections.
    """

    hub: Hub
    shops: Shops
    door: str
    urls: tuple[str, str, str]
    parcels: str
    patience_s: float
    merchant_id: int = 0
    connection_ids: tuple[int, int] = (0, 0)
    tokens: dict[str, int] = field(default_factory=dict)

    @property
    def connections(self) -> dict[str, int]:
        """The two shops' connections by channel."""
        return dict(zip(("shopify", "woocommerce"), self.connection_ids, strict=True))

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The two shops' connections as (merchant, connection)."""
        return [(self.merchant_id, connection_id) for connection_id in self.connection_ids]

    async def rest(self, patience_s: float | None = None) -> None:
        """Wait until the hub has nothing left to do."""

        async def resting() -> bool:
            async with self.hub.database.transaction([self.merchant_id]) as tx:
                return await demo_books.at_rest(tx)

        await until(resting, "the hub to come to rest", patience_s or self.patience_s)


async def insist(work: Callable[[], Awaitable[T]]) -> T:
    """Do *work* until it is done, as a person at a desk does while the database is away."""
    end = time.monotonic() + INSIST_S
    while True:
        try:
            return await work()
        except RETRYABLE:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.1)


async def until(true: Callable[[], Awaitable[bool]], what: str, patience_s: float) -> None:
    """Look ten times a second, as an observer may; raises `FairwayError` when it takes too long."""
    end = time.monotonic() + patience_s
    while not await insist(true):
        if time.monotonic() > end:
            raise FairwayError(
                f"Waited {patience_s:.0f} s for {what}.",
                fix="See worker.log in the story's directory (--keep).",
            )
        await asyncio.sleep(0.1)
