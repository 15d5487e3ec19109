"""A merchant's own words: tried first, then kept; and rules of what comes in as what."""

from __future__ import annotations

import pytest
from usecase_rig import MUG, Rig

from core.errors import UsageProblem
from core.store.words import put_rules
from core.usecases.change_words import Trial, Word, change_words, try_words

LAY_BY = Word(0, "payment_status", "lay-by", "pending")


async def test_a_word_is_tried_on_what_the_channel_sent_and_changes_nothing(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 1), status="lay-by"), rig.order(2, (MUG, 1)))
    await rig.drain()

    trial = await try_words(rig.hub, rig.merchant_id, [LAY_BY])

    assert trial == Trial(read=2, changed=1, holds_lifted=1, holds_added=0)
    assert await rig.admin.fetchval("SELECT count(*) FROM overrides") == 0


async def test_orders_held_for_a_word_are_looked_at_again_once_it_has_a_meaning(rig: Rig) -> None:
    await rig.counted(mug=5)
    state = rig.order(1, (MUG, 1), status="lay-by")
    await rig.deliver(state)
    await rig.drain()

    asked = await change_words(rig.hub, rig.merchant_id, [LAY_BY])
    await rig.deliver(state, topic="pull/order", via="fetch")
    await rig.admin.execute("DELETE FROM fetches")
    await rig.drain()

    assert asked == 1
    row = await rig.admin.fetchrow("SELECT payment_status, holds::text, intake FROM orders")
    assert tuple(row or ()) == ("pending", "[]", "reserve_only")


async def test_a_word_can_only_mean_what_there_is(rig: Rig) -> None:
    with pytest.raises(UsageProblem, match="no payment status"):
        await change_words(rig.hub, rig.merchant_id, [Word(0, "payment_status", "lay-by", "perhaps")])


async def test_a_pattern_that_is_never_stock_neither_reserves_nor_holds(rig: Rig) -> None:
    await change_words(rig.hub, rig.merchant_id, [Word(0, "never_stock", "FEE-*", "never")])

    await rig.deliver(rig.order(1, ("FEE-GIFTWRAP", 2)))
    await rig.drain()

    assert await rig.admin.fetchval("SELECT holds::text FROM orders") == "[]"
    assert await rig.admin.fetchval("SELECT count(*) FROM reservations") == 0


async def test_the_merchants_own_rule_is_asked_before_the_built_in_ones(rig: Rig) -> None:
    await rig.counted(mug=5)
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await put_rules(tx, rig.merchant_id, rig.first, [({"payment_status": ["paid"]}, "record_only")])
    rig.hub.forget(rig.merchant_id, rig.first)

    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.deliver(rig.order(2, (MUG, 1)), connection=rig.second)
    await rig.drain()

    assert [row["intake"] for row in await rig.admin.fetch("SELECT intake FROM orders ORDER BY 1")] == [
        "record_only",
        "ship",
    ]
    assert await rig.stock() == (5, 1)
