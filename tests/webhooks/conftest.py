"""A running edge over a real PostgreSQL, with a merchant of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from edge_rig import Clock, Edge, Tenants, ring_of_tests, run_edge

from core.store.database import Database


@pytest.fixture(scope="session")
async def admin(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url, size=2, admin=True)
    yield database
    await database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tenants(admin: Database, clock: Clock) -> Tenants:
    return Tenants(admin, ring_of_tests(), clock)


@pytest.fixture
async def edge(tenants: Tenants, role_url: Callable[[str], str], clock: Clock) -> AsyncIterator[Edge]:
    hook = await tenants.link("penny-post")
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        run_edge(tenants, role_url("fairway_web"), clock, hook, session=session) as edge,
    ):
        yield edge
