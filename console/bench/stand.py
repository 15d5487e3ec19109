"""What a bench is run on: servers of its own on a disk, set as they come, and processes beside each other."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench import cpu
from bench.bodies import SECRET
from bench.load import made_by
from connectors import discover
from console.home import Home
from console.processes import Process
from console.servers import Servers, run_servers
from console.servers.memory import throwaway
from core.errors import FairwayError, UsageProblem
from core.hub import Hub, open_hub
from core.settings import read_settings
from core.store import bench_books
from core.store.migrate import migrate
from core.wake import Silent
from jobs.wake import RedisWake, open_redis

DISK = Path("/var/tmp")  # noqa: S108 - what is made there has a name of its own


@dataclass(slots=True)
class Stand:
    """A hub's servers and a hub to prepare with; *requests* is where what will be sent is written, in memory if there is
    room, so that writing it back disturbs no disk.
    """

    hub: Hub
    home: Home
    servers: Servers
    requests: Path
    facts: dict[str, Any]
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def postgres(self) -> int:
        return self.servers.postgres.pid if self.servers.postgres else 0

    def role(self, role: str, number: int = 1) -> Process:
        """A process of the hub, not started yet."""
        ends = self.servers.endpoints
        environment = {
            **self.home.environment(ends.database_url, ends.redis_url, f"fairway_{role}"),
            "FAIRWAY_PORT": "0",
            "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1",
            **self.extra,
        }
        return Process(role, environment, self.home.directory / f"{role}-{number}.log")

    def other(self, module: str, environment: Mapping[str, str] | None = None) -> Process:
        """A process that is compared with the hub's: `bench.echo` and the like."""
        return Process(
            module,
            {"BENCH_SECRET": SECRET, **(environment or {})},
            self.home.directory / f"{module}.log",
            command=(sys.executable, "-P", "-m", module),
        )

    async def new_database(self, name: str) -> str:
        """An empty database on the same server; returns the administrator's URL of it."""
        url = self.servers.endpoints.database_url
        admin = await asyncpg.connect(url)
        try:
            await admin.execute(f"CREATE DATABASE {name}")
        finally:
            await admin.close()
        return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))

    @asynccontextmanager
    async def another_hub(self, name: str) -> AsyncIterator[Hub]:
        """A hub over an empty database of its own on the same server, during the block."""
        url = await self.new_database(name)
        await migrate(url, self.home.passwords)
        found = self.home.environment(url, None, "fairway_worker")
        settings = read_settings({**found, "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1"})
        async with open_hub(settings, discover(), application="bench") as hub:
            yield hub

    async def analyze(self, hub: Hub) -> None:
        """Have the server look at all tables of the database of *hub*, and clean up, as it does by itself in time."""
        async with self.filling(hub, 1) as pool:
            await pool.execute("VACUUM ANALYZE")

    @asynccontextmanager
    async def filling(self, hub: Hub, sessions: int) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
        """Sessions of the administrator in the database of *hub* that look up no references: what is stored by the million
        takes half the time.
        """
        url = urlsplit(self.servers.endpoints.database_url)
        name = urlsplit(hub.settings.database_url).path
        async with asyncpg.create_pool(
            urlunsplit(url._replace(path=name)),
            min_size=sessions,
            max_size=sessions,
            server_settings={
                "session_replication_role": "replica",
                "plan_cache_mode": "force_custom_plan",  # as `core.store.database` has it
            },
        ) as pool:
            yield pool

    async def checkpoint(self) -> None:
        """Have everything written out, so that no round pays for the one before."""
        admin = await asyncpg.connect(self.servers.endpoints.database_url)
        try:
            await admin.execute("CHECKPOINT")
        finally:
            await admin.close()


@contextmanager
def bench_directory() -> Iterator[Path]:
    """A directory on a disk, gone at the end: what is durable has to be waited for."""
    with tempfile.TemporaryDirectory(
        prefix="fairway-bench-", dir=DISK if DISK.is_dir() else None, ignore_cleanup_errors=True
    ) as name:
        Path(name).chmod(0o711)  # as root, PostgreSQL runs as another user
        yield Path(name)


@asynccontextmanager
async def open_stand(extra: Mapping[str, str] | None = None) -> AsyncIterator[Stand]:
    """Servers of its own during the block; *extra* goes to every process of the hub. Raises `FairwayError` if a commit
    would not be durable.
    """
    with bench_directory() as directory, throwaway("fairway-load-") as requests:
        home = Home.open(directory)
        with run_servers(directory, log=lambda _text: None) as servers:
            ends = servers.endpoints
            if servers.postgres is None:
                raise UsageProblem(
                    "A bench measures servers of its own, and DATABASE_URL names another.", fix="Unset it."
                )
            await _keep_times(ends.database_url)
            servers.postgres.restart()
            await migrate(ends.database_url, home.passwords)
            found = home.environment(ends.database_url, ends.redis_url, "fairway_worker")
            settings = read_settings({**found, "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1"})
            redis = open_redis(ends.redis_url) if ends.redis_url else None
            wake = RedisWake(redis, settings.share.queues) if redis else Silent()
            try:
                async with open_hub(settings, discover(), wake=wake, application="bench") as hub:
                    facts = await _facts(hub, directory)
                    yield Stand(hub, home, servers, requests, facts, dict(extra or {}))
            finally:
                if redis:
                    await redis.aclose(close_connection_pool=True)


async def _keep_times(url: str) -> None:
    """Have the server keep when each transaction was committed: from webhook to order is told by that."""
    admin = await asyncpg.connect(url)
    try:
        await admin.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    finally:
        await admin.close()


async def _facts(hub: Hub, directory: Path) -> dict[str, Any]:
    """What the figures hold for. Raises `FairwayError` when a commit is not durable or merchants are not apart."""
    async with hub.database.transaction([]) as tx:
        server = await bench_books.server(tx)
        apart = await bench_books.walled(tx)
    off = [name for name in bench_books.DURABLE if server[name] != "on"]
    if off:
        raise FairwayError(f"Nothing is durable here: {', '.join(off)} is not on.")
    if not apart:
        raise FairwayError("Row level security is not forced for the hub's roles.")
    return {
        "load": made_by(),
        "postgres": server,
        "row_level_security": "forced",
        "disk": filesystem(directory),
        "machine": f"{cpu.model() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "at": hub.clock().isoformat(timespec="seconds"),
    }


def filesystem(directory: Path) -> str:
    """The kind of file system *directory* is on, such as ext4; "unknown" where nothing says so."""
    best, kind = "", "unknown"
    try:
        lines = Path("/proc/mounts").read_text("utf-8").splitlines()
    except OSError:
        return kind
    for line in lines:
        _, where, found, *_ = line.split(" ")
        if len(where) >= len(best) and (directory == Path(where) or Path(where) in directory.parents):
            best, kind = where, found
    return kind


def cpu_s(stand: Stand, processes: Sequence[Process]) -> dict[str, float]:
    """CPU seconds so far of *processes* by role, and of the servers."""
    found: dict[str, float] = {"postgres": cpu.cpu_s([stand.postgres])}
    if stand.servers.valkey:
        found["valkey"] = cpu.cpu_s([stand.servers.valkey.pid])
    for process in processes:
        assert process.child is not None  # noqa: S101 - it runs
        found[process.role] = found.get(process.role, 0.0) + cpu.cpu_s([process.child.pid])
    return found
