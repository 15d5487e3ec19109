"""Units sold that no shelf has: each opens a shortage with a cause and holds its order."""

from __future__ import annotations

from typing import Any

from usecase_rig import MUG, TEA, Rig

from core.flow import decode
from core.usecases.fill_shortages import fill_shortages


async def shortages(rig: Rig) -> list[Any]:
    return await rig.admin.fetch(
        """SELECT channel_order_id, quantity, oversold, cause, closed_at FROM shortages
           JOIN orders USING (merchant_id, order_id) ORDER BY order_id, line_id"""
    )


async def test_an_oversold_order_holds_what_there_is_and_tells_what_is_missing(rig: Rig) -> None:
    await rig.counted(mug=3)

    await rig.deliver(rig.order(1, (MUG, 5)))
    await rig.drain()

    assert await rig.stock() == (3, 3)
    assert await rig.holds(1) == {"short_stock"}
    (short,) = await shortages(rig)
    assert (short["quantity"], short["oversold"]) == (2, 2)
    assert decode(short["cause"].encode())["kind"] == "not_pushed"


async def test_the_cause_names_the_order_that_took_the_units(rig: Rig) -> None:
    await rig.counted(mug=3)
    await rig.switch_push(rig.second)
    await rig.deliver(rig.order(1, (MUG, 3)))
    await rig.drain()
    rig.clock.forward(minutes=1)

    await rig.deliver(rig.order(2, (MUG, 1), changed=rig.clock()), connection=rig.second)
    await rig.drain()

    (short,) = await shortages(rig)
    cause = decode(short["cause"].encode())
    assert cause["kind"] == "channel_lag"  # the other sale reached us after this order was placed
    assert cause["competing_order"] == "1"
    assert cause["competing_connection"] == rig.first


async def test_an_order_that_stays_short_keeps_its_hold_when_it_changes_otherwise(rig: Rig) -> None:
    await rig.counted(mug=1)
    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.drain()

    await rig.deliver(rig.order(1, (MUG, 2), minute=1, customer_note="ring twice"))
    await rig.drain()

    assert await rig.holds(1) == {"short_stock"}


async def test_units_counted_in_go_to_the_oldest_shortage_first(rig: Rig) -> None:
    for number in (1, 2, 3):
        await rig.deliver(rig.order(number, (MUG, 2)))
        await rig.drain()
        rig.clock.forward(minutes=1)

    await rig.counted(mug=3)

    assert [(row["quantity"], row["closed_at"] is not None) for row in await shortages(rig)] == [
        (0, True),
        (1, False),
        (2, False),
    ]
    assert [await rig.holds(number) for number in (1, 2, 3)] == [set(), {"short_stock"}, {"short_stock"}]
    assert await rig.stock() == (3, 3)


async def test_an_order_short_of_two_things_stays_held_until_both_are_there(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 1), (TEA, 1)))
    await rig.drain()

    await rig.counted(mug=1)
    after_the_mug = await rig.holds(1)
    await rig.counted(tea=1)

    assert after_the_mug == {"short_stock"}
    assert await rig.holds(1) == set()


async def test_filling_twice_at_one_moment_books_both(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 5)))
    await rig.drain()
    for on_hand in (1, 2, 3):
        await rig.admin.execute(
            """WITH booked AS (
                 INSERT INTO stock_ledger (merchant_id, op_key, variant_id, location_id, on_hand_delta,
                   reserved_delta, reason, cause, recorded_at, occurred_at)
                 SELECT v.merchant_id, $1::text, v.variant_id, l.location_id, 1, 0, 'count', 'test', now(), now()
                 FROM variants v JOIN locations l USING (merchant_id) WHERE v.sku = 'MUG-B' RETURNING *)
               INSERT INTO stock SELECT merchant_id, variant_id, location_id, 1, 0 FROM booked
               ON CONFLICT (merchant_id, variant_id, location_id) DO UPDATE SET on_hand = stock.on_hand
                 + 1""",
            f"one more {on_hand}",
        )
        await fill_shortages(rig.hub)  # the clock stands still

    assert await rig.stock() == (3, 3)


async def test_a_cancelled_short_order_misses_nothing_any_more(rig: Rig) -> None:
    await rig.counted(mug=1)
    await rig.deliver(rig.order(1, (MUG, 3)))
    await rig.drain()

    await rig.deliver(rig.order(1, (MUG, 3), minute=1, status="cancelled"))
    await rig.drain()

    (short,) = await shortages(rig)
    assert (short["quantity"], short["oversold"]) == (0, 2)  # what happened stays on record
    assert await rig.stock() == (1, 0)


async def test_a_line_taken_out_of_its_order_misses_nothing_any_more(rig: Rig) -> None:
    await rig.counted(mug=1)
    await rig.deliver(rig.order(1, (MUG, 1), (TEA, 2)))
    await rig.drain()

    await rig.deliver(rig.order(1, (MUG, 1), minute=1))
    await rig.drain()

    (short,) = await shortages(rig)
    assert short["quantity"] == 0
    assert await rig.holds(1) == set()


async def test_an_order_with_enough_of_everything_leaves_no_shortage_behind(rig: Rig) -> None:
    await rig.counted(mug=5)

    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.drain()

    assert await shortages(rig) == []


async def test_short_units_that_were_shipped_all_the_same_are_told_once(rig: Rig) -> None:
    await rig.counted(mug=1)
    await rig.deliver(rig.order(1, (MUG, 3)))
    await rig.drain()

    await rig.deliver(rig.order(1, (MUG, 3), minute=1, status="completed"))
    await rig.drain()

    (short,) = await shortages(rig)
    assert (short["quantity"], short["oversold"]) == (0, 2)
    assert await rig.stock() == (0, 0)
