"""Reading stored deliveries again: nothing is counted twice, and what was parked is read with a mended connector."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from usecase_rig import MUG, TEA, Rig

from connectors.woocommerce import WooCommerce
from core.connector import Delivery, Overrides, Problem, Reading, Unreadable
from core.flow import decode
from core.usecases.change_words import Word, change_words
from core.usecases.follow_deliveries import Became, outcomes
from core.usecases.replay import Replayed, replay

BOOKS = (
    "SELECT order_id, channel_order_id, changed_at, version, intake, holds, document_hash FROM orders ORDER BY 1",
    "SELECT order_id, version, kind, delivery_id FROM order_events ORDER BY 1, 2, 3",
    "SELECT entry_id, op_key, on_hand_delta, reserved_delta FROM stock_ledger ORDER BY 1",
    "SELECT * FROM stock ORDER BY 1, 2, 3",
    "SELECT * FROM reservations ORDER BY 1, 2, 3, 4",
    "SELECT order_id, line_id, quantity, oversold FROM shortages ORDER BY 1, 2",
    "SELECT listing_id, own_sales, unseen, maybe, predicted FROM listing_levels ORDER BY 1",
)


async def books(rig: Rig) -> list[list[tuple[Any, ...]]]:
    return [[tuple(row) for row in await rig.admin.fetch(question)] for question in BOOKS]


async def every_id(rig: Rig) -> list[int]:
    return [row[0] for row in await rig.admin.fetch("SELECT delivery_id FROM deliveries ORDER BY 1")]


async def read_again(rig: Rig, ids: list[int]) -> Replayed:
    """Replay with a worker that is quick: it reads between putting back and the second look."""
    put_back = await replay(rig.hub, ids, wait_s=0)
    await rig.drain()
    return put_back


class Clumsy(WooCommerce):
    """A connector with a bug: it cannot read what it is sent."""

    said = "it has a bug"

    def read(self, delivery: Delivery, overrides: Overrides) -> Reading:  # type: ignore[override]
        return Unreadable((Problem(code="bug", pointer="/id", message=self.said),))


@contextmanager
def clumsy(rig: Rig, said: str = "it has a bug") -> Iterator[None]:
    """While the block runs, the connector cannot read; afterwards it is mended."""
    registry, connector = rig.hub.registry, Clumsy()
    connector.said = said
    rig.hub.registry = {**registry, "woocommerce": connector}
    rig.hub._accounts.clear()
    yield
    rig.hub.registry = registry
    rig.hub._accounts.clear()


async def busy(rig: Rig) -> None:
    """Orders that come, change, ship, are cancelled and sell more than there is, by webhook and by pull."""
    await rig.counted(mug=12, tea=3)
    for number in range(1, 13):
        rig.clock.forward(seconds=5)
        await rig.deliver(rig.order(number, (MUG, 1), (TEA, 1)), topic="order.created")
        if number % 2:
            await rig.drain()
        if number % 3 == 0:
            await rig.deliver(rig.order(number, (MUG, 2), minute=2))
        if number % 4 == 0:
            await rig.deliver(rig.order(number, (MUG, 2), minute=3, status="cancelled"))
        if number % 5 == 0:
            await rig.deliver(
                rig.order(number, (MUG, 1), (TEA, 1), minute=4, status="completed"),
                topic="pull/order",
                via="pull",
            )
    await rig.drain()


@pytest.mark.parametrize("seed", range(3))
async def test_every_delivery_read_again_twice_and_shuffled_changes_nothing(rig: Rig, seed: int) -> None:
    await busy(rig)
    before, ids = await books(rig), await every_id(rig)
    chance = random.Random(seed)

    for _ in range(2):
        chance.shuffle(ids)
        for part in range(0, len(ids), 4):
            await read_again(rig, ids[part : part + 4])

    assert len(ids) > 15
    assert await books(rig) == before
    assert await rig.admin.fetchval("SELECT count(*) FROM todo") == 0


async def test_what_a_mended_connector_reads_is_applied_and_no_longer_waits(rig: Rig) -> None:
    await rig.counted(mug=5)
    with clumsy(rig):
        await rig.deliver(rig.order(7, (MUG, 2)))
        await rig.drain()
    parked = await every_id(rig)

    await read_again(rig, parked)

    assert await rig.admin.fetchval("SELECT count(*) FROM parked WHERE resolved_at IS NULL") == 0
    assert await rig.stock() == (5, 2)
    [became] = await outcomes(rig.hub, parked)
    assert (became.became, became.words) == (Became.APPLIED, "order W-7: order placed, version 1")


async def test_what_cannot_be_read_again_waits_anew_for_the_new_reasons(rig: Rig) -> None:
    with clumsy(rig):
        await rig.deliver(rig.order(7, (MUG, 2)))
        await rig.drain()
    [number] = await every_id(rig)

    put_back = await replay(rig.hub, [number], wait_s=0)
    between = await rig.admin.fetchval("SELECT resolved_at IS NOT NULL FROM parked")
    rig.clock.forward(hours=1)
    with clumsy(rig, "it has another bug"):
        await rig.drain()

    assert (put_back.queued, put_back.waiting, put_back.parked) == (1, 1, 0)
    assert between is True
    row = await rig.admin.fetchrow("SELECT * FROM parked")
    assert row is not None
    assert row["resolved_at"] is None
    assert row["parked_at"] == rig.clock()
    assert [reason["message"] for reason in decode(row["reasons"].encode())] == ["it has another bug"]


async def test_the_same_delivery_may_move_stock_again_where_it_is_read_otherwise(rig: Rig) -> None:
    """A second reading of one delivery makes ledger entries of its own; a key of the first would drop them."""
    await rig.counted(mug=5)
    await rig.deliver(rig.order(7, (MUG, 2), status="lay-by"), topic="pull/order", via="pull")
    await rig.drain()
    reserved = await rig.stock()
    await change_words(rig.hub, rig.merchant_id, [Word(0, "payment_status", "lay-by", "voided")])

    await read_again(rig, await every_id(rig))

    assert (reserved, await rig.stock()) == ((5, 2), (5, 0))
    assert await rig.violations() == {}


async def test_what_waits_to_be_read_is_not_queued_again(rig: Rig) -> None:
    await rig.deliver(rig.order(7, (MUG, 2)))
    ids = await every_id(rig)

    put_back = await replay(rig.hub, ids, wait_s=0)

    assert (put_back.queued, put_back.waiting, put_back.workers) == (0, 1, 0)
    assert [item.became for item in put_back.outcomes] == [Became.WAITING]


async def test_a_version_from_before_the_replay_is_not_called_its_doing(rig: Rig) -> None:
    await rig.deliver(rig.order(7, (MUG, 2)))
    await rig.drain()
    ids = await every_id(rig)
    told: list[int] = []

    async def worker_reads() -> None:
        await rig.drain()

    import asyncio

    working = asyncio.ensure_future(asyncio.sleep(0.1))
    working.add_done_callback(lambda _: asyncio.ensure_future(worker_reads()))
    found = await replay(rig.hub, ids, wait_s=5, tell=told.append)

    assert [(item.became, item.words) for item in found.outcomes] == [
        (Became.SAME, "order W-7: nothing new, it made version 1 before")
    ]
    assert (told[0], told[-1]) == (1, 0)


async def test_each_outcome_is_told_apart(rig: Rig) -> None:
    await rig.deliver(rig.order(7, (MUG, 1), minute=5))
    await rig.drain()
    await rig.deliver(rig.order(7, (MUG, 2), minute=1))  # older
    await rig.deliver(rig.order(7, (MUG, 1), minute=5), topic="order.created")  # the same again
    await rig.deliver(rig.order(7, (MUG, 3), minute=5))  # of the same second, but otherwise
    await rig.deliver({"id": 8}, topic="order.deleted")
    await rig.drain()

    found = await outcomes(rig.hub, await every_id(rig))

    assert [item.became for item in found] == [
        Became.APPLIED, Became.STALE, Became.SAME, Became.LOOKED_AT, Became.NOTICE,
    ]  # fmt: skip


async def test_a_body_that_no_key_opens_keeps_no_other_from_being_told(rig: Rig) -> None:
    await rig.deliver(rig.order(7, (MUG, 1)))
    await rig.deliver(rig.order(8, (MUG, 1)))
    await rig.drain()
    ids = await every_id(rig)
    await rig.admin.execute(
        "UPDATE deliveries SET body = 'broken, and long enough for a nonce' WHERE delivery_id = $1", ids[0]
    )

    found = await outcomes(rig.hub, ids)

    assert "cannot be read" in found[0].words
    assert found[1].became is Became.APPLIED


async def test_an_old_look_that_found_nothing_does_not_take_a_living_order_away(rig: Rig) -> None:
    await rig.counted(mug=5)
    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.drain()
    rig.clock.forward(seconds=5)
    await rig.deliver({"id": "1"}, topic="pull/missing", via="fetch")
    await rig.drain()
    rig.clock.forward(seconds=5)
    await rig.deliver(rig.order(1, (MUG, 2), minute=1), topic="pull/order", via="fetch")
    await rig.drain()
    missing = await rig.admin.fetchval("SELECT delivery_id FROM deliveries WHERE topic = 'pull/missing'")

    await replay(rig.hub, [missing], wait_s=0)
    await rig.drain()

    assert (await rig.stored(1))["gone_at"] is None
    assert await rig.stock() == (5, 2)
    assert await rig.admin.fetchval("SELECT channel_order_id FROM fetches") == "1"
