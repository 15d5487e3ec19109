"""The ledger is asked what we thought at a moment, what was so as we know now, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from usecase_rig import MUG, Rig

from core.rules.locations import Master
from core.store import ledger_reading
from core.usecases.adjust_stock import adjust_stock
from core.usecases.book_units import Asked
from core.usecases.count_stock import Counted, count_stock


async def at(rig: Rig, minutes: int) -> dict[str, Any]:
    """What there was of mugs *minutes* after noon."""
    moment = rig.clock.now.replace(hour=12, minute=0, second=0) + timedelta(minutes=minutes)
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        rows = await ledger_reading.balances_at(tx, rig.merchant_id, MUG, moment)
    return rows[0] if rows else {}


async def test_what_we_thought_and_what_was_so_differ_where_a_count_came_late(rig: Rig) -> None:
    await rig.counted(mug=10)  # a second after noon
    rig.clock.forward(minutes=30)
    noon = rig.clock.now.replace(hour=12, minute=0, second=0)
    late = [Counted(MUG, 8, taken_at=noon + timedelta(minutes=10))]
    await count_stock(rig.hub, rig.merchant_id, late, cause="s", actor="Depot", word_of=Master.WAREHOUSE)

    seen = [await at(rig, minutes) for minutes in (0, 5, 15, 31)]

    assert seen[0] == {}
    assert [(row["thought_on_hand"], row["known_on_hand"]) for row in seen[1:]] == [(10, 10), (10, 8), (8, 8)]


async def test_an_entry_leads_to_its_order_and_the_delivery_it_came_in(rig: Rig) -> None:
    await rig.counted(mug=10)
    await rig.deliver(rig.order(7, (MUG, 2)))
    await rig.drain()
    rig.clock.forward(minutes=1)
    rows = [Asked(MUG, -1)]
    await adjust_stock(rig.hub, rig.merchant_id, rows, why="fell down", op_key="k", actor="Mia")

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        newest = await ledger_reading.entries_until(tx, rig.merchant_id, MUG, None, 2)
        before = await ledger_reading.entries_until(
            tx, rig.merchant_id, MUG, rig.clock() - timedelta(seconds=1), 9
        )
    delivery = await rig.admin.fetchval("SELECT delivery_id FROM deliveries")

    assert [(row["reason"], row["actor"], row["on_hand"], row["reserved"]) for row in newest] == [
        ("adjust", "Mia", 9, 2),
        ("reserve", "hub", 10, 2),
    ]
    assert (newest[0]["cause"], newest[0]["delivery_id"]) == ("fell down", None)
    assert (newest[1]["order_number"], newest[1]["delivery_id"]) == ("W-7", delivery)
    assert [row["reason"] for row in before] == ["reserve", "count"]
