"""What a write leaves open is known once every order from before has come; where units are pooled it makes no work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from drift_rig import DriftRig
from offers_rig import EVERYTHING
from usecase_rig import ITEMS, MUG, TEA, Shop

from core.rules.offers import ListingRule, Mode
from core.rules.quotas import BLIND
from core.usecases.relevel import relevel
from core.usecases.set_rules import set_rule


@pytest.fixture
def shop() -> Shop:
    return Shop({ITEMS[MUG]: 100, ITEMS[TEA]: 0})


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any, shop: Shop) -> AsyncIterator[DriftRig]:
    admin = await asyncpg.connect(fresh)
    made = DriftRig(await make_hub(send=shop), clock, admin)
    await made.start(shop)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def told(rig: DriftRig, units: int) -> None:
    """So many mugs are counted, and the shop is told."""
    await rig.counted(mug=units)
    while (await relevel(rig.hub)).variants:
        pass
    for _ in range(3):
        await rig.push()
        rig.clock.forward(seconds=15)


async def strictly(rig: DriftRig) -> None:
    """The other shop is told nothing: it keeps the 100 it shows."""
    await set_rule(rig.hub, rig.merchant_id, EVERYTHING, ListingRule(mode=Mode.STRICT), by="a person")


async def test_a_strict_write_that_does_not_compare_is_sure_when_its_orders_have_had_their_time(
    rig: DriftRig,
) -> None:
    await strictly(rig)
    await told(rig, 280)
    written = await rig.level(rig.first)
    await rig.sweep()
    due = await rig.due()

    await rig.settled()

    assert written["unsure"] == BLIND
    assert due == written["unsure_at"] + timedelta(seconds=rig.hub.settings.unseen_patience_s)
    level = await rig.level(rig.first)
    assert (level["unsure"], level["unsure_at"]) == (0, None)


async def test_units_that_a_lost_answer_may_explain_are_no_difference_and_come_back_on_sale(
    rig: DriftRig,
) -> None:
    await strictly(rig)
    await told(rig, 280)
    await rig.settled()
    before = rig.shown
    rig.shop.lose = 1
    await told(rig, 240)  # the shop takes it, and does not say so
    written = await rig.level(rig.first)

    await rig.settled()

    assert (await rig.level(rig.first))["assumed"] == 0 < written["assumed"] == written["unseen"]
    assert await rig.drifts() == []
    assert before > rig.shown > written["predicted"]


async def test_a_pooled_write_leaves_no_work(rig: DriftRig) -> None:
    await told(rig, 80)
    await rig.sweep()

    due = await rig.due()
    await rig.settled()

    assert due == (await rig.last_sweep())["started_at"] + timedelta(minutes=10)
    assert rig.shop.writes == [{ITEMS[MUG]: 80}]
    assert await rig.admin.fetchval("SELECT count(*) FROM dirty") == 0
    assert (await rig.level(rig.first))["unsure_at"] is None
