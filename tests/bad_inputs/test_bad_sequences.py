"""What comes in an impossible order or cannot both be: the numbers are those of our list of bad inputs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from core.usecases.relevel import relevel
from tests.usecases.usecase_rig import MUG, TEA, Rig


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[Rig]:
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(), clock, admin)
    await made.open()
    await made.counted(mug=20, tea=20)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def test_78_an_update_before_the_creation_makes_the_order(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 3), minute=5), topic="order.updated")
    await rig.drain()
    await rig.deliver(rig.order(1, (MUG, 2)), topic="order.created")
    await rig.drain()

    assert await rig.stock(MUG) == (20, 3)


async def test_79_a_cancellation_before_the_creation_makes_a_cancelled_order_that_holds_nothing(
    rig: Rig,
) -> None:
    await rig.deliver(rig.order(1, (MUG, 3), minute=5, status="cancelled"))
    await rig.drain()
    await rig.deliver(rig.order(1, (MUG, 3)), topic="order.created")
    await rig.drain()

    assert (await rig.stored(1))["cancelled_at"] is not None
    assert await rig.stock(MUG) == (20, 0)


async def test_82_a_cancellation_after_the_goods_left_is_flagged_and_brings_nothing_back(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 3), minute=1, status="completed"))
    await rig.drain()
    await rig.deliver(rig.order(1, (MUG, 3), minute=9, status="cancelled"))
    await rig.drain()

    assert "shipped_and_cancelled" in (await rig.stored(1))["flags"]
    assert await rig.stock(MUG) == (17, 0)


async def test_83_goods_that_leave_after_the_cancellation_are_booked_out(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 3), minute=1, status="cancelled"))
    await rig.drain()
    await rig.deliver(rig.order(1, (MUG, 3), minute=9, status="completed"))
    await rig.drain()

    assert await rig.stock(MUG) == (17, 0)


async def test_84_more_money_back_than_the_order_cost_is_held(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 2), refunds=[{"id": 9, "reason": "", "total": "-25.00"}]))
    await rig.drain()

    assert "refund_exceeds_total" in await rig.holds(1)
    assert await rig.stock(MUG) == (20, 2)


async def test_84_a_refund_told_twice_is_one(rig: Rig) -> None:
    refunded = rig.order(1, (MUG, 2), minute=3, refunds=[{"id": 9, "reason": "", "total": "-20.00"}])
    for _ in range(2):
        await rig.deliver(refunded)
        await rig.deliver(refunded, topic="order.created")
        await rig.drain()

    assert await rig.holds(1) == set()
    assert (await rig.stored(1))["version"] == 1


async def test_85_a_line_taken_out_of_an_order_gives_its_units_back(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 2), (TEA, 3)))
    await rig.drain()
    await rig.deliver(rig.order(1, (MUG, 2), minute=4))
    await rig.drain()

    assert (await rig.stock(MUG), await rig.stock(TEA)) == ((20, 2), (20, 0))


async def test_86_one_order_id_in_two_shops_is_two_orders(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 1)), connection=rig.first)
    await rig.deliver(rig.order(1, (MUG, 1)), connection=rig.second)
    await rig.drain()

    assert await rig.admin.fetchval("SELECT count(*) FROM orders WHERE channel_order_id = '1'") == 2
    assert await rig.stock(MUG) == (20, 2)


async def test_87_an_order_deleted_and_restored_is_open_again_after_a_look(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 1)))
    await rig.drain()
    await rig.deliver({"id": "1"}, topic="pull/missing", via="fetch")
    await rig.drain()
    gone = await rig.stock(MUG)
    rig.clock.forward(seconds=5)
    await rig.deliver(rig.order(1, (MUG, 1), minute=2), topic="pull/order", via="fetch")
    await rig.drain()

    assert (gone, await rig.stock(MUG)) == ((20, 0), (20, 1))


async def test_89_a_thousand_changes_of_one_order_in_a_second_cause_a_handful_of_looks_and_writes(
    rig: Rig,
) -> None:
    await relevel(rig.hub)
    for number in range(1000):
        await rig.deliver(rig.order(1, (MUG, 1 + number % 3), minute=7, customer_note=str(number)))
    await rig.drain()
    levelled = (await relevel(rig.hub)).variants

    assert await rig.admin.fetchval("SELECT count(*) FROM fetches") == 1
    assert levelled <= 1
    assert await rig.admin.fetchval("SELECT max(desired_seq) FROM listing_levels") <= 10
