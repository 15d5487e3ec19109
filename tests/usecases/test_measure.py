"""Sales are measured: how long news of them took, how fast they come, and what listings hold back because of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from usecase_rig import ITEMS, MUG, TEA, Rig, Shop

from core.rules.demand import HALF_LIVES, Velocity, fastest, together
from core.rules.lags import LagModel
from core.rules.offers import ListingRule
from core.store import lags, listing_rules
from core.store.listing_rules import Scope
from core.usecases.hold_back import hold_back, pools_of
from core.usecases.level_variants import level_variants
from core.usecases.measure import measure
from core.usecases.relevel import relevel
from core.usecases.tally_sales import SETTLED, tally_sales
from jobs.work import EVERY_S, Worker


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


async def sold(
    rig: Rig, number: int, connection: int, *, known_after: float, told_after: float = 0, units: int = 1
) -> None:
    """An order of mugs that we know after so many seconds; the other shop is told so many later."""
    placed = rig.clock().replace(microsecond=0)
    rig.clock.forward(seconds=known_after)
    payload = rig.order(number, (MUG, units), placed=placed, changed=rig.clock().replace(microsecond=0))
    await rig.deliver(payload, connection=connection)
    await rig.drain()
    await relevel(rig.hub)
    rig.clock.forward(seconds=told_after)
    await rig.push()


async def models(rig: Rig) -> dict[int, tuple[LagModel, LagModel]]:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        return await lags.lag_models(tx, rig.merchant_id, rig.clock())


async def variant(rig: Rig) -> int:
    return int(await rig.admin.fetchval("SELECT variant_id FROM variants WHERE sku = $1", MUG))


async def test_a_sale_is_measured_from_its_order_to_us_and_on_to_the_other_shop(rig: Rig) -> None:
    await sold(rig, 1, rig.second, known_after=40, told_after=5)
    rig.clock.forward(minutes=3)

    await measure(rig.hub)

    found = await models(rig)
    news, nothing_told = found[rig.second]
    nothing_sold, publish = found[rig.first]
    assert news.mean == pytest.approx(40, rel=0.15)
    assert publish.mean == pytest.approx(5, rel=0.25)
    assert (nothing_told.total, nothing_sold.total) == (0, 0)


async def test_a_sale_is_measured_once(rig: Rig) -> None:
    await sold(rig, 1, rig.second, known_after=40, told_after=5)
    rig.clock.forward(minutes=3)
    await measure(rig.hub)
    assert await tally_sales(rig.hub) == {rig.merchant_id: {await variant(rig)}}
    before = await rig.admin.fetch("SELECT * FROM lags ORDER BY connection_id")
    speed = await rig.admin.fetch("SELECT * FROM velocities ORDER BY half_life")

    await measure(rig.hub)
    assert await tally_sales(rig.hub) == {}

    assert await rig.admin.fetch("SELECT * FROM lags ORDER BY connection_id") == before
    assert await rig.admin.fetch("SELECT * FROM velocities ORDER BY half_life") == speed
    assert [row["seen"] for row in before] == [1, 1]


async def test_a_sale_that_was_just_made_waits_until_the_others_had_time(rig: Rig) -> None:
    await sold(rig, 1, rig.second, known_after=40)

    await measure(rig.hub)

    assert await models(rig) == {}


async def test_a_shop_that_cannot_be_told_counts_as_slow_as_it_is_by_now(rig: Rig, shop: Shop) -> None:
    shop.status = 401
    await sold(rig, 1, rig.second, known_after=2)
    rig.clock.forward(minutes=30)

    await measure(rig.hub)

    _, publish = (await models(rig))[rig.first]
    assert publish.mean == pytest.approx(1800, rel=0.15)


async def test_a_shop_whose_clock_is_ahead_is_no_faster_than_at_once(rig: Rig) -> None:
    late = rig.order(1, (MUG, 1), placed=rig.clock() + timedelta(minutes=2), changed=rig.clock())
    await rig.deliver(late, connection=rig.second)
    await rig.drain()
    rig.clock.forward(minutes=3)

    await measure(rig.hub)

    news, _ = (await models(rig))[rig.second]
    assert news.mean == 0.5
    assert news.total == pytest.approx(1, abs=0.01)


async def test_what_came_after_days_is_no_news_but_was_sold(rig: Rig) -> None:
    old = rig.order(1, (MUG, 1), placed=rig.clock() - timedelta(days=20), changed=rig.clock())
    await rig.admin.execute("UPDATE connections SET stock_since = stock_since - interval '30 days'")
    await rig.deliver(old, connection=rig.second)
    await rig.drain()
    rig.clock.forward(minutes=3)

    await measure(rig.hub)
    await tally_sales(rig.hub)

    assert rig.second not in await models(rig)
    assert await rig.admin.fetchval("SELECT count(*) FROM velocities") == len(HALF_LIVES)


async def test_velocity_is_what_was_sold_at_each_shop(rig: Rig) -> None:
    for number in range(1, 11):
        await sold(rig, number, rig.second, known_after=60, units=2)
    rig.clock.forward(minutes=3)

    await tally_sales(rig.hub)

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        tallies = await lags.tallies_of(tx, [(rig.merchant_id, await variant(rig))])
    assert {key[1] for key in tallies} == {rig.second}
    speed = fastest(tally.velocity(rig.clock()) for tally in tallies.values())
    assert speed.units_per_hour == pytest.approx(20 / (13 / 60), rel=0.15)
    assert speed.dispersion == pytest.approx(2)


async def test_a_burst_counts_seconds_after_its_orders_are_known(rig: Rig) -> None:
    await busy(rig)
    for number in range(31, 41):
        await sold(rig, number, rig.second, known_after=2)

    rig.clock.forward(seconds=SETTLED.total_seconds())
    assert await tally_sales(rig.hub) == {rig.merchant_id: {await variant(rig)}}

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        tallies = await lags.tallies_of(tx, [(rig.merchant_id, await variant(rig))])
    burst, *longer = (tally.velocity(rig.clock()).units_per_hour for tally in together(tallies.values()))
    assert burst > max(longer)


async def test_what_is_no_sale_is_looked_through_once(rig: Rig) -> None:
    rig.clock.forward(minutes=1)

    assert await tally_sales(rig.hub) == {}

    counted = "SELECT tallied_id = (SELECT max(entry_id) FROM stock_ledger) FROM measured_until"
    assert await rig.admin.fetchval(counted)
    await sold(rig, 1, rig.second, known_after=2)
    rig.clock.forward(minutes=1)
    assert await tally_sales(rig.hub) == {rig.merchant_id: {await variant(rig)}}


async def test_a_sale_that_makes_a_buffer_grow_leaves_those_of_other_variants(rig: Rig) -> None:
    await busy(rig)
    await limit(rig, Scope(), ListingRule(buffer_limit=2))
    await hold_back(rig.hub)
    before = await rig.admin.fetch("SELECT listing_id, units FROM measured_buffers ORDER BY 1")

    assert await hold_back(rig.hub, {rig.merchant_id: {await variant(rig) + 1}}) == 0
    assert await rig.admin.fetch("SELECT listing_id, units FROM measured_buffers ORDER BY 1") == before

    assert await hold_back(rig.hub, {rig.merchant_id: {await variant(rig)}}) == 1


async def limit(rig: Rig, scope: Scope, rule: ListingRule) -> None:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await listing_rules.put_rule(tx, rig.merchant_id, scope, rule, "a person", rig.clock())


async def busy(rig: Rig) -> None:
    for number in range(1, 21):
        await sold(rig, number, (rig.first, rig.second)[number % 2], known_after=60)
    rig.clock.forward(minutes=3)
    while await measure(rig.hub):
        pass
    while await tally_sales(rig.hub):
        pass


async def test_a_limit_holds_units_back_at_one_shop_and_lets_the_other_sell_the_last(rig: Rig) -> None:
    await busy(rig)
    await limit(rig, Scope(), ListingRule(buffer_limit=2))

    assert await hold_back(rig.hub) == 1
    await relevel(rig.hub)

    offers = sorted([(await rig.level(place))["desired"] for place in (rig.first, rig.second)])
    held = await rig.admin.fetch("SELECT units, expected_oversold FROM measured_buffers ORDER BY units")
    assert [row["units"] for row in held] == [0, 80 - offers[0]]
    assert offers[0] < offers[1] == 80
    assert all(row["expected_oversold"] <= 2 * 100 / 10_000 for row in held)


async def test_nothing_changes_while_nothing_new_is_measured(rig: Rig) -> None:
    await busy(rig)
    await limit(rig, Scope(), ListingRule(buffer_limit=2))
    await hold_back(rig.hub)
    await relevel(rig.hub)

    await hold_back(rig.hub)

    assert await rig.admin.fetchval("SELECT count(*) FROM dirty") == 0


async def test_a_limit_that_is_taken_back_gives_the_units_back(rig: Rig) -> None:
    await busy(rig)
    await limit(rig, Scope(), ListingRule(buffer_limit=2))
    await hold_back(rig.hub)
    await relevel(rig.hub)

    await limit(rig, Scope(), ListingRule())
    await hold_back(rig.hub)
    await relevel(rig.hub)

    assert [(await rig.level(place))["desired"] for place in (rig.first, rig.second)] == [80, 80]
    assert await rig.admin.fetchval("SELECT count(*) FROM measured_buffers") == 0


async def test_a_buffer_said_for_one_shop_is_kept_there_and_why_is_said(rig: Rig) -> None:
    await busy(rig)
    await limit(rig, Scope(), ListingRule(buffer_limit=2))
    await limit(rig, Scope(connection_id=rig.first), ListingRule(buffer=7))
    await hold_back(rig.hub)

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        levelled = await level_variants(tx, [(rig.merchant_id, await variant(rig))], rig.clock(), blind=())

    words = {one.standing.key[1]: [step.words for step in one.wish.offer.steps] for one in levelled}
    assert words[rig.first] == ["free 80", "buffer 7 → 73"]
    measured = await rig.admin.fetchval("SELECT units FROM measured_buffers")
    if measured:
        assert words[rig.second][1].startswith(f"buffer {measured} (for 2 oversold in 10,000)")


async def test_a_shop_nobody_has_measured_is_taken_to_be_slow(rig: Rig) -> None:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        (pool,) = await pools_of(tx, rig.merchant_id, [await variant(rig)], rig.clock())
    assert all(outlet.publish.quantile(0.5) > 30 for outlet in pool.outlets)
    assert [outlet.velocity for outlet in pool.outlets] == [Velocity(0.0), Velocity(0.0)]


async def test_a_worker_measures_and_holds_back_without_being_rung_for(rig: Rig) -> None:
    for number in range(1, 21):
        await sold(rig, number, (rig.first, rig.second)[number % 2], known_after=60)
    rig.clock.forward(minutes=3)
    await limit(rig, Scope(), ListingRule(buffer_limit=2))
    worker = Worker(rig.hub)

    assert {"tally", "measure"} <= {*worker.due()}
    await worker.spell("measure")
    assert await rig.admin.fetchval("SELECT count(*) FROM measured_buffers WHERE units > 0") == 0
    await worker.spell("tally")

    assert {"tally", "measure"}.isdisjoint(worker.due())
    assert await rig.admin.fetchval("SELECT count(*) FROM measured_buffers WHERE units > 0") == 1


async def test_who_takes_the_place_of_another_goes_on_with_its_clock(rig: Rig) -> None:
    first = Worker(rig.hub)
    successor = Worker(rig.hub, since=time.monotonic() - 1.5 * EVERY_S["tally"])

    assert set(EVERY_S) <= {*first.due()}
    assert set(EVERY_S).isdisjoint(successor.due())
    successor._looked_at["tally"] -= EVERY_S["tally"] / 2
    assert "tally" in successor.due()
