"""What the drain makes of deliveries: permutations, duplicates, late ones, holds, stock."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta

from usecase_rig import MUG, TEA, Rig


async def test_every_permutation_of_an_orders_life_ends_in_its_newest_state(rig: Rig) -> None:
    await rig.counted(mug=100)
    for number, sequence in enumerate(itertools.permutations(range(4)), start=1):
        life = [
            rig.order(number, (MUG, 2), minute=0, status="pending"),
            rig.order(number, (MUG, 2), minute=1),
            rig.order(number, (MUG, 3), minute=2),
            rig.order(number, (MUG, 3), minute=3, status="completed"),
        ]
        for place in sequence:
            await rig.deliver(life[place])
            if (number + place) % 3 == 0:  # some arrive in one slice, some in slices of their own
                await rig.drain()

    await rig.drain()

    rows = await rig.admin.fetch("SELECT DISTINCT channel_status, fulfillment_status FROM orders")
    assert [tuple(row) for row in rows] == [("completed", "fulfilled")]
    assert await rig.admin.fetchval("SELECT count(*) FROM orders") == 24
    assert await rig.stock() == (100 - 24 * 3, 0)


async def test_duplicates_change_nothing(rig: Rig) -> None:
    await rig.counted(mug=10)
    state = rig.order(1, (MUG, 2))
    await rig.deliver(state)
    await rig.drain()

    await rig.deliver(state, state)
    await rig.deliver(state, topic="order.created")
    await rig.deliver(state, topic="pull/order", via="pull")
    done = await rig.drain()

    assert done.applied.same == 2  # the same bytes of the same topic were not even stored
    assert (await rig.stored(1))["version"] == 1
    assert await rig.stock() == (10, 2)


async def test_a_late_old_state_changes_nothing(rig: Rig) -> None:
    await rig.counted(mug=10)
    await rig.deliver(rig.order(1, (MUG, 2), minute=5, status="cancelled"))
    await rig.drain()

    await rig.deliver(rig.order(1, (MUG, 2), minute=1))
    done = await rig.drain()

    assert done.applied.stale == 1
    assert (await rig.stored(1))["cancelled_at"] is not None
    assert await rig.stock() == (10, 0)


async def test_an_unknown_status_is_a_hold_and_the_units_are_reserved_all_the_same(rig: Rig) -> None:
    await rig.counted(mug=10)

    await rig.deliver(rig.order(1, (MUG, 2), status="wc-in-the-oven"))
    await rig.drain()

    assert await rig.holds(1) == {"unmapped_value"}
    assert (await rig.stored(1))["intake"] == "reserve_only"
    assert await rig.stock() == (10, 2)


async def test_a_cancelled_order_gives_its_units_back(rig: Rig) -> None:
    await rig.counted(mug=10)
    await rig.deliver(rig.order(1, (MUG, 4)))
    await rig.drain()

    await rig.deliver(rig.order(1, (MUG, 4), minute=1, status="cancelled"))
    await rig.drain()

    assert await rig.stock() == (10, 0)


async def test_a_shipped_order_takes_its_units_off_the_shelf_once(rig: Rig) -> None:
    await rig.counted(mug=10)
    await rig.deliver(rig.order(1, (MUG, 4)))
    await rig.drain()

    await rig.deliver(rig.order(1, (MUG, 4), minute=1, status="completed"))
    await rig.drain()
    await rig.deliver(rig.order(1, (MUG, 4), minute=2, status="completed", customer_note="thanks"))
    await rig.drain()

    assert await rig.stock() == (6, 0)


async def test_units_that_left_do_not_come_back_by_a_cancellation(rig: Rig) -> None:
    await rig.counted(mug=10)
    await rig.deliver(rig.order(1, (MUG, 4), status="completed"))
    await rig.drain()

    await rig.deliver(rig.order(1, (MUG, 4), minute=2, status="cancelled"))
    await rig.drain()

    assert await rig.stock() == (6, 0)


async def test_an_unmapped_sku_holds_the_order_and_reserves_the_other_lines(rig: Rig) -> None:
    await rig.counted(mug=10)

    await rig.deliver(rig.order(1, (MUG, 1), ("NOBODY-KNOWS", 1)))
    await rig.drain()

    assert await rig.holds(1) == {"unmapped_sku"}
    assert await rig.stock() == (10, 1)


async def test_an_edited_order_holds_what_it_asks_for_now(rig: Rig) -> None:
    await rig.counted(mug=10, tea=10)
    await rig.deliver(rig.order(1, (MUG, 2), (TEA, 2)))
    await rig.drain()

    await rig.deliver(rig.order(1, (MUG, 5), minute=1))
    await rig.drain()

    assert await rig.stock(MUG) == (10, 5)
    assert await rig.stock(TEA) == (10, 0)


async def test_an_order_that_is_gone_gives_its_units_back_and_keeps_its_record(rig: Rig) -> None:
    await rig.counted(mug=3)
    await rig.deliver(rig.order(1, (MUG, 4)))
    await rig.drain()

    await rig.deliver({"id": "1"}, topic="pull/missing", via="fetch")
    await rig.drain()

    gone = await rig.stored(1)
    assert gone["gone_at"] is not None
    assert gone["version"] == 2
    assert await rig.stock() == (3, 0)
    assert await rig.admin.fetchval("SELECT count(*) FROM shortages WHERE quantity > 0") == 0


async def test_a_deletion_is_believed_only_after_a_look(rig: Rig) -> None:
    await rig.counted(mug=3)
    await rig.deliver(rig.order(1, (MUG, 1)))
    await rig.drain()

    await rig.deliver({"id": 1}, topic="order.deleted")
    await rig.drain()

    assert await rig.stock() == (3, 1)
    assert await rig.admin.fetchval("SELECT channel_order_id FROM fetches") == "1"


async def test_a_gone_order_is_not_revived_by_a_late_webhook_but_by_a_look(rig: Rig) -> None:
    await rig.counted(mug=3)
    await rig.deliver(rig.order(1, (MUG, 1)))
    await rig.drain()
    rig.clock.forward(seconds=5)
    await rig.deliver({"id": "1"}, topic="pull/missing", via="fetch")
    await rig.drain()
    rig.clock.forward(seconds=5)

    await rig.deliver(rig.order(1, (MUG, 2), minute=1))
    await rig.drain()
    after_the_webhook = await rig.stock()
    await rig.deliver(rig.order(1, (MUG, 2), minute=1), topic="pull/order", via="fetch")
    await rig.drain()

    assert after_the_webhook == (3, 0)
    assert await rig.admin.fetchval("SELECT channel_order_id FROM fetches") == "1"
    assert (await rig.stored(1))["gone_at"] is None
    assert await rig.stock() == (3, 2)


async def test_two_bodies_of_one_second_are_settled_by_a_look(rig: Rig) -> None:
    await rig.counted(mug=9)
    await rig.deliver(rig.order(1, (MUG, 1)))
    await rig.drain()

    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.drain()
    before_the_look = await rig.stock()
    await rig.deliver(rig.order(1, (MUG, 2)), topic="pull/order", via="fetch")
    await rig.drain()

    assert before_the_look == (9, 1)
    assert await rig.admin.fetchval("SELECT channel_order_id FROM fetches") == "1"
    assert await rig.stock() == (9, 2)


async def test_an_order_without_a_time_of_change_is_reserved_and_then_looked_at(rig: Rig) -> None:
    await rig.counted(mug=9)

    await rig.deliver(rig.order(1, (MUG, 1), changed=None))
    await rig.drain()
    at_first = await rig.stock()
    await rig.deliver(rig.order(1, (MUG, 2), minute=3), topic="pull/order", via="fetch")
    await rig.drain()

    assert at_first == (9, 1)
    assert await rig.stock() == (9, 2)


async def test_a_change_time_from_the_future_does_not_outrank_what_comes_after(rig: Rig) -> None:
    await rig.counted(mug=9)
    far = rig.clock() + timedelta(days=400)
    await rig.deliver(rig.order(1, (MUG, 1), changed=far))
    await rig.drain()
    rig.clock.forward(minutes=10)

    await rig.deliver(rig.order(1, (MUG, 2), changed=rig.clock()))
    await rig.drain()

    assert await rig.stock() == (9, 2)


async def test_a_storm_of_states_in_any_order_ends_like_the_channel(rig: Rig) -> None:
    shuffled = random.Random(7)
    await rig.counted(mug=40)
    newest = {}
    storm = []
    for number in range(1, 31):
        for minute in range(5):
            status = shuffled.choice(["pending", "processing", "on-hold", "cancelled", "processing"])
            state = rig.order(number, (MUG, shuffled.randint(1, 3)), minute=minute, status=status)
            newest[number] = state
            storm += [state] * shuffled.randint(1, 2)
    shuffled.shuffle(storm)

    for start in range(0, len(storm), 40):
        await rig.deliver(*storm[start : start + 40])
        if shuffled.random() < 0.5:
            await rig.drain()
    await rig.drain()

    wanted = {str(n): (s["status"], s["line_items"][0]["quantity"]) for n, s in newest.items()}
    rows = await rig.admin.fetch(
        """SELECT channel_order_id, channel_status, quantity FROM orders
           JOIN order_lines USING (merchant_id, order_id)"""
    )
    assert {row[0]: (row[1], row[2]) for row in rows} == wanted
    held = sum(quantity for status, quantity in wanted.values() if status != "cancelled")
    short = await rig.admin.fetchval("SELECT coalesce(sum(quantity), 0) FROM shortages")
    assert (await rig.stock())[1] + short == held
