"""Receiving, adjusting, transferring, quarantine and what is expected: each once, in one piece, never the impossible."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from usecase_rig import MUG, TEA, Rig

from core.errors import UsageProblem
from core.rules.locations import Master
from core.rules.movements import Delta, Reason
from core.store import locations as places
from core.usecases.adjust_stock import adjust_stock
from core.usecases.book_units import Asked, Booked, desk_of, sit_down
from core.usecases.expect_stock import expect_stock
from core.usecases.quarantine_stock import quarantine_stock
from core.usecases.receive_stock import receive_stock
from core.usecases.transfer_stock import transfer_stock

WHO = {"actor": "Mia"}


async def buckets(rig: Rig, sku: str = MUG) -> dict[str, tuple[int, int, int, int]]:
    """Location -> (on hand, reserved, quarantined, incoming)."""
    rows = await rig.admin.fetch(
        """SELECT l.name, s.on_hand, s.reserved, s.quarantined, s.incoming FROM stock s JOIN variants v USING (variant_id)
           JOIN locations l USING (location_id) WHERE v.sku = $1""",
        sku,
    )
    return {row["name"]: tuple(row)[1:] for row in rows}


async def depot(rig: Rig, master: Master = Master.HUB) -> None:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        connection = rig.first if master == Master.CHANNEL else None
        await places.add(tx, rig.merchant_id, "Depot", master, connection)


async def receive(rig: Rig, units: int, key: str, **more: Any) -> Booked:
    return await receive_stock(
        rig.hub, rig.merchant_id, [Asked(MUG, units)], cause="note 12", op_key=key, **WHO, **more
    )


async def adjust(rig: Rig, units: int, key: str = "a", **more: Any) -> Booked:
    return await adjust_stock(
        rig.hub, rig.merchant_id, [Asked(MUG, units)], why="fell down", op_key=key, **WHO, **more
    )


async def transfer(rig: Rig, units: int, key: str = "t", **more: Any) -> Booked:
    return await transfer_stock(
        rig.hub, rig.merchant_id, [Asked(MUG, units)], to="Depot", cause="c", op_key=key, **WHO, **more
    )


async def quarantine(rig: Rig, units: int, key: str = "q", **more: Any) -> Booked:
    return await quarantine_stock(
        rig.hub, rig.merchant_id, [Asked(MUG, units)], why="wet", op_key=key, **WHO, **more
    )


async def expect(rig: Rig, units: int, key: str = "e") -> Booked:
    return await expect_stock(
        rig.hub, rig.merchant_id, [Asked(MUG, units)], cause="order 5", op_key=key, **WHO
    )


async def sell(rig: Rig, units: int) -> None:
    await rig.deliver(rig.order(1, (MUG, units)))
    await rig.drain()


async def test_what_comes_in_is_there_and_no_longer_expected(rig: Rig) -> None:
    await expect(rig, 20)
    await receive(rig, 12, "first", expected=True)
    surprise = await receive(rig, 3, "gift")
    rest = await receive(rig, 10, "rest", expected=True)

    assert await buckets(rig) == {"Main": (25, 0, 0, 0)}
    assert (surprise.changes[0].note, rest.changes[0].note) == ("", "2 more than expected")


async def test_what_will_not_come_after_all_is_expected_no_more(rig: Rig) -> None:
    await expect(rig, 20)
    await expect(rig, -5, "less")

    with pytest.raises(UsageProblem, match="16 are not to come after all and 15 are expected"):
        await expect(rig, -16, "too many")

    assert await buckets(rig) == {"Main": (0, 0, 0, 15)}


async def test_a_transfer_leaves_one_shelf_and_comes_to_the_other_in_one_operation(rig: Rig) -> None:
    await rig.counted(mug=10)
    await depot(rig)
    await transfer(rig, 4)

    entries = await rig.admin.fetch(
        "SELECT on_hand_delta, actor, xmin::text FROM stock_ledger WHERE reason = 'transfer' ORDER BY 1"
    )

    assert await buckets(rig) == {"Main": (6, 0, 0, 0), "Depot": (4, 0, 0, 0)}
    assert [(row["on_hand_delta"], row["actor"]) for row in entries] == [(-4, "Mia"), (4, "Mia")]
    assert len({row["xmin"] for row in entries}) == 1


async def test_a_transfer_takes_what_is_promised_only_when_told(rig: Rig) -> None:
    await rig.counted(mug=10)
    await depot(rig)
    await sell(rig, 8)

    with pytest.raises(UsageProblem, match="10 are there and 8 of them are promised"):
        await transfer(rig, 3)
    told = await transfer(rig, 3, even_reserved=True)

    assert told.changes[0].after.short == 1
    assert len(told.below) == 1
    assert (await buckets(rig))["Depot"] == (3, 0, 0, 0)


async def test_nothing_goes_to_where_it_is(rig: Rig) -> None:
    await rig.counted(mug=10)

    with pytest.raises(UsageProblem, match="there already"):
        await transfer_stock(
            rig.hub, rig.merchant_id, [Asked(MUG, 1)], to="Main", cause="c", op_key="t", **WHO
        )


async def test_what_is_in_quarantine_is_there_and_not_for_sale(rig: Rig) -> None:
    await rig.counted(mug=10)
    await quarantine(rig, 4)
    await quarantine(rig, 1, "back", back=True)
    await adjust(rig, -2, quarantined=True)

    assert await buckets(rig) == {"Main": (7, 0, 1, 0)}


IMPOSSIBLE: list[Callable[[Rig], Awaitable[Booked]]] = [
    lambda rig: adjust(rig, -(10**9)),
    lambda rig: adjust(rig, 10**9),
    lambda rig: adjust(rig, 0),
    lambda rig: adjust(rig, -11, even_reserved=True),
    lambda rig: adjust(rig, -3),  # promised
    lambda rig: adjust(rig, -1, quarantined=True),
    lambda rig: adjust(rig, 100_000_000),  # more than a shelf holds
    lambda rig: receive(rig, 0, "r"),
    lambda rig: receive(rig, -1, "r"),
    lambda rig: transfer(rig, 11, even_reserved=True),  # through thin air
    lambda rig: transfer(rig, -1),
    lambda rig: quarantine(rig, 3),  # promised
    lambda rig: quarantine(rig, 11, even_reserved=True),
    lambda rig: quarantine(rig, 1, back=True),
    lambda rig: expect(rig, -1),
]


@pytest.mark.parametrize("number", range(len(IMPOSSIBLE)))
async def test_what_cannot_be_is_a_sentence_and_books_nothing(rig: Rig, number: int) -> None:
    await rig.counted(mug=10)
    await depot(rig)
    await sell(rig, 8)
    before = await rig.admin.fetch("SELECT * FROM stock_ledger")

    with pytest.raises(UsageProblem, match=r"Nothing was booked\.$"):
        await IMPOSSIBLE[number](rig)

    assert await rig.admin.fetch("SELECT * FROM stock_ledger") == before


async def test_one_row_that_cannot_be_refuses_all_and_is_named(rig: Rig) -> None:
    await rig.counted(mug=10, tea=1)
    rows = [Asked(MUG, -1), Asked(TEA, -2, where="Line 3 of a.csv"), Asked("TYPO", 1)]

    with pytest.raises(
        UsageProblem, match=r"Line 3 of a.csv: TEA-9 at Main: 2 are to go and 1 are there\. \(and 1 more"
    ):
        await adjust_stock(rig.hub, rig.merchant_id, rows, why="w", op_key="k", **WHO)

    assert await rig.stock() == (10, 0)


async def test_rows_of_one_variant_see_each_other(rig: Rig) -> None:
    await rig.counted(mug=3)

    with pytest.raises(UsageProblem, match="2 are to go and 1 are there"):
        await adjust_stock(
            rig.hub, rig.merchant_id, [Asked(MUG, -2), Asked(MUG, -2)], why="w", op_key="k", **WHO
        )


async def test_the_same_operation_is_booked_once_however_often_it_is_told(rig: Rig) -> None:
    await asyncio.gather(*(receive(rig, 5, "note 12") for _ in range(4)))

    again = await receive(rig, 5, "note 12")

    assert await rig.stock() == (5, 0)
    assert again.repeated_at == rig.clock()
    assert again.changes == []


async def test_two_who_book_the_same_at_once_wait_for_each_other_and_two_operations_do_not(rig: Rig) -> None:
    """The first is held just before it commits, when all of it is written."""
    stands, goes_on = asyncio.Event(), asyncio.Event()

    async def halfway() -> Booked:
        async with desk_of(
            rig.hub, rig.merchant_id, op_key="note 12", cause="c", dry_run=False, **WHO
        ) as desk:
            await sit_down(desk, [TEA], creates=True)
            desk.move(Asked(TEA, 5), desk.default, Delta(on_hand=5), Reason.RECEIVE)
            stands.set()
            await goes_on.wait()
        return desk.booked

    first = asyncio.create_task(halfway())
    await stands.wait()
    second = asyncio.create_task(receive(rig, 5, "note 12"))  # of another variant: no other row is in its way
    await receive(rig, 7, "note 13")
    waiting = """SELECT EXISTS (SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock')"""
    while not (await rig.admin.fetchval(waiting) or second.done()):
        await asyncio.sleep(0.01)
    meanwhile = await rig.stock()
    goes_on.set()

    assert meanwhile == (7, 0)
    assert (await first).repeated_at is None
    assert (await second).repeated_at == rig.clock()
    assert (await rig.stock(), await rig.stock(TEA)) == ((7, 0), (5, 0))
    assert await rig.admin.fetchval("SELECT count(*) FROM operations") == 0


async def test_an_adjustment_needs_a_reason_and_somebody_who_makes_it(rig: Rig) -> None:
    for why, actor in ((" ", "Mia"), ("fell down", "")):
        with pytest.raises(UsageProblem, match="needs a reason"):
            await adjust_stock(rig.hub, rig.merchant_id, [Asked(MUG, 1)], why=why, op_key="k", actor=actor)


async def test_a_dry_run_of_every_verb_books_nothing(rig: Rig) -> None:
    await rig.counted(mug=10)
    await depot(rig)
    before = await rig.admin.fetch("SELECT * FROM stock_ledger")

    shown = [
        await receive(rig, 2, "r", dry_run=True),
        await adjust(rig, -2, dry_run=True),
        await transfer(rig, 2, dry_run=True),
        await quarantine(rig, 2, dry_run=True),
    ]

    after = [[change.after.on_hand for change in booked.changes] for booked in shown]
    assert after == [[12], [8], [8, 2], [8]]
    assert await rig.admin.fetch("SELECT * FROM stock_ledger") == before
    assert await rig.stock() == (10, 0)


async def test_a_location_of_a_channel_is_only_read(rig: Rig) -> None:
    await rig.counted(mug=10)
    await depot(rig, Master.CHANNEL)
    rows = [Asked(MUG, 1, "Depot")]

    for attempt in (
        receive_stock(rig.hub, rig.merchant_id, rows, cause="c", op_key="1", **WHO),
        adjust_stock(rig.hub, rig.merchant_id, rows, why="c", op_key="2", anyway=True, **WHO),
        expect_stock(rig.hub, rig.merchant_id, rows, cause="c", op_key="3", **WHO),
        transfer(rig, 1),
    ):
        with pytest.raises(UsageProblem, match="counted by its channel"):
            await attempt


async def test_at_a_warehouse_goods_move_but_only_it_says_what_is_there(rig: Rig) -> None:
    await depot(rig, Master.WAREHOUSE)
    rows = [Asked(MUG, 5, "Depot")]

    await receive_stock(rig.hub, rig.merchant_id, rows, cause="c", op_key="1", **WHO)
    with pytest.raises(UsageProblem, match="next snapshot"):
        await adjust_stock(rig.hub, rig.merchant_id, rows, why="c", op_key="2", **WHO)
    await adjust_stock(rig.hub, rig.merchant_id, rows, why="c", op_key="3", anyway=True, **WHO)

    assert await buckets(rig) == {"Depot": (10, 0, 0, 0)}


async def test_the_database_knows_the_same_reasons(rig: Rig) -> None:
    check = await rig.admin.fetchval(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'stock_ledger_reason_check'"
    )

    assert {word for word in check.split("'") if word.isalpha()} == set(Reason)
