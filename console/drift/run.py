"""The whole simulation, on an empty database."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from console.drift.cases import draw
from console.drift.judge import Judge
from console.drift.story import Story, Tell
from console.drift.world import open_world
from console.home import Home
from console.servers import Servers
from core.settings import Settings, read_settings
from core.store.migrate import migrate


async def run_drift(servers: Servers, home: Home, seed: int, drifts: int, tell: Tell) -> dict[str, Any]:
    """Play on empty *servers*: see `play`."""
    url = servers.endpoints.database_url
    await migrate(url, home.passwords)
    settings = read_settings(home.environment(url, servers.endpoints.redis_url, "fairway_worker"))
    return await play(replace(settings, allow_private_hosts=True), seed, drifts, tell)


async def play(settings: Settings, seed: int, drifts: int, tell: Tell) -> dict[str, Any]:
    """Inject *drifts* of every class and let the hub settle them; what was measured, with "passed". The database that
    *settings* name is migrated and empty.
    """
    begun = time.monotonic()
    plan = draw(seed, drifts)
    stock = [(sku, *shown) for sku, shown in plan.shown.items()]
    async with open_world(settings, seed, stock) as world:
        judge = Judge(plan, world)
        story = Story(plan, world, judge, tell)
        await story.live()
        return await judge.verdict(story.sweeps, time.monotonic() - begun)
