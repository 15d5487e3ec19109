"""What the tests of the operator's commands share: a hub with deliveries, a terminal at it, a web process, a worker."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from cli_rig import ROOT, Shell

from core.clock import wall_clock
from core.sealing import Keyring
from core.store import connections
from core.store.database import Database
from core.usecases.drain import drain
from core.wake import Silent
from tests.conftest import as_role, settings_for
from tests.usecases.usecase_rig import Rig
from webhooks.app import POOL_SIZE, create_app
from webhooks.server import listening

INBOUND, OUTBOUND = Keyring.generate("in1"), Keyring.generate("out1")
SECRET = "whsec"


@dataclass
class Desk:
    """A person at a terminal beside the hub of *rig*, whose clock is the wall's."""

    fairway: Shell
    rig: Rig
    url: str

    @property
    def admin(self) -> asyncpg.Connection[Any]:
        return self.rig.admin

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker drains while the block runs, and its session has a worker's name."""
        named = await asyncpg.connect(self.url, server_settings={"application_name": "fairway-worker"})

        async def work() -> None:
            while True:
                if not (await drain(self.rig.hub)).claimed:
                    await asyncio.sleep(0.02)

        task = asyncio.create_task(work())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await named.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """A web process's application; yields its address."""
        settings = settings_for(self.url, role="fairway_web", inbound=Keyring.parse(INBOUND), outbound=None)
        database = await Database.connect(settings.database_url, size=POOL_SIZE, application="fairway-web")

        ring = Silent().ring  # the worker looks by itself
        app = create_app(
            settings, database=database, registry=self.rig.hub.registry, clock=wall_clock, ring=ring
        )
        try:
            async with listening(app, settings) as port:
                yield f"http://127.0.0.1:{port}"
        finally:
            await database.close()

    @asynccontextmanager
    async def listening(self, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """`fairway listen` as a process that has begun to listen; ended by Ctrl-C, cleanly, after the block."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "console.cli", "listen", "--json", *words,
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **self.fairway.variables},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stderr is not None
        assert b"Listening" in await asyncio.wait_for(process.stderr.readline(), 20)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            _, said = await asyncio.wait_for(process.communicate(), 20)
        assert (process.returncode, said) == (0, b"")


async def open_desk(
    fresh: str, make_hub: Callable[..., Any], clock: Any, folder: Path
) -> AsyncIterator[Desk]:
    """A merchant with two shops of which the first has a webhook secret."""
    clock.now = wall_clock()
    hub = await make_hub(inbound=Keyring.parse(INBOUND), outbound=Keyring.parse(OUTBOUND))
    hub.clock = wall_clock
    rig = Rig(hub, clock, await asyncpg.connect(fresh))
    await rig.open()
    async with hub.database.transaction([rig.merchant_id]) as tx:
        await connections.put_credential(
            tx, rig.merchant_id, rig.first, "webhook_secret", "inbound", SECRET, hub.settings.inbound
        )
    variables = {
        "DATABASE_URL": as_role(fresh, "fairway_worker"),
        "FAIRWAY_INBOUND_KEYS": INBOUND,
        "FAIRWAY_OUTBOUND_KEYS": OUTBOUND,
        "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1",
        "FAIRWAY_DIRECTORY": str(folder / "none"),
    }
    yield Desk(Shell(variables), rig, fresh)
    assert await rig.violations() == {}
    await rig.admin.close()
