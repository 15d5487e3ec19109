"""A rig for use cases on a real database; every test ends with the checker finding nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from incidents_rig import IncidentRig, with_bazaar
from usecase_rig import Rig

from core.store import database


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is sent."""
    found: list[str] = []
    prepare = database._prepare

    async def listening(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await prepare(connection)
        connection.add_query_logger(lambda said: found.append(said.query))

    monkeypatch.setattr(database, "_prepare", listening)
    return found


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[Rig]:
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(), clock, admin)
    await made.open()
    yield made
    assert await made.violations() == {}
    await admin.close()


@pytest.fixture
async def market(
    fresh: str, make_hub: Callable[..., Any], clock: Any, registry: dict[str, Any]
) -> AsyncIterator[IncidentRig]:
    """A merchant with an own shop and a marketplace."""
    admin = await asyncpg.connect(fresh)
    hub = await make_hub()
    hub.registry = with_bazaar(registry)
    made = IncidentRig(hub, clock, admin)
    await made.open()
    yield made
    assert await made.violations() == {}
    await admin.close()
