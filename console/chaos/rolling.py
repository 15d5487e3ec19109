"""One process after the other is restarted under load, as an upgrade does it. Judges by answers and by the books."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from connectors import discover
from console.chaos.figures import Figure
from console.chaos.fleet import WEBS, WORKERS, open_fleet
from console.chaos.senders import look, send
from console.chaos.tenants import Orders, Sent, Tenant, make_orders, open_tenants
from console.demo.stage import Tell, until
from console.home import Home
from console.servers import Servers
from core.errors import FairwayError
from core.hub import Hub, open_hub
from core.settings import read_settings
from core.store import deliveries, pressure
from core.store.migrate import migrate
from core.store.verify import verify

TENANTS = 20
SLICE_S = 5.0  # of the load, planned at a time
PATIENCE_S = 300.0  # for all orders to be visible, on a machine that has little time for us


async def tell_rolling(
    servers: Servers,
    home: Home,
    seed: int,
    rounds: int,
    *,
    per_s: float,
    tell: Tell,
    names: Sequence[str] = (*WEBS, *WORKERS),
) -> dict[str, Any]:
    """Restart those of two webs and two workers that *names* names, in turn, *rounds* times, while shops send *per_s* orders
    a second; returns the checks with `passed`.
    """
    started = time.monotonic()
    await migrate(servers.endpoints.database_url, home.passwords)
    found = home.environment(servers.endpoints.database_url, None, "fairway_worker")
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(
            open_hub(read_settings(found), discover(), application="chaos", pool=4)
        )
        tenants = await open_tenants(hub, [f"shop-{number}" for number in range(TENANTS)])
        fleet = await stack.enter_async_context(open_fleet(servers.endpoints, home))
        orders, sent = (
            make_orders(seed),
            list[Sent](),
        )  # placed after the shops were counted, so that they are promised
        rates = dict.fromkeys(tenants, per_s / TENANTS)
        async with _sending(f"http://127.0.0.1:{fleet.door.address[1]}", orders, rates, sent):
            for number in range(rounds):
                tell(f"round {number + 1} of {rounds}", number / rounds)
                for name in names:
                    await fleet.restart(name)
        tell("comparing the books", 1.0)
        checks = [*_answers(sent), *await books(hub, tenants, orders, sent)]
    checks += [
        Figure("restarts", len(fleet.took_s), rounds * len(names), least=True),
        Figure("processes that were asked to stop and did not end with 0", fleet.bad, 0),
        Figure("seconds until the slowest was back", max(fleet.took_s), None),
    ]
    return {
        "checks": [check.row() for check in checks],
        "seed": seed,
        "rounds": rounds,
        "deliveries": len(sent),
        "seconds": round(time.monotonic() - started, 1),
        "passed": all(check.ok for check in checks),
    }


@asynccontextmanager
async def _sending(
    door: str, orders: Orders, rates: Mapping[Tenant, float], sent: list[Sent]
) -> AsyncIterator[None]:
    """Send at a steady rate while the block runs; at its end all are answered or given up."""
    ended = asyncio.Event()

    async def load() -> None:
        while not ended.is_set():
            plan = orders.plan(rates, SLICE_S)
            sent.extend(plan)
            await send(door, plan, orders)

    sending = asyncio.create_task(load())
    try:
        yield
    finally:
        ended.set()
        await sending


def _answers(sent: Sequence[Sent]) -> list[Figure]:
    took = sorted(one.answered - one.sent for one in sent)
    return [
        Figure("webhooks answered 200", sum(one.status == 200 for one in sent), 1, least=True),
        Figure("answered 5xx", sum(one.status >= 500 for one in sent), 0),
        Figure("answered anything else", sum(200 < one.status < 500 for one in sent), 0),
        Figure("not answered", sum(one.status == 0 for one in sent), 0),
        Figure("seconds to an answer, 99 of 100", took[min(len(took) - 1, int(len(took) * 0.99))], None),
        Figure("seconds to the slowest answer", took[-1], 5),
    ]


async def books(hub: Hub, tenants: Sequence[Tenant], orders: Orders, sent: Sequence[Sent]) -> list[Figure]:
    """What was accepted is an order, once, and its units are promised once."""

    async def understood() -> bool:
        if not await look(hub, sent):
            return True
        async with hub.database.transaction([]) as tx:  # what is not there by the end of it will never be
            return not await deliveries.backlog(tx)

    late = ""
    try:
        await until(understood, "every accepted order to be visible", PATIENCE_S)
    except FairwayError as error:
        late = error.message  # which are lost is counted below
    merchants = [tenant.merchant_id for tenant in tenants]
    async with hub.database.transaction(merchants) as tx:
        found = {*await pressure.visible(tx, [one.key for one in sent])}
        stored, units = await pressure.promised(tx, merchants)
        violations = (await verify(tx, at_rest=not late, now=hub.clock()))["violations"]
    wanted = sum(orders.units(one) for one in sent if one.key in found)
    return [
        Figure("answered 200 and lost", sum(one.status == 200 and one.key not in found for one in sent), 0),
        Figure("orders that nobody placed, or twice", stored - len(found), 0),
        Figure("units promised twice or not at all", abs(units - wanted), 0),
        Figure("invariants violated", sum(violations.values()), 0),
    ]
