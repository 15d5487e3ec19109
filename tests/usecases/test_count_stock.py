"""Counts hold from their own instant, whatever arrives when; they say what they did, and refuse what cannot be."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from usecase_rig import MUG, TEA, Rig

from core.errors import UsageProblem
from core.rules.locations import Master
from core.store import listings, stock
from core.store import locations as places
from core.store.stock import Entry
from core.usecases.book_units import Booked
from core.usecases.count_stock import Counted, count_stock


async def moved(rig: Rig, key: str, units: int, *, minutes: int) -> None:
    """Units that came or went *minutes* after the clock's noon, told of now."""
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        shelf = await listings.default_location(tx, rig.merchant_id)
        [variant] = (await listings.put_variants(tx, rig.merchant_id, [MUG])).values()
        await stock.lock(tx, [(rig.merchant_id, variant)])
        at = rig.clock.now.replace(hour=12, minute=0, second=0) + timedelta(minutes=minutes)
        entry = Entry(rig.merchant_id, variant, shelf, units, 0, "adjust", "test", key, occurred_at=at)
        await stock.post(tx, [entry], rig.clock())


async def snapshot(rig: Rig, units: int, *, minutes: int, sku: str = MUG) -> Booked:
    at = rig.clock.now.replace(hour=12, minute=0, second=0) + timedelta(minutes=minutes)
    counts = [Counted(sku, units, taken_at=at)]
    return await count_stock(
        rig.hub, rig.merchant_id, counts, cause="snapshot", actor="Depot", word_of=Master.WAREHOUSE
    )


async def on_hand_at(rig: Rig, *, minutes: int) -> int:
    at = rig.clock.now.replace(hour=12, minute=0, second=0) + timedelta(minutes=minutes)
    found: int = await rig.admin.fetchval(
        "SELECT coalesce(sum(on_hand_delta), 0) FROM stock_ledger WHERE occurred_at <= $1", at
    )
    return found


async def test_a_late_snapshot_is_applied_under_what_moved_since(rig: Rig) -> None:
    await rig.counted(mug=10)
    rig.clock.forward(hours=1)
    await moved(rig, "sold", -3, minutes=30)

    booked = await snapshot(rig, 8, minutes=20)

    assert (await rig.stock())[0] == 5
    assert [change.note for change in booked.changes] == ["-3 since then"]


async def test_a_movement_at_the_very_instant_of_a_snapshot_is_in_it(rig: Rig) -> None:
    rig.clock.forward(hours=1)
    await moved(rig, "came", 4, minutes=20)

    await snapshot(rig, 9, minutes=20)
    await moved(rig, "came late", 4, minutes=20)

    assert (await rig.stock())[0] == 9


async def test_a_movement_heard_of_late_is_in_the_count_that_came_after_it(rig: Rig) -> None:
    rig.clock.forward(hours=1)
    await snapshot(rig, 9, minutes=20)
    await snapshot(rig, 7, minutes=40)

    await moved(rig, "sold", -2, minutes=10)
    await moved(rig, "sold", -2, minutes=10)  # told again

    assert (await rig.stock())[0] == 7
    assert [await on_hand_at(rig, minutes=minutes) for minutes in (15, 20, 40)] == [-2, 9, 7]


async def test_a_snapshot_older_than_a_newer_one_changes_nothing_and_says_so(rig: Rig) -> None:
    rig.clock.forward(hours=1)
    await snapshot(rig, 9, minutes=20)

    late = await snapshot(rig, 3, minutes=19)

    assert (await rig.stock())[0] == 9
    assert "older than the count of 2026-11-24 12:20:00" in late.changes[0].note
    assert late.changed == 0


async def test_of_two_counts_of_one_instant_the_one_told_last_holds(rig: Rig) -> None:
    rig.clock.forward(hours=1)
    await snapshot(rig, 9, minutes=20)
    await snapshot(rig, 6, minutes=20)

    assert (await rig.stock())[0] == 6


async def test_a_snapshot_that_confirms_is_remembered_without_an_entry(rig: Rig) -> None:
    rig.clock.forward(hours=1)
    await snapshot(rig, 9, minutes=20)
    entries = await rig.admin.fetchval("SELECT count(*) FROM stock_ledger")

    await snapshot(rig, 9, minutes=30)
    await moved(rig, "sold", -2, minutes=25)

    assert (await rig.stock())[0] == 9
    assert (
        await rig.admin.fetchval("SELECT count(*) FROM stock_ledger") == entries + 2
    )  # it, and what takes it back


async def test_a_snapshot_from_the_future_is_refused(rig: Rig) -> None:
    with pytest.raises(UsageProblem, match="in the future"):
        await snapshot(rig, 9, minutes=20)
    ahead = await snapshot(rig, 9, minutes=4)  # a clock that is a little ahead

    assert ahead.changed == 1
    assert await rig.admin.fetchval("SELECT max(occurred_at) FROM stock_ledger") == rig.clock()


