"""Effects happen once: whatever answers are lost, whoever dies, and however often it is tried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from effects_rig import POST, Carrier, Shop, World, allow_shipments, link_carrier, tell
from test_ship_order import ship
from usecase_rig import MUG, Rig

from connectors import discover
from core.connector import Connector
from core.store import outbox, schedule
from core.usecases.lease import LostLease
from core.usecases.push_effects import push_effects
from core.usecases.relevel import relevel
from core.usecases.ship_order import Box


@pytest.fixture
def registry() -> dict[str, Any]:
    shop: Connector = discover()["woocommerce"]
    return {"woocommerce": Shop(shop), POST: Carrier()}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any, world: World) -> AsyncIterator[Rig]:
    """Ten orders of one mug each, of which a test ships some."""
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=world), clock, admin)
    await made.open()
    await made.counted(mug=100)
    await made.deliver(*(made.order(number, (MUG, 1)) for number in range(1, 11)))
    await made.drain()
    await link_carrier(made)
    await allow_shipments(made, made.first)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def attempts(rig: Rig, kind: str = "fulfillment") -> list[tuple[str | None, bool]]:
    rows = await rig.admin.fetch(
        """SELECT a.outcome, a.repeated FROM effect_attempts a JOIN outbox o USING (merchant_id, effect_id)
           WHERE o.kind = $1 ORDER BY a.effect_id, a.attempt""",
        kind,
    )
    return [(row["outcome"], row["repeated"]) for row in rows]


async def status(rig: Rig, kind: str = "fulfillment") -> list[str]:
    rows = await rig.admin.fetch("SELECT status FROM outbox WHERE kind = $1 ORDER BY effect_id", kind)
    return [row["status"] for row in rows]


async def test_a_lost_answer_is_looked_for_before_anything_is_sent_again(rig: Rig, world: World) -> None:
    world.lose = 1
    await ship(rig, 1)
    await rig.admin.execute("UPDATE outbox SET next_at = 'infinity' WHERE kind = 'tracker'")

    await tell(rig)
    assert await attempts(rig) == [("unknown", False)]
    rig.clock.forward(seconds=60)
    await tell(rig)

    assert len(world.shipments) == 1
    assert await attempts(rig) == [("unknown", False), ("ok", True)]
    assert world.asked == ["POST shipments", "GET shipments"]


async def test_the_attempt_is_written_before_the_call(rig: Rig, world: World, fresh: str) -> None:
    begun: list[int] = []
    other, alone = await asyncpg.connect(fresh), asyncio.Lock()
    send = world.__call__

    async def watched(*call: Any) -> Any:
        async with alone:
            begun.append(await other.fetchval("SELECT count(*) FROM effect_attempts WHERE outcome IS NULL"))
        return await send(*call)

    rig.hub.send = watched
    await ship(rig, 1)
    await tell(rig)
    await other.close()

    assert begun
    assert min(begun) >= 1  # to everybody who looks while the channel is called


async def test_a_worker_that_dies_in_the_middle_leaves_an_attempt_that_the_next_one_looks_into(
    rig: Rig, world: World
) -> None:
    await ship(rig, 1)
    send = world.__call__

    async def die_after(*call: Any) -> Any:
        await send(*call)
        raise asyncio.CancelledError

    rig.hub.send = die_after
    with pytest.raises(asyncio.CancelledError):
        await tell(rig)
    rig.hub.send = world
    await rig.admin.execute("UPDATE schedule SET lease_until = '-infinity'")
    await tell(rig)

    assert [row["number"] for row in world.shipments] == ["1Z999AA1"]
    assert await attempts(rig) == [(None, False), ("ok", True)]
    await rig.drain()
    await relevel(rig.hub)
    assert await rig.violations(at_rest=True) == {}


async def test_a_worker_whose_lease_was_taken_writes_nothing_back(rig: Rig, world: World) -> None:
    await ship(rig, 1)
    async with rig.hub.database.transaction([]) as tx:
        leases = await schedule.claim(tx, ["effect"], rig.clock(), 1.0, 4)
    mine = next(lease for lease in leases if lease.connection_id == rig.first)

    send = world.__call__

    async def overtaken(*call: Any) -> Any:
        await rig.admin.execute("UPDATE schedule SET epoch = epoch + 1 WHERE kind = 'effect'")
        return await send(*call)

    rig.hub.send = overtaken
    with pytest.raises(LostLease):
        await push_effects(rig.hub, mine)

    assert await status(rig) == ["pending"]
    assert await attempts(rig) == [(None, False)]


async def test_a_refusal_waits_for_a_person_and_holds_up_nobody(rig: Rig, world: World) -> None:
    world.refuse = [422]
    await ship(rig, 1)
    await rig.admin.execute("UPDATE outbox SET next_at = 'infinity' WHERE kind = 'tracker'")
    await tell(rig)
    await ship(rig, 2, box=Box("UPS", "TWO"))
    await tell(rig)

    assert await status(rig) == ["rejected", "done"]
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        waiting = await outbox.open_wishes(tx, 10)
    refused = [row for row in waiting if row["status"] == "rejected"]
    assert [row["error"] for row in refused] == ["rejected: no"]

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        concerned = await outbox.ask_again(tx, rig.merchant_id, [refused[0]["effect_id"]], rig.clock())
        await schedule.ring(tx, "effect", [(rig.merchant_id, one) for one in concerned], rig.clock())
    await tell(rig)
    assert await status(rig) == ["done", "done"]


async def test_being_told_to_wait_is_no_failed_attempt(rig: Rig, world: World) -> None:
    world.refuse = [429]
    await ship(rig, 1)
    await rig.admin.execute("UPDATE outbox SET next_at = 'infinity' WHERE kind = 'tracker'")
    await tell(rig)
    counted = await rig.admin.fetchval("SELECT attempts FROM outbox WHERE kind = 'fulfillment'")
    assert (counted, await attempts(rig)) == (0, [("throttled", False)])

    await tell(rig)
    assert world.shipments == []
    rig.clock.forward(seconds=31)
    await tell(rig)

    assert len(world.shipments) == 1


async def test_credentials_refused_pause_the_connection_and_drop_nothing(rig: Rig, world: World) -> None:
    world.refuse = [401]
    await ship(rig, 1)
    await rig.admin.execute("UPDATE outbox SET next_at = 'infinity' WHERE kind = 'tracker'")
    await tell(rig)
    paused = await rig.admin.fetchval("SELECT status FROM connections WHERE connection_id = $1", rig.first)
    assert (paused, await status(rig)) == ("reauth_required", ["pending"])

    await rig.admin.execute("UPDATE connections SET status = 'active'")
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await schedule.ring(tx, "effect", [(rig.merchant_id, rig.first)], rig.clock())
    await tell(rig)

    assert len(world.shipments) == 1


async def test_a_wish_that_kills_its_worker_is_put_aside_after_five_tries(rig: Rig, world: World) -> None:
    await ship(rig, 1)
    rig.hub.send = _dies
    for _ in range(5):
        with pytest.raises(asyncio.CancelledError):
            await tell(rig)
        await rig.admin.execute("UPDATE schedule SET lease_until = '-infinity'")
    rig.hub.send = world
    await tell(rig)

    assert await status(rig) == ["rejected"]
    error = await rig.admin.fetchval("SELECT error FROM outbox WHERE kind = 'fulfillment'")
    assert error == "its worker ended 5 times over it"


async def _dies(*_: Any) -> Any:
    raise asyncio.CancelledError


async def test_what_a_new_tracker_knows_comes_in_as_a_delivery(rig: Rig, world: World) -> None:
    await ship(rig, 1)
    await tell(rig)

    assert len(world.trackers) == 1
    assert await rig.admin.fetchval("SELECT count(*) FROM deliveries WHERE topic = 'callback'") == 1
    await rig.drain()
    await relevel(rig.hub)
    assert await rig.violations(at_rest=True) == {}
