"""The hub under chaos: two webs, three workers, servers of its own, and a proxy before everything they talk to."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from console.chaos.link import Address, Link
from console.chaos.schedule import LEASE_S, PROCESSES, WEBS, queues, served_by
from console.chaos.tools import Clocks, Disk
from console.demo.shops import Shops
from console.home import Home
from console.processes import Process, keep_running
from console.servers import Keeper, Servers
from console.servers.sockets import socket_directory
from core.errors import UsageProblem

SOCKET = ".s.PGSQL.5432"

# Often enough that each is struck in the middle of it.
EVERY_S = {"FAIRWAY_PULL_EVERY_S": "5", "FAIRWAY_CATALOG_EVERY_S": "20", "FAIRWAY_RECONCILE_EVERY_S": "15"}


@dataclass(slots=True)
class World:
    """Everything that can be struck, by the names of `console.chaos.schedule`. *clocks* and *disk* are None where the
    machine has none.
    """

    keepers: dict[str, Keeper]
    redis_url: str
    processes: dict[str, Process]
    links: dict[str, Link]
    clocks: Clocks | None
    disk: Disk | None
    queues: int

    @property
    def door(self) -> str:
        """Where webhooks arrive."""
        return _url(self.links["webhooks"])

    @property
    def urls(self) -> tuple[str, str, str]:
        """Where the hub finds both shops and the carrier."""
        return _url(self.links["Shopify"]), _url(self.links["WooCommerce"]), _url(self.links["EasyPost"])


@asynccontextmanager
async def open_world(
    servers: Servers,
    home: Home,
    shops: Shops,
    clocks: Clocks | None,
    disk: Disk | None,
    seed: int,
    lease_s: float = LEASE_S,
) -> AsyncIterator[World]:
    """Run all of it while the block runs; what ends meanwhile is started again. Work belongs to a worker for *lease_s*."""
    if servers.postgres is None or servers.valkey is None or servers.endpoints.redis_url is None:
        raise UsageProblem(
            "Chaos kills the servers it runs on, and DATABASE_URL or REDIS_URL names some that are not ours.",
            fix="Unset both.",
        )
    ends = servers.endpoints
    async with AsyncExitStack() as stack:

        async def link(name: str, here: Address, *there: Address) -> Link:
            rng = random.Random(f"{name} of {seed}")  # noqa: S311
            return await stack.enter_async_context(Link(name, here, there, rng).open())

        sockets = _sockets(home.directory)
        (database_host,) = (unquote(part[5:]) for part in _query(ends.database_url) if part[:5] == "host=")
        links = {
            "PostgreSQL": await link("PostgreSQL", f"{sockets}/{SOCKET}", f"{database_host}/{SOCKET}"),
            "Valkey": await link(
                "Valkey", f"{sockets}/valkey", unquote(urlsplit(servers.endpoints.redis_url or "").path)
            ),
        }
        for name, url in zip(("Shopify", "WooCommerce", "EasyPost"), shops.urls, strict=True):
            links[name] = await link(name, ("127.0.0.1", 0), ("127.0.0.1", urlsplit(url).port or 0))
        processes = {
            name: _process(name, servers, home, sockets, clocks, seed, lease_s) for name in PROCESSES
        }
        await stack.enter_async_context(_alive(processes.values()))
        ports = [urlsplit(processes[name].address).port or 0 for name in WEBS]
        for name, port in zip(WEBS, ports, strict=True):
            processes[name].environment = {**processes[name].environment, "FAIRWAY_PORT": str(port)}
        doors: list[Address] = [("127.0.0.1", port) for port in ports]
        links["webhooks"] = await link("webhooks", ("127.0.0.1", 0), *doors)
        keeping = asyncio.create_task(keep_running(processes.values(), lambda _text: None))
        try:
            yield World(
                {"PostgreSQL": servers.postgres, "Valkey": servers.valkey},
                *(ends.redis_url or "", processes, links, clocks, disk, queues(seed)),
            )
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


@asynccontextmanager
async def _alive(processes: Iterable[Process]) -> AsyncIterator[None]:
    """Start all at once; at the end they are killed, as so often before."""
    try:
        async with asyncio.TaskGroup() as group:
            for process in processes:
                group.create_task(process.start())
        yield
    finally:
        for process in processes:
            process.send(signal.SIGKILL)


def _sockets(directory: Path) -> Path:
    inside = directory / "links"
    inside.mkdir(mode=0o700)
    return socket_directory(inside, None)


def _process(
    name: str, servers: Servers, home: Home, sockets: Path, clocks: Clocks | None, seed: int, lease_s: float
) -> Process:
    role = name.split(" ", maxsplit=1)[0]
    url, redis_url = urlsplit(servers.endpoints.database_url), urlsplit(servers.endpoints.redis_url or "")
    environment = {
        **home.environment(
            urlunsplit(url._replace(query=f"host={quote(str(sockets))}&port=5432")),
            urlunsplit(redis_url._replace(path=quote(f"{sockets}/valkey"))),
            f"fairway_{role}",
        ),
        **EVERY_S,
        **(clocks.environment(name) if clocks else {}),
        "FAIRWAY_PORT": "0",
        "FAIRWAY_ALLOW_PRIVATE_HOSTS": "1",
        "FAIRWAY_LEASE_S": str(lease_s),
        "FAIRWAY_UNSEEN_PATIENCE_S": "5",
        "FAIRWAY_QUEUES": str(queues(seed)),
        "FAIRWAY_SERVES": served_by(name, queues(seed)) if role == "worker" else "",
    }
    return Process(role, environment, home.directory / f"{name}.log")


def _query(url: str) -> list[str]:
    return urlsplit(url).query.split("&")


def _url(link: Link) -> str:
    return f"http://127.0.0.1:{link.address[1]}"
