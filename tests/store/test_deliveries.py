"""Deliveries as rows: put back to be read, parked anew, resolved; tokens that are lent for one call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from core.store import connections, deliveries, follow, lent_tokens
from core.store.database import Database
from core.store.deliveries import Claimed
from core.store.verify import verify
from tests.conftest import as_role
from tests.usecases.usecase_rig import MUG, Rig

REASON = {"code": "bug", "pointer": "", "message": "it has a bug"}


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[Rig]:
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(), clock, admin)
    await made.open()
    yield made
    assert await made.violations() == {}
    await admin.close()


async def parked_one(rig: Rig) -> int:
    """A delivery that was read and waits for a person; returns its id."""
    await rig.deliver(rig.order(7, (MUG, 1)))
    number: int = await rig.admin.fetchval("SELECT max(delivery_id) FROM deliveries")
    await park(rig, number, REASON)
    return number


async def park(rig: Rig, number: int, reason: dict[str, str]) -> None:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        claimed = [item for item in await deliveries.claim(tx, 10, 5.0) if item.delivery_id == number]
        await deliveries.park(tx, [(item, "order.updated", [reason]) for item in claimed], rig.clock())
        await deliveries.finish(tx, claimed)


async def test_a_parked_delivery_that_is_put_back_is_todo_and_not_open(rig: Rig) -> None:
    number = await parked_one(rig)

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        first = await deliveries.put_back(tx, [rig.merchant_id], [number], rig.clock())
        again = await deliveries.put_back(tx, [rig.merchant_id], [number], rig.clock())

    assert (first, again) == ([number], [])
    assert [tuple(row) for row in await rig.admin.fetch("SELECT attempts, epoch FROM todo")] == [(0, 0)]
    assert await rig.admin.fetchval("SELECT resolved_at FROM parked") == rig.clock()


async def test_nobody_puts_back_what_belongs_to_another_merchant(rig: Rig) -> None:
    number = await parked_one(rig)
    async with rig.hub.database.transaction([]) as tx:
        stranger = await connections.add_merchant(tx, "Stranger", rig.hub.settings.inbound, rig.clock())

    async with rig.hub.database.transaction([stranger]) as tx:
        put_back = await deliveries.put_back(tx, [stranger, rig.merchant_id], [number], rig.clock())
        closed = await follow.resolve(tx, [stranger, rig.merchant_id], number, "mine now", rig.clock())

    assert (put_back, closed) == ([], False)
    assert await rig.admin.fetchval("SELECT resolved_at FROM parked") is None


async def test_parking_what_is_open_keeps_the_first_reasons(rig: Rig) -> None:
    number = await parked_one(rig)
    rig.clock.forward(hours=1)
    claimed = Claimed(rig.merchant_id, number, rig.first, 1, 9)

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await deliveries.park(tx, [(claimed, "order.updated", [{**REASON, "message": "other"}])], rig.clock())

    assert await rig.admin.fetchval("SELECT reasons -> 0 ->> 'message' FROM parked") == "it has a bug"


async def test_a_note_is_kept_behind_the_reasons_and_closes_once(rig: Rig) -> None:
    number = await parked_one(rig)

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        closed = [
            await follow.resolve(tx, [rig.merchant_id], number, "mia: junk", rig.clock()) for _ in range(2)
        ]
        left = await follow.parked(tx, None, 10)

    assert (closed, left) == ([True, False], [])
    assert await rig.admin.fetchval(
        "SELECT jsonb_path_query_array(reasons, '$[*].message')::text FROM parked"
    ) == ('["it has a bug", "mia: junk"]')


async def test_a_lent_token_leads_to_the_connection_until_it_is_taken_back(rig: Rig, fresh: str) -> None:
    web = await Database.connect(as_role(fresh, "fairway_web"), size=1)

    async def found(token: str) -> tuple[int, int] | None:
        async with web.transaction([]) as tx:
            return await connections.find_hook(tx, token)

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        run_id = await lent_tokens.lend(tx, rig.merchant_id, rig.first, "lent", rig.clock())
    lent = await found("lent")
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await lent_tokens.take_back(tx, rig.merchant_id, run_id, rig.clock())

    assert lent == (rig.merchant_id, rig.first)
    assert await found("lent") is None
    assert await found("token-Mia-one") == (rig.merchant_id, rig.first)
    await web.close()


async def test_a_lent_token_whose_run_never_ended_is_found(rig: Rig) -> None:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        run_id = await lent_tokens.lend(tx, rig.merchant_id, rig.first, "lent", rig.clock())
        young = await lent_tokens.left_behind(tx, rig.clock())
        old = await lent_tokens.left_behind(tx, rig.clock() + timedelta(minutes=10))
        checked = await verify(tx, at_rest=False, now=rig.clock())

    assert young == []
    assert [(row["run_id"], row["connection"]) for row in old] == [(run_id, "Mia-one")]
    assert checked["violations"] == {}
