"""A merchant's deliveries and a worker process over servers of its own: what tests of the bell and of killers share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg

from connectors import discover
from console.home import Home
from console.processes import Process
from core.clock import wall_clock
from core.hub import open_hub
from core.sealing import Keyring
from core.settings import read_settings
from tests.conftest import PASSWORDS, TestClock
from tests.usecases.usecase_rig import Rig

PATIENCE_S = 60.0


@dataclass
class Desk:
    """A merchant's stored deliveries and a worker process that is not started yet."""

    rig: Rig
    worker: Process

    @property
    def admin(self) -> asyncpg.Connection[asyncpg.Record]:
        return self.rig.admin

    async def left(self) -> int:
        found: int = await self.admin.fetchval("SELECT count(*) FROM todo")
        return found

    async def until_left(self, most: int) -> int:
        """Wait until at most *most* deliveries are left to drain; returns how many are."""
        async with asyncio.timeout(PATIENCE_S):
            while (left := await self.left()) > most:
                await asyncio.sleep(0.005)
        return left

    async def until_levelled(self) -> None:
        """Wait until nothing is left to drain and nothing to level: a worker that is stopped earlier leaves it undone."""
        await self.until_left(0)
        async with asyncio.timeout(PATIENCE_S):
            while await self.admin.fetchval("SELECT count(*) FROM dirty"):
                await asyncio.sleep(0.005)


@asynccontextmanager
async def open_desk(admin_url: str, redis_url: str | None, directory: Path) -> AsyncIterator[Desk]:
    home = Home(directory, Keyring.generate("in1"), Keyring.generate("out1"), PASSWORDS)
    found = home.environment(admin_url, redis_url, "fairway_worker")
    admin = await asyncpg.connect(admin_url)
    async with open_hub(read_settings(found), discover(), application="test", pool=2) as hub:
        rig = Rig(hub, TestClock(now=wall_clock() - timedelta(hours=1)), admin)
        hub.clock = rig.clock
        await rig.open()
        # The shops of this rig are made up: nobody is to be asked for their catalogues.
        await admin.execute("UPDATE schedule SET due_at = 'infinity'")
        await rig.counted(mug=1_000_000)
        yield Desk(rig, Process("worker", found, directory / "worker.log"))
    await admin.close()
