"""What is levelled while many orders wait to be applied: not the same variant again and again, and nobody too late."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from usecase_rig import ITEMS, MUG, TEA, Rig, Shop

from core.rules.offers import ListingRule, Mode
from core.rules.patience import BACKLOG
from core.store.listing_rules import Scope
from core.usecases.drain import drain
from core.usecases.relevel import relevel
from core.usecases.set_rules import set_rule


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[Rig]:
    """Two shops that show 1,000 mugs and 3 teas; stock is pushed to the first."""
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=Shop({ITEMS[MUG]: 1_000, ITEMS[TEA]: 3})), clock, admin)
    await made.open()
    await made.counted(mug=1_000, tea=3)
    await made.shops_show(MUG, 1_000)
    await made.shops_show(TEA, 3)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def _sell(rig: Rig, *skus: str, waiting: int) -> None:
    """One order with a unit of each of *skus* is applied, and *waiting* deliveries are not."""
    count = await rig.admin.fetchval("SELECT count(*) FROM deliveries")
    await rig.deliver(rig.order(count + 1, *((sku, 1) for sku in skus)), connection=rig.second)
    await drain(rig.hub)
    await rig.deliver(*(rig.order(count + 2 + n, (MUG, 1)) for n in range(waiting)), connection=rig.second)


async def _desired(rig: Rig) -> dict[str, int]:
    rows = await rig.admin.fetch(
        """SELECT l.sku, ll.desired FROM listing_levels ll JOIN listings l USING (merchant_id, listing_id)
           WHERE ll.connection_id = $1""",
        rig.first,
    )
    return {row["sku"]: row["desired"] for row in rows}


async def test_with_a_backlog_plenty_waits_two_seconds_and_what_is_scarce_goes_at_once(rig: Rig) -> None:
    await _sell(rig, MUG, TEA, waiting=BACKLOG + 1)
    rig.clock.forward(seconds=0.1)

    assert (await relevel(rig.hub)).variants == 1
    assert await _desired(rig) == {MUG: 1_000, TEA: 2}

    rig.clock.forward(seconds=1.8)
    assert (await relevel(rig.hub)).variants == 0
    rig.clock.forward(seconds=0.1)
    assert (await relevel(rig.hub)).variants == 1
    assert await _desired(rig) == {MUG: 999, TEA: 2}


async def test_without_a_backlog_levels_go_out_at_once(rig: Rig) -> None:
    await _sell(rig, MUG, waiting=BACKLOG)

    assert (await relevel(rig.hub)).variants == 1
    assert await _desired(rig) == {MUG: 999, TEA: 3}


async def test_once_the_backlog_is_applied_nothing_waits_any_more(rig: Rig) -> None:
    await _sell(rig, MUG, waiting=BACKLOG + 1)
    assert (await relevel(rig.hub)).variants == 0

    await rig.drain()

    assert (await relevel(rig.hub)).variants == 1
    assert await _desired(rig) == {MUG: 1_000 - 1 - (BACKLOG + 1), TEA: 3}


async def test_a_backlog_of_one_merchant_keeps_nobody_else_waiting(rig: Rig, clock: Any) -> None:
    other = Rig(rig.hub, clock, rig.admin)
    await other.open("Ben")
    await other.counted(mug=1_000)
    await other.shops_show(MUG, 1_000)
    await _sell(rig, MUG, waiting=0)
    await _sell(other, MUG, waiting=0)
    await rig.deliver(*(rig.order(100 + n, (MUG, 1)) for n in range(BACKLOG + 1)), connection=rig.second)

    assert (await relevel(rig.hub)).variants == 1
    assert (await _desired(other))[MUG] == 999
    assert (await _desired(rig))[MUG] == 1_000


async def test_what_a_person_counts_waits_for_no_orders(rig: Rig) -> None:
    await _sell(rig, MUG, waiting=BACKLOG + 1)

    await rig.counted(mug=1_500)

    assert (await relevel(rig.hub)).variants == 1
    assert (await _desired(rig))[MUG] == 1_499


async def test_a_strict_listing_waits_for_no_orders(rig: Rig) -> None:
    await rig.switch_push(rig.first)
    await rig.switch_push(rig.second)
    await set_rule(rig.hub, rig.merchant_id, Scope(), ListingRule(mode=Mode.STRICT), by="a person")
    while (await relevel(rig.hub)).variants:
        await rig.push()
    await _sell(rig, MUG, waiting=BACKLOG + 1)

    assert (await relevel(rig.hub)).variants == 1
