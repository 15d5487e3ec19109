"""Poison, zombies and rivals: what may go wrong around the drain, and what stays right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from usecase_rig import MUG, Rig

from core.connector import Connector, Delivery, Overrides, Reading
from core.flow import decode
from core.store import deliveries
from core.store.database import RETRYABLE, Connection
from core.usecases import drain as drain_module
from core.usecases.relevel import relevel


class Poisoned:
    """The WooCommerce connector, but reading order 666 raises."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def read(self, delivery: Delivery, overrides: Overrides) -> Reading:
        if b'"number":"W-666"' in delivery.body:
            raise ArithmeticError("order 666 breaks its reader")
        reading: Reading = self._real.read(delivery, overrides)
        return reading


@pytest.fixture
def registry(registry: dict[str, Connector]) -> dict[str, Any]:
    return {**registry, "woocommerce": Poisoned(registry["woocommerce"])}


async def test_poison_alone_is_parked_after_five_tries_and_holds_up_nobody(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_module, "AGAIN_S", 0.0)
    await rig.counted(mug=100)
    await rig.deliver(*(rig.order(number, (MUG, 1)) for number in (*range(1, 30), 666)))

    first = await drain_module.drain(rig.hub)
    after_one_drain = await rig.stock()
    rest = await rig.drain()

    assert (first.claimed, first.failed) == (30, 1)
    assert await rig.admin.fetchval("SELECT count(*) FROM runs WHERE kind = 'drain' AND outcome = 'ok'") == 1
    assert after_one_drain == (100, 29)
    assert rest.failed == 4
    parked = await rig.admin.fetchrow("SELECT attempts, reasons FROM parked")
    assert parked is not None
    assert parked["attempts"] == 5
    assert decode(parked["reasons"].encode())[0]["code"] == "poison"
    assert await rig.violations() == {}


async def test_what_failed_is_tried_again_after_a_pause_that_doubles_each_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_module, "AGAIN_S", 60.0)  # however slow the machine is that looks at it
    await rig.deliver(rig.order(666, (MUG, 1)))
    pauses = []

    for _ in range(3):
        await drain_module.drain(rig.hub)
        pauses.append(
            float(
                await rig.admin.fetchval(
                    "SELECT extract(epoch FROM lease_until - clock_timestamp()) FROM todo"
                )
            )
        )
        await rig.admin.execute("UPDATE todo SET lease_until = '-infinity'")

    for pause, most in zip(pauses, (60.0, 120.0, 240.0), strict=True):
        assert most / 2 < pause <= most


async def test_a_replica_that_is_not_promoted_yet_costs_no_delivery_a_try(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.deliver(*(rig.order(number, (MUG, 1)) for number in (1, 2)))
    really = drain_module.apply_slice

    async def on_a_replica(tx: Connection, *rest: Any) -> Any:
        await tx.execute("SET TRANSACTION READ ONLY")  # what a session there is, whatever it asks for
        return await really(tx, *rest)

    monkeypatch.setattr(drain_module, "apply_slice", on_a_replica)
    with pytest.raises(RETRYABLE):
        await drain_module.drain(rig.hub)

    assert await rig.admin.fetchval("SELECT max(attempts) FROM todo") == 0
    monkeypatch.undo()
    assert (await rig.drain()).applied.applied == 2


async def test_a_delivery_that_killed_its_workers_is_parked_unread(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 1)))
    await rig.admin.execute("UPDATE todo SET attempts = 5")

    await rig.drain()

    reasons = await rig.admin.fetchval("SELECT reasons FROM parked")
    assert decode(reasons.encode())[0]["code"] == "poison"


async def test_what_cannot_be_read_is_parked_with_its_reasons(rig: Rig) -> None:
    await rig.deliver({"id": 5, "line_items": "none"})

    await rig.drain()

    parked = await rig.admin.fetchrow("SELECT topic, reasons FROM parked")
    assert parked is not None
    assert parked["topic"] == "order.updated"
    assert decode(parked["reasons"].encode())[0]["message"]


async def test_a_zombie_whose_lease_was_taken_writes_nothing(rig: Rig) -> None:
    await rig.counted(mug=10)
    await rig.deliver(rig.order(1, (MUG, 2)))
    async with rig.hub.database.transaction([]) as tx:
        zombies = await deliveries.claim(tx, 10, 0.0)  # its lease ends at once
    items, _ = await drain_module._read(rig.hub, zombies)
    async with rig.hub.database.transaction([]) as tx:
        await deliveries.claim(tx, 10, 30.0)  # somebody else takes over

    applied = await drain_module._apply(rig.hub, items, rig.clock())

    assert applied.applied == 0
    assert await rig.admin.fetchval("SELECT count(*) FROM orders") == 0
    assert await rig.admin.fetchval("SELECT count(*) FROM todo") == 1
    assert await rig.stock() == (10, 0)


