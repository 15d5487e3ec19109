"""The primary dies under load and its replica takes its place, over and over. Judges by answers and by the books."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from connectors import discover
from console.chaos.figures import Figure
from console.chaos.fleet import Fleet, open_fleet
from console.chaos.link import Link
from console.chaos.patient import Load, sending
from console.chaos.rolling import books
from console.chaos.tenants import make_orders, open_tenants
from console.demo.stage import Tell, until
from console.home import Home
from console.servers import Endpoints, Servers
from console.servers.replica import Node, first_node, start_replica
from console.servers.sockets import socket_directory
from core.errors import UsageProblem
from core.hub import open_hub
from core.settings import read_settings
from core.store import replicas
from core.store.database import Database
from core.store.migrate import migrate

TENANTS = 20
STEADY_S = 4.0  # of load before each death, and after the last
HELD_S = (
    1.0  # for so long before every other death nothing reaches the replica: what commits then is not answered
)
SERVING_S = 30.0  # what is promised
PATIENCE_S = 60.0


@dataclass(slots=True)
class Cluster:
    """*link* is how the hub's processes reach *primary*, *wal* how a replica does."""

    home: Home
    primary: Node
    link: Link
    wal: Link
    stack: AsyncExitStack
    dead: list[Node] = field(default_factory=list)

    async def follow(self, number: int, *, synchronous: bool) -> Node:
        """Make a replica, and wait until it follows: each commit then waits for it, if *synchronous*."""
        name, port = f"replica_{number}", int(self.wal.address[1])
        made = await asyncio.to_thread(
            start_replica, self.home.directory, name, port, self.primary, lambda _text: None
        )
        self.stack.callback(made.keeper.stop)
        if synchronous:
            self.primary.wait_for(name)
        database = await Database.connect(self.primary.url, size=1, admin=True)

        async def in_step() -> bool:
            async with database.transaction([]) as tx:
                return await replicas.standing(tx, name) == ("sync" if synchronous else "async")

        try:
            await until(in_step, "the replica to follow", PATIENCE_S)
        finally:
            await database.close()
        return made

    async def fail_over(self, replica: Node) -> float:
        """Kill the primary for good and put *replica* in its place; returns when it was killed (monotonic seconds).

        The hub's processes are led to the replica before it takes writes, as an address that moves does it.
        """
        killed_at = time.monotonic()
        await asyncio.to_thread(self.stack.enter_context, self.primary.keeper.ended_for_good())
        for link in (self.link, self.wal):
            link.befall("gone")
            link.upstreams = [replica.socket]
        self.dead.append(self.primary)
        self.primary = replica
        self.link.befall("")
        await asyncio.to_thread(replica.promote)
        self.wal.befall("")
        return killed_at


async def tell_promote(
    servers: Servers,
    home: Home,
    seed: int,
    rounds: int,
    *,
    per_s: float,
    tell: Tell,
    synchronous: bool = True,
) -> dict[str, Any]:
    """Kill the primary *rounds* times while shops send *per_s* orders a second; returns the checks with `passed`.

    Commits do not wait for the replica unless *synchronous*: then what was answered last is lost, and the checks say so.
    """
    started = time.monotonic()
    await migrate(servers.endpoints.database_url, home.passwords)
    serving, following = [0.0], [0.0]
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(_open_cluster(servers, home))
        ends = Endpoints(_through(cluster.link, cluster.primary.url), servers.endpoints.redis_url)
        found = home.environment(ends.database_url, None, "fairway_worker")
        hub = await stack.enter_async_context(
            open_hub(read_settings(found), discover(), application="chaos", pool=4)
        )
        tenants = await open_tenants(hub, [f"shop-{number}" for number in range(TENANTS)])
        fleet = await stack.enter_async_context(open_fleet(ends, home))
        load = Load(make_orders(seed))  # placed after the shops were counted, so that they are promised
        rates = dict.fromkeys(tenants, per_s / TENANTS)
        async with sending(f"http://127.0.0.1:{fleet.door.address[1]}", load, rates):
            for number in range(rounds):
                tell(f"a replica follows ({number + 1} of {rounds})", number / rounds)
                begun = time.monotonic()
                replica = await cluster.follow(number, synchronous=synchronous)
                following.append(time.monotonic() - begun)
                await asyncio.sleep(STEADY_S)
                if number % 2 == 0:
                    cluster.wal.befall("hole")
                    await asyncio.sleep(HELD_S)
                tell(f"the primary is killed ({number + 1} of {rounds})", (number + 0.5) / rounds)
                serving.append(await load.next_yes(await cluster.fail_over(replica), PATIENCE_S))
            await asyncio.sleep(STEADY_S)
        tell("comparing the books", 1.0)
        checks = [*load.answers(), *await books(hub, tenants, load.orders, load.sent)]
        checks += await _ended(cluster, fleet)
    checks += [
        Figure("seconds from the primary's death to the next 200, worst", max(serving), SERVING_S),
        Figure("replicas promoted", len(serving) - 1, rounds, least=True),
        Figure("seconds to make a replica and have it follow, worst", max(following), None),
    ]
    return {
        "checks": [check.row() for check in checks],
        "seed": seed,
        "rounds": rounds,
        "deliveries": len(load.sent),
        "seconds": round(time.monotonic() - started, 1),
        "passed": all(check.ok for check in checks),
    }


@asynccontextmanager
async def _open_cluster(servers: Servers, home: Home) -> AsyncIterator[Cluster]:
    """The server that came along as the first primary, and both ways to it, while the block runs."""
    if servers.postgres is None:
        raise UsageProblem(
            "The primary is killed for good, and DATABASE_URL names one that is not ours.", fix="Unset it."
        )
    primary = first_node(home.directory, servers.endpoints.database_url, servers.postgres)
    inside = home.directory / "links"
    inside.mkdir(mode=0o700)
    here = f"{socket_directory(inside, None)}/.s.PGSQL.5432"
    link = Link("PostgreSQL", here, [primary.socket], Random(0))  # noqa: S311
    wal = Link("replication", ("127.0.0.1", 0), [primary.socket], Random(0))  # noqa: S311
    async with AsyncExitStack() as stack, link.open(), wal.open():
        yield Cluster(home, primary, link, wal, stack)


def _through(link: Link, url: str) -> str:
    """The same database, reached by *link*."""
    folder = str(link.address).rpartition("/")[0]
    return urlunsplit(urlsplit(url)._replace(query=f"host={quote(folder)}&port=5432"))


async def _ended(cluster: Cluster, fleet: Fleet) -> list[Figure]:
    """Who is dead is dead, and the hub's processes went through it alive."""
    reachable = 0
    for node in cluster.dead:
        try:
            _, writer = await asyncio.open_unix_connection(node.socket)
        except OSError:
            continue
        writer.close()
        reachable += 1
    return [
        Figure("former primaries that can be reached", reachable, 0),
        Figure("processes of the hub that ended", sum(one.ended for one in fleet.processes.values()), 0),
    ]
