"""How a typical team keeps stock: one row per SKU, and for each order one UPDATE of it, committed by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

TABLE = "CREATE TABLE IF NOT EXISTS stock (sku text PRIMARY KEY, free integer NOT NULL CHECK (free >= 0))"
FILL = "INSERT INTO stock VALUES ($1, $2) ON CONFLICT (sku) DO UPDATE SET free = excluded.free"
UPDATE = "UPDATE stock SET free = free - 1 WHERE sku = $1 AND free >= 1"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Rows of stock in a database of their own, and the sessions that sell from them."""

    pool: asyncpg.Pool[asyncpg.Record]
    sessions: int

    async def fill(self, sku: str, units: int) -> None:
        await self.pool.execute(FILL, sku, units)

    async def free(self, sku: str) -> int:
        found: int = await self.pool.fetchval("SELECT free FROM stock WHERE sku = $1", sku)
        return found

    async def size(self) -> int:
        """Bytes of the database."""
        found: int = await self.pool.fetchval("SELECT pg_database_size(current_database())")
        return found

    async def sell(self, sku: str, orders: int) -> int:
        """Sell one unit to each of *orders*, by all sessions at once; returns how many had theirs."""
        left = iter(range(orders))

        async def one() -> int:
            sold = 0
            async with self.pool.acquire() as session:
                for _ in left:
                    sold += await session.execute(UPDATE, sku) == "UPDATE 1"
            return sold

        return sum(await asyncio.gather(*(one() for _ in range(self.sessions))))


@asynccontextmanager
async def open_shelf(url: str, sessions: int) -> AsyncIterator[Shelf]:
    """An empty shelf in the database at *url* during the block."""
    async with asyncpg.create_pool(url, min_size=sessions, max_size=sessions) as pool:
        await pool.execute(TABLE)
        yield Shelf(pool, sessions)
