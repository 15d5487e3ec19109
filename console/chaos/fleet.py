"""Two webs behind a balancer that follows /readyz, and two workers. Sends nothing and judges nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

import aiohttp

from console.chaos.link import Address, Link
from console.home import Home
from console.processes import Process, running
from console.servers import Endpoints

WEBS, WORKERS = ("web 1", "web 2"), ("worker 1", "worker 2")
ASK_S = 0.2  # between two times that the balancer asks /readyz
LEAVE_S = 1.0  # FAIRWAY_LEAVE_S: several times that


@dataclass(slots=True)
class Fleet:
    """*door* leads to the webs that are ready. *took_s* is of each restart, *bad* counts those that did not end with 0."""

    processes: Mapping[str, Process]
    door: Link
    took_s: list[float] = field(default_factory=list)
    bad: int = 0

    async def restart(self, name: str) -> None:
        """Ask the process to stop, start another in its place, and wait until it is at work."""
        process, begun = self.processes[name], time.monotonic()
        await process.stop()
        assert process.child is not None  # noqa: S101 - all were started
        self.bad += process.child.returncode != 0
        await process.start()
        if name in WEBS:
            while _address(process) not in self.door.upstreams:
                await asyncio.sleep(0.05)
        self.took_s.append(time.monotonic() - begun)


@asynccontextmanager
async def open_fleet(ends: Endpoints, home: Home) -> AsyncIterator[Fleet]:
    """Two webs behind a balancer that follows /readyz, and two workers, while the block runs."""
    processes = {}
    for name in (*WEBS, *WORKERS):
        role = name.split(" ", maxsplit=1)[0]
        environment = home.environment(ends.database_url, ends.redis_url, f"fairway_{role}")
        if role == "web":
            environment |= {"FAIRWAY_PORT": "0", "FAIRWAY_LEAVE_S": str(LEAVE_S)}
        processes[name] = Process(role, environment, home.directory / f"{name}.log")
    webs = [processes[name] for name in WEBS]
    async with running(*processes.values()):
        for web in webs:  # whoever takes its place listens where it did
            web.environment = {**web.environment, "FAIRWAY_PORT": str(urlsplit(web.address).port)}
        door = Link("webhooks", ("127.0.0.1", 0), [_address(web) for web in webs], Random(0))  # noqa: S311
        async with door.open(), _following(door, webs):
            yield Fleet(processes, door)


@asynccontextmanager
async def _following(door: Link, webs: Sequence[Process]) -> AsyncIterator[None]:
    """While the block runs the door leads to those that say they are ready."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1.0)) as session:

        async def ready(web: Process) -> bool:
            try:
                async with session.get(f"{web.address}/readyz") as answer:
                    return answer.status == 200
            except (aiohttp.ClientError, TimeoutError):
                return False

        async def follow() -> None:
            while True:
                said = await asyncio.gather(*(ready(web) for web in webs))
                # Where nobody is ready, whoever comes finds that out.
                door.upstreams = [
                    _address(web) for web, yes in zip(webs, said, strict=True) if yes
                ] or door.upstreams
                await asyncio.sleep(ASK_S)

        following = asyncio.create_task(follow())
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def _address(web: Process) -> Address:
    return ("127.0.0.1", urlsplit(web.address).port or 0)
