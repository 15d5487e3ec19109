"""Variants that several make at once are made in one order: nobody waits in a circle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
import pytest

from core.hub import Hub
from core.store import listings
from core.store.database import Connection

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SKUS = [f"MUG-{number:03}" for number in range(200)]


async def put(tx: Connection, merchant_id: int) -> None:
    await listings.put_variants(tx, merchant_id, SKUS)


async def match(tx: Connection, merchant_id: int) -> None:
    rows = [(7, f"item {sku}", sku, 1) for sku in reversed(SKUS)]
    await listings.match_by_hand(tx, merchant_id, rows, NOW)


@pytest.mark.parametrize("make", [put, match])
async def test_making_variants_waits_at_the_first_sku_before_it_holds_a_later_one(
    make: Callable[[Connection, int], Awaitable[None]],
    make_hub: Callable[..., Awaitable[Hub]],
    fresh: str,
) -> None:
    admin = await asyncpg.connect(fresh)
    await admin.execute("INSERT INTO merchants VALUES (1, 'm1', 'key', now())")
    await admin.close()
    hub = await make_hub()

    async def make_all() -> None:
        async with hub.database.transaction([1]) as tx:
            await make(tx, 1)

    async with hub.database.transaction([1]) as first:
        await listings.put_variants(first, 1, SKUS[:1])
        other = asyncio.create_task(make_all())
        while not await first.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            await asyncio.sleep(0.01)
        await listings.put_variants(first, 1, SKUS[1:])
    await other

    async with hub.database.transaction([1]) as tx:
        assert sorted(await listings.put_variants(tx, 1, SKUS)) == SKUS
