"""What went wrong elsewhere, played against the hub: a merchant with two shops, and the checker at the end of each test."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

sys.path += [str(Path(__file__).parents[1] / name) for name in ("usecases", "e2e")]

from incidents_rig import IncidentRig, with_bazaar
from loop_rig import Loop, open_loop


@pytest.fixture
async def market(
    fresh: str, make_hub: Callable[..., Any], clock: Any, registry: dict[str, Any]
) -> AsyncIterator[IncidentRig]:
    """A merchant with an own shop and a marketplace, whose payloads the test writes."""
    admin = await asyncpg.connect(fresh)
    hub = await make_hub()
    hub.registry = with_bazaar(registry)
    made = IncidentRig(hub, clock, admin)
    await made.open()
    yield made
    assert await made.violations() == {}
    await admin.close()


@pytest.fixture
async def loop(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[Loop]:
    """Two simulated shops with ten mugs and four teas between them, linked and told; everything over HTTP."""
    async with open_loop(await make_hub(), fresh, seed=11) as made:
        clock.forward(seconds=1)
        yield made
        assert await made.running.violations() == {}