async def test_a_count_below_what_is_promised_is_accepted_and_says_where(rig: Rig) -> None:
    await rig.counted(mug=5)
    await rig.deliver(rig.order(1, (MUG, 4)))
    await rig.drain()

    booked = await count_stock(rig.hub, rig.merchant_id, [Counted(MUG, 1)], cause="a person", actor="Mia")

    [variant] = await rig.admin.fetch("SELECT variant_id, location_id FROM stock")
    assert booked.below == [tuple(variant)]
    assert booked.changes[0].after.short == 3


async def test_a_dry_run_shows_all_and_books_nothing(rig: Rig) -> None:
    await rig.counted(mug=5)
    before = await rig.admin.fetch("SELECT * FROM stock_ledger")
    counts = [Counted(MUG, 3), Counted("NEW", 7), Counted(TEA, -1, where="Line 4")]

    booked = await count_stock(rig.hub, rig.merchant_id, counts, cause="a person", dry_run=True)

    shown = [(change.sku, change.before.on_hand, change.after.on_hand) for change in booked.changes]
    assert shown == [(MUG, 5, 3), ("NEW", 0, 7)]
    assert booked.problems == ["Line 4: TEA-9 at Main: -1 cannot be a count."]
    assert await rig.admin.fetch("SELECT * FROM stock_ledger") == before
    assert await rig.admin.fetchval("SELECT count(*) FROM variants WHERE sku = 'NEW'") == 0
    assert (await rig.stock()) == (5, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        [Counted(MUG, -1)],
        [Counted(MUG, 10**9)],
        [Counted(MUG, 1), Counted(f" {MUG} ", 2)],
        [Counted(MUG, 1), Counted("", 2)],
        [Counted(MUG, 1, location="Nowhere")],
    ],
)
async def test_one_count_that_cannot_be_refuses_all(rig: Rig, wrong: list[Counted]) -> None:
    with pytest.raises(UsageProblem, match=r"Nothing was booked"):
        await count_stock(rig.hub, rig.merchant_id, [Counted(TEA, 4), *wrong], cause="a person")

    assert await rig.admin.fetchval("SELECT count(*) FROM stock_ledger") == 0


async def test_a_count_told_twice_under_one_key_is_one(rig: Rig) -> None:
    async def told() -> Booked:
        return await count_stock(
            rig.hub, rig.merchant_id, [Counted(MUG, 5)], cause="a person", op_key="sheet 7"
        )

    await asyncio.gather(told(), told(), told())
    await rig.deliver(rig.order(1, (MUG, 2), status="completed"))
    await rig.drain()

    again = await told()

    assert again.repeated_at is not None
    assert await rig.stock() == (3, 0)


async def test_a_warehouse_is_counted_by_its_own_word_only(rig: Rig) -> None:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await places.add(tx, rig.merchant_id, "Depot", Master.WAREHOUSE, None)
    counts = [Counted(MUG, 5, location="Depot")]

    with pytest.raises(UsageProblem, match="next snapshot would overrule"):
        await count_stock(rig.hub, rig.merchant_id, counts, cause="c")
    said = await count_stock(rig.hub, rig.merchant_id, counts, cause="c", word_of=Master.WAREHOUSE)
    anyway = await count_stock(rig.hub, rig.merchant_id, [Counted(MUG, 4, "Depot")], cause="c", anyway=True)

    assert (said.changed, anyway.changed) == (1, 1)


TOLD = st.one_of(
    st.tuples(st.just("moved"), st.integers(0, 6), st.integers(-4, 4).filter(bool)),
    st.tuples(st.just("counted"), st.integers(0, 6), st.integers(0, 9)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(told=st.lists(TOLD, min_size=1, max_size=9))
async def test_the_balance_is_the_newest_count_and_what_moved_after_it(
    rig: Rig, told: list[tuple[str, int, int]]
) -> None:
    await _forget(rig)
    rig.clock.now = rig.clock.now.replace(hour=13)
    movements: list[tuple[int, int]] = []
    counts: dict[int, int] = {}
    with_entry: set[int] = set()  # one that only confirmed is remembered as long as it is the newest
    for number, (what, minutes, units) in enumerate(told):
        if what == "moved":
            await moved(rig, f"m{number}", units, minutes=minutes)
            movements.append((minutes, units))
        else:
            booked = await snapshot(rig, units, minutes=minutes)
            if booked.changed:
                with_entry.add(minutes)
            if minutes >= max(counts, default=minutes):
                counts[minutes] = units

        newest = max(counts, default=-1)
        expected = counts.get(newest, 0) + sum(units for at, units in movements if at > newest)
        assert (await rig.stock())[0] == expected
        # And what was at the instant of each count is what it said, as we know now.
        for at in with_entry | {newest} & set(counts):
            assert await on_hand_at(rig, minutes=at) == counts[at]


async def _forget(rig: Any) -> None:
    await rig.admin.execute("TRUNCATE stock, stock_ledger, dirty")
