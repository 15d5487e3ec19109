"""Selling strictly: every shop has units of its own, and no answer that is lost makes two of them sell the same one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from random import Random
from typing import Any

import asyncpg
import pytest
from offers_rig import ITEMS, MUG, Bench, Market

from core.rules.offers import Mode
from core.rules.quotas import BLIND
from core.usecases.count_stock import Counted, count_stock
from core.usecases.relevel import relevel


@pytest.fixture
async def bench(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[Bench]:
    """Four shops that show nothing yet."""
    market = Market()
    admin = await asyncpg.connect(fresh)
    made = Bench(await make_hub(send=market), clock, admin, market=market)
    await made.open_shops(["one", "two", "three", "four"])
    yield made
    assert await made.violations() == {}
    await admin.close()


def shown(bench: Bench, sku: str = MUG) -> list[int]:
    return [bench.shop(connection).counts[ITEMS[sku]] for connection in bench.shops]


async def test_every_shop_gets_units_of_its_own(bench: Bench) -> None:
    await bench.rule(mode=Mode.STRICT)
    await bench.counted(mug=10)
    await bench.settle()

    assert sorted(shown(bench)) == [2, 2, 3, 3]
    assert await bench.violations(at_rest=True) == {}


async def test_the_last_unit_goes_to_where_it_sells(bench: Bench) -> None:
    await bench.rule(mode=Mode.STRICT)
    await bench.counted(mug=8)
    await bench.settle()
    for _ in range(2):
        await bench.deliver(await bench.sell(bench.shops[2]), connection=bench.shops[2])
        await bench.drain()
        await bench.settle()
        await bench.all_came_by(bench.clock())
        await bench.settle()
    left = shown(bench)

    await bench.counted(mug=3)  # with 2 reserved: one is free
    await bench.settle()
    await bench.all_came_by(bench.clock())
    await bench.settle()

    assert sum(left) == 6
    assert shown(bench) == [0, 0, 1, 0]


async def test_a_raise_waits_until_another_shop_has_confirmed_less(bench: Bench) -> None:
    await bench.counted(mug=8)
    await bench.settle()
    before = shown(bench)
    await bench.rule(mode=Mode.STRICT)
    for connection in bench.shops[1:]:
        await bench.switch_push(connection)
    while (await relevel(bench.hub)).variants:
        pass
    granted = [(await bench.level(connection))["desired"] for connection in bench.shops]
    bench.shop(bench.shops[3]).fault = "request"

    await bench.push()
    while (await relevel(bench.hub)).variants:
        pass

    assert before == [8, 8, 8, 8]
    assert granted == [2, 2, 2, 2]
    assert shown(bench) == [2, 2, 2, 8]
    assert await bench.possible() == 2 + 2 + 2 + 8  # the fourth may still be selling all of them


async def test_below_its_number_a_pooled_listing_turns_strict_and_back(bench: Bench) -> None:
    await bench.rule(strict_below=5)
    await bench.counted(mug=9)
    await bench.settle()
    pooled = shown(bench)

    await bench.counted(mug=4)
    await bench.settle()
    strict = shown(bench)
    await bench.counted(mug=20)
    await bench.settle()

    assert pooled == [9, 9, 9, 9]
    assert strict == [1, 1, 1, 1]
    assert shown(bench) == [20, 20, 20, 20]


async def test_a_shop_that_nothing_is_written_to_keeps_what_it_shows_and_the_others_share_the_rest(
    bench: Bench,
) -> None:
    await bench.counted(mug=8)
    await bench.settle()
    await bench.switch_push(bench.shops[0], on=False)

    await bench.rule(mode=Mode.STRICT)
    await bench.counted(mug=14)
    await bench.settle()

    assert shown(bench) == [8, 2, 2, 2]


async def test_units_that_were_lost_are_taken_back_from_every_shop(bench: Bench) -> None:
    await bench.rule(mode=Mode.STRICT)
    await bench.counted(mug=40)
    await bench.settle()

    await count_stock(bench.hub, bench.merchant_id, [Counted(MUG, 4)], cause="a person")
    while (await relevel(bench.hub)).variants:
        pass
    between = await bench.violations()
    await bench.settle()

    assert between == {}
    assert shown(bench) == [1, 1, 1, 1]


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_is_oversold_while_answers_are_lost(bench: Bench, seed: int) -> None:
    """Shops sell whatever they show; a third of what they are told is lost, half of that comes about all the same."""
    dice, units = Random(seed), 24
    await bench.rule(mode=Mode.STRICT)
    await bench.counted(mug=units)
    waiting: list[tuple[int, dict[str, Any], datetime]] = []
    sold = 0
    for _ in range(90):
        for connection in bench.shops:
            shop = bench.shop(connection)
            shop.fault = dice.choice(["", "", "", "", "answer", "request"])
            if shop.counts[ITEMS[MUG]] > 0 and dice.random() < 0.25:
                waiting.append((connection, await bench.sell(connection), bench.clock()))
                sold += 1
        # Not so close that a write may have wiped a sale out: these shops do not compare before they set.
        bench.clock.forward(seconds=15)
        while waiting and dice.random() < 0.6:
            connection, order, _ = waiting.pop(dice.randrange(len(waiting)))
            await bench.deliver(order, connection=connection)
        await bench.drain()
        await bench.all_came_by(min([bench.clock(), *(at for _, _, at in waiting)]))
        assert sum(shown(bench)) + len(waiting) <= await bench.free()
        await relevel(bench.hub)
        assert await bench.possible() <= await bench.free() + await bench.may_come_back()
        await bench.push()
        assert await bench.violations() == {}
        bench.clock.forward(seconds=dice.choice([15, 25, 40]))
    for connection, order, _ in waiting:
        await bench.deliver(order, connection=connection)
    await bench.drain()

    assert await bench.shortages() == 0
    assert sold == units


async def test_a_write_that_comes_about_late_is_reckoned_with(bench: Bench) -> None:
    await bench.rule(mode=Mode.STRICT)
    await bench.counted(mug=4)
    first = bench.shop(bench.shops[0])
    first.fault = "late"
    await bench.settle()  # the lost write of 1 is repeated and confirmed
    await bench.counted(mug=0)
    while (await relevel(bench.hub)).variants:
        pass
    await bench.push()
    told = shown(bench)

    first.take(first.late.pop())  # and now the first try comes about after all
    bench.clock.forward(seconds=60)
    await bench.settle()

    assert told == [0, 0, 0, 0]
    assert shown(bench) == [0, 0, 0, 0]


async def test_what_a_try_may_have_written_is_counted_once_however_often_it_is_told(bench: Bench) -> None:
    await bench.rule(mode=Mode.STRICT)
    await bench.counted(mug=8)
    await bench.settle()
    first = bench.shops[0]
    bench.shop(first).fault = "request"
    seen = []
    for units in (40, 44, 48):
        await bench.counted(mug=units)
        await bench.settle()
        seen.append((await bench.level(first))["unseen"])
    missed = shown(bench)[0]
    bench.clock.forward(seconds=60)

    await bench.all_came_by(bench.clock())
    await bench.settle()

    assert seen[0] == seen[1] == seen[2] > 0
    assert shown(bench)[0] >= missed + seen[0]
    assert (await bench.level(first))["unseen"] == 0


async def test_a_channel_that_does_not_compare_leaves_room_for_what_it_may_sell_meanwhile(
    bench: Bench,
) -> None:
    """Units sold between our reading a count and our writing it are on sale again, until their orders come."""
    await bench.rule(mode=Mode.STRICT)
    await bench.counted(mug=8)
    await bench.settle()

    await bench.counted(mug=12)
    await bench.settle()
    at_once = shown(bench)
    for _ in range(4):
        bench.clock.forward(seconds=60)
        await bench.all_came_by(bench.clock())
        await bench.settle()

    assert sum(at_once) + BLIND <= 12
    assert sum(shown(bench)) + BLIND <= 12
    for connection in bench.shops:  # what shows nothing can sell nothing meanwhile: there is no need
        while bench.shop(connection).counts[ITEMS[MUG]]:
            await bench.deliver(await bench.sell(connection), connection=connection)
    await bench.drain()
    await bench.all_came_by(bench.clock())
    await bench.settle()
    assert sum(shown(bench)) == await bench.free() > 0
