"""A small hub under pressure: one web, two workers, servers of its own, and merchants whose shops send to it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from connectors import discover
from console.chaos.senders import look, send, watch
from console.chaos.tenants import Orders, Sent, Tenant, make_orders, open_tenants
from console.home import Home
from console.processes import Process, keep_running
from console.servers import Servers
from core.errors import FairwayError
from core.hub import Hub, open_hub
from core.settings import read_settings
from core.store import deliveries
from core.wake import Silent
from jobs.wake import RedisWake, open_redis

QUIET = 20  # merchants beside the loud one
SETTLE_S = (
    240.0  # how long what was sent may take to be understood; what kills its worker has a try every 20 s
)
WEB, WORKERS = "web", ("worker 1", "worker 2")

# What the workers make of poison: each time an order of such a number is applied.
ARMED = "drain.moving=raise~POISON-raise,drain.moving=kill~POISON-kill"
LAST_WORDS = b"failpoint drain.moving kill"


@dataclass(slots=True)
class Ground:
    """*sent* is all that was ever sent."""

    hub: Hub
    processes: dict[str, Process]
    orders: Orders
    quiet: list[Tenant]
    loud: Tenant
    sent: list[Sent] = field(default_factory=list)

    @property
    def web(self) -> Process:
        return self.processes[WEB]

    @property
    def died(self) -> int:
        """How many workers poison has killed so far: each says so with its last breath."""
        return sum(self.processes[name].log.read_bytes().count(LAST_WORDS) for name in WORKERS)

    @property
    def merchants(self) -> list[int]:
        return [tenant.merchant_id for tenant in (*self.quiet, self.loud)]

    async def play(self, plan: Sequence[Sent]) -> None:
        """Send *plan* at its instants, and wait until all of it is understood."""
        self.sent += plan
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(watch(self.hub, plan, ended))
            try:
                await send(self.web.address, plan, self.orders)
                await self.settle(plan)
            finally:
                ended.set()  # not cancelled: a wait for a session may swallow that

    async def settle(self, plan: Sequence[Sent]) -> None:
        """Wait until no delivery is left to understand, and every good one of *plan* that was accepted is an order.

        Raises `FairwayError` when it takes too long.
        """
        end = time.monotonic() + SETTLE_S
        good = [one for one in plan if not one.poison]
        while await self._backlog() or await look(self.hub, good):
            if time.monotonic() > end:
                raise FairwayError(f"Waited {SETTLE_S:.0f} s for the deliveries to be understood.")
            await asyncio.sleep(0.05)

    async def _backlog(self) -> int:
        async with self.hub.database.transaction([]) as tx:
            return await deliveries.backlog(tx)

    async def mend(self) -> None:
        """Workers that take no harm from poison take the place of those that do."""
        for name in WORKERS:
            worker = self.processes[name]
            before = worker.child
            worker.environment = {**worker.environment, "FAIRWAY_FAILPOINT": ""}
            worker.send(signal.SIGTERM)
            while worker.child is before:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def open_ground(servers: Servers, home: Home, seed: int) -> AsyncIterator[Ground]:
    """Run all of it while the block runs; what ends meanwhile is started again."""
    ends = servers.endpoints
    found = home.environment(ends.database_url, ends.redis_url, "fairway_worker")
    redis = open_redis(ends.redis_url) if ends.redis_url else None
    wake = RedisWake(redis) if redis else Silent()
    processes = {name: _process(name, servers, home) for name in (WEB, *WORKERS)}
    async with open_hub(read_settings(found), discover(), wake=wake, application="chaos") as hub:
        quiet = await open_tenants(hub, [f"quiet-{number}" for number in range(QUIET)])
        (loud,) = await open_tenants(hub, ["loud"])
        ground = Ground(hub, processes, make_orders(seed), quiet, loud)

        try:
            async with asyncio.TaskGroup() as group:
                for process in processes.values():
                    group.create_task(process.start())
            keeping = asyncio.create_task(keep_running(processes.values(), lambda _text: None))
            try:
                yield ground
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
        finally:
            for process in processes.values():
                process.send(signal.SIGKILL)
            if redis:
                await redis.aclose(close_connection_pool=True)


def _process(name: str, servers: Servers, home: Home) -> Process:
    role, ends = name.split(" ", maxsplit=1)[0], servers.endpoints
    environment = {
        **home.environment(ends.database_url, ends.redis_url, f"fairway_{role}"),
        "FAIRWAY_PORT": "0",
        **({"FAIRWAY_FAILPOINT": ARMED} if role == "worker" else {}),
    }
    return Process(role, environment, home.directory / f"{name}.log")
