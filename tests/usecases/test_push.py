"""Telling a channel what it may sell: once, never putting sold units back, whatever answers are lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from usecase_rig import ITEMS, MUG, TEA, Rig, Shop

from core.failpoints import arm
from core.usecases.relevel import relevel


@pytest.fixture
def shop() -> Shop:
    return Shop({ITEMS[MUG]: 100, ITEMS[TEA]: 0})


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any, shop: Shop) -> AsyncIterator[Rig]:
    """Two shops that show the 100 mugs on the shelf; stock is pushed to the first."""
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=shop), clock, admin)
    await made.open()
    await made.counted(mug=100)
    await made.shops_show(MUG, 100)
    await made.switch_push(made.first)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def test_a_hundred_sales_elsewhere_are_told_in_one_write(rig: Rig, shop: Shop) -> None:
    for number in range(1, 101):
        await rig.deliver(rig.order(number, (MUG, 1)), connection=rig.second)
    await rig.drain()

    await relevel(rig.hub)
    await rig.push()

    assert shop.writes == [{ITEMS[MUG]: 0}]
    assert await rig.violations(at_rest=True) == {}


@pytest.fixture
def disarmed() -> Iterator[None]:
    yield
    arm("")


@pytest.mark.usefixtures("disarmed")
async def test_a_worker_that_comes_to_itself_after_its_lease_says_nothing_any_more(
    rig: Rig, shop: Shop
) -> None:
    rig.hub.settings = replace(rig.hub.settings, lease_s=1.0, call_deadline_s=0.5)
    await rig.deliver(rig.order(1, (MUG, 2)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    arm(f"push.claimed=delay:{rig.hub.settings.lease_s}")

    late = asyncio.create_task(rig.push())
    await asyncio.sleep(rig.hub.settings.lease_s / 2)
    await rig.admin.execute("UPDATE schedule SET lease_until = '-infinity' WHERE kind = 'push'")
    await rig.push()  # another worker, while the first one is still away
    await late

    assert shop.writes == [{ITEMS[MUG]: 98}]
    assert shop.counts[ITEMS[MUG]] == 98


async def test_a_channel_is_not_told_about_its_own_sale(rig: Rig, shop: Shop) -> None:
    shop.counts[ITEMS[MUG]] = 98
    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.drain()

    await relevel(rig.hub)
    await rig.push()

    assert shop.writes == []
    level = await rig.level(rig.first)
    assert (level["desired"], level["predicted"], level["pending"]) == (98, 98, False)


async def test_units_a_channel_sold_unseen_are_not_put_back_on_sale(rig: Rig, shop: Shop) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    shop.sell_before_read = {ITEMS[MUG]: 3}

    await rig.push()
    told = list(shop.writes)
    await rig.deliver(rig.order(2, (MUG, 3)))  # the order behind the unseen sale
    await rig.drain()
    await relevel(rig.hub)
    await rig.push()

    assert told == [{ITEMS[MUG]: 87}]
    assert shop.writes == told
    level = await rig.level(rig.first)
    assert (level["desired"], level["predicted"], level["unseen"]) == (87, 87, 0)


async def test_a_write_whose_answer_was_lost_is_not_taken_for_a_sale(rig: Rig, shop: Shop) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    shop.lose = 1

    await rig.push()
    outcome = await rig.admin.fetchval("SELECT outcome FROM push_attempts")
    rig.clock.forward(minutes=20)
    await rig.push()

    assert outcome == "unknown"
    assert shop.counts[ITEMS[MUG]] == 90
    level = await rig.level(rig.first)
    assert (level["confirmed"], level["unseen"], level["maybe"], level["pending"]) == (90, 0, None, False)


async def test_a_sale_wiped_out_by_a_write_whose_answer_was_lost_is_noticed_when_its_order_comes(
    rig: Rig, shop: Shop
) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    shop.sell_before_write = {ITEMS[MUG]: 2}  # between our look and our write
    shop.lose = 1
    placed = rig.clock()
    await rig.push()
    rig.clock.forward(minutes=20)
    await rig.push()
    believed = (await rig.level(rig.first))["predicted"]

    await rig.deliver(rig.order(2, (MUG, 2), placed=placed, changed=placed))
    await rig.drain()
    await relevel(rig.hub)
    await rig.ring_push(rig.first)
    await rig.push()

    assert believed == 90
    assert shop.counts[ITEMS[MUG]] == 88


async def test_refused_credentials_pause_the_connection_and_keep_what_is_pending(
    rig: Rig, shop: Shop
) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    shop.status = 401

    await rig.push()
    rig.clock.forward(hours=5)
    again = await rig.push()

    status = await rig.admin.fetchval("SELECT status FROM connections WHERE connection_id = $1", rig.first)
    assert status == "reauth_required"
    assert again == 0
    assert (await rig.level(rig.first))["pending"]


async def test_nothing_is_written_before_a_person_says_so(rig: Rig, shop: Shop) -> None:
    await rig.switch_push(rig.first, on=False)
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)

    await rig.push()

    assert shop.writes == []
    assert (await rig.level(rig.first))["pending"]


async def test_switching_off_between_two_pushes_stops_the_next_one_at_once(rig: Rig, shop: Shop) -> None:
    await rig.deliver(rig.order(1, (MUG, 10)), connection=rig.second)
    await rig.drain()
    await relevel(rig.hub)
    await rig.hub.account(rig.merchant_id, rig.first)  # what the worker believes for five seconds
    await rig.admin.execute("UPDATE connections SET push_stock = false")

    await rig.push()

    assert shop.writes == []


async def test_an_item_the_channel_does_not_know_waits_alone(rig: Rig, shop: Shop) -> None:
    await rig.counted(mug=90, tea=7)
    del shop.counts[ITEMS[TEA]]
    await relevel(rig.hub)

    await rig.push()

    assert shop.writes == [{ITEMS[MUG]: 90}]
    tea = await rig.level(rig.first, TEA)
    assert tea["pending"]
    assert "not_found" in tea["error"]


async def test_a_variant_that_nobody_counted_is_never_told_to_be_zero(rig: Rig, shop: Shop) -> None:
    shop.counts[ITEMS[TEA]] = 9
    await rig.admin.execute(
        "INSERT INTO dirty (merchant_id, variant_id, since) SELECT merchant_id, variant_id, now() FROM variants"
        " ON CONFLICT DO NOTHING"
    )
    await relevel(rig.hub)

    await rig.ring_push(rig.first)
    await rig.push()

    assert shop.counts[ITEMS[TEA]] == 9
    assert (
        await rig.admin.fetchval(
            "SELECT count(*) FROM listing_levels JOIN listings USING (listing_id) WHERE sku = $1 AND desired IS NOT NULL",
            TEA,
        )
        == 0
    )