async def test_many_drains_at_once_apply_everything_once(rig: Rig, make_hub: Callable[..., Any]) -> None:
    await rig.counted(mug=1000)
    other = await make_hub()
    for minute in range(6):
        await rig.deliver(
            *(rig.order(number, (MUG, 1 + minute % 3), minute=minute) for number in range(1, 41))
        )

    async def drain_in_small_slices(hub: Any) -> None:
        while (await drain_module.drain(hub, limit=7)).claimed:
            pass

    await asyncio.gather(*(drain_in_small_slices(hub) for hub in (rig.hub, other, rig.hub, other)))
    await rig.drain()

    assert await rig.admin.fetchval("SELECT count(*) FROM orders") == 40
    assert await rig.stock() == (1000, 40 * 3)


async def test_drains_and_levelling_of_one_hot_item_never_wait_in_a_circle(
    rig: Rig, make_hub: Callable[..., Any]
) -> None:
    await rig.counted(mug=1000)
    other = await make_hub()
    for number in range(1, 81):
        await rig.deliver(rig.order(number, (MUG, 1)), connection=rig.first if number % 2 else rig.second)
    finished = asyncio.Event()

    async def level() -> None:
        while not finished.is_set():
            await relevel(other)

    async def drain_one_by_one() -> None:
        while (await drain_module.drain(rig.hub, limit=2)).claimed:
            pass

    levelling = asyncio.create_task(level())
    await asyncio.gather(drain_one_by_one(), drain_one_by_one())
    finished.set()
    await levelling
    await rig.drain()
    await relevel(other)

    name = await rig.admin.fetchval("SELECT current_database()")
    circles = await rig.admin.fetchval("SELECT deadlocks FROM pg_stat_database WHERE datname = $1", name)
    assert circles == 0
    assert await rig.stock() == (1000, 80)
    assert (await rig.level(rig.first))["desired"] == 920


async def test_another_merchants_deliveries_share_the_slice_and_nothing_else(
    rig: Rig, make_hub: Callable[..., Any]
) -> None:
    stranger = Rig(await make_hub(), rig.clock, rig.admin)
    await stranger.open("Noah")
    await rig.counted(mug=5)
    await rig.deliver(rig.order(1, (MUG, 2)))
    await stranger.deliver(stranger.order(1, (MUG, 3)))

    done = await drain_module.drain(rig.hub)

    assert done.applied.applied == 2
    rows = await rig.admin.fetch(
        "SELECT merchant_id, sum(held) AS held FROM reservations GROUP BY merchant_id ORDER BY merchant_id"
    )
    assert [tuple(row) for row in rows] == [(rig.merchant_id, 2)]
    short = await rig.admin.fetchrow("SELECT merchant_id, quantity FROM shortages")
    assert tuple(short or ()) == (stranger.merchant_id, 3)
    assert await stranger.violations() == {}


@pytest.mark.undisturbed("it plays an error of the database itself")
async def test_a_lost_database_connection_costs_no_delivery_a_try(
    rig: Rig, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.counted(mug=5)
    await rig.deliver(rig.order(1, (MUG, 2)))
    real = deliveries.load
    calls = iter([True])

    async def broken_once(tx: Any, claimed: Any) -> Any:
        if next(calls, False):
            raise ConnectionResetError("the server went away")
        return await real(tx, claimed)

    monkeypatch.setattr(deliveries, "load", broken_once)
    with pytest.raises(ConnectionResetError):
        await drain_module.drain(rig.hub)
    attempts = await rig.admin.fetchval("SELECT attempts FROM todo")
    await rig.drain()

    assert attempts == 0
    assert await rig.stock() == (5, 2)


async def test_a_database_that_stays_away_for_a_while_costs_no_delivery_a_try_either(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.counted(mug=5)
    await rig.deliver(rig.order(1, (MUG, 2)))

    async def away(*_: Any) -> Any:
        raise ConnectionResetError("the server went away")

    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "load", away)
        patched.setattr(deliveries, "give_back", away)
        with pytest.raises(ConnectionResetError):
            await drain_module.drain(rig.hub)
    held = await rig.admin.fetchval("SELECT lease_until > clock_timestamp() FROM todo")
    done = await drain_module.drain(rig.hub)

    assert held
    assert done.applied.applied == 1
    assert rig.hub.owed == set()
    assert await rig.stock() == (5, 2)
