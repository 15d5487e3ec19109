"""Connections that are told at the same time share transactions, and nothing else: no trouble, no wait, no lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from usecase_rig import ITEMS, MUG, TEA, Rig, Shop

from core.flow import decode
from core.usecases.lease import NEVER
from core.usecases.relevel import relevel
from jobs.work import Worker


class Street:
    """Both shops."""

    def __init__(self) -> None:
        self.one, self.two = (Shop({ITEMS[MUG]: 100, ITEMS[TEA]: 0}) for _ in range(2))
        self.one_answers = asyncio.Event()
        self.one_answers.set()

    async def __call__(self, method: str, url: str, *rest: Any) -> Any:
        if "mia-one" not in url.lower():
            return await self.two(method, url, *rest)
        await self.one_answers.wait()
        return await self.one(method, url, *rest)


@pytest.fixture
def street() -> Street:
    return Street()


@pytest.fixture
async def rig(
    asked: list[str], fresh: str, make_hub: Callable[..., Any], clock: Any, street: Street
) -> AsyncIterator[Rig]:
    """Two shops that show the 100 mugs on the shelf, of which ten are gone by now: both have to be told."""
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(send=street), clock, admin)
    await made.open()
    await made.counted(mug=100)
    await made.shops_show(MUG, 100)
    await made.switch_push(made.first)
    await made.switch_push(made.second)
    await made.counted(mug=90)
    await relevel(made.hub)
    asked.clear()
    yield made
    assert await made.violations() == {}
    await admin.close()


async def told(rig: Rig, connection: int) -> tuple[int, bool]:
    """What the shop is known to show, and whether it still has to be told."""
    level = await rig.level(connection)
    return level["confirmed"], level["pending"]


async def test_two_that_are_told_cost_no_more_statements_than_one(
    rig: Rig, street: Street, asked: list[str]
) -> None:
    async def statements() -> int:
        asked.clear()
        assert await rig.push() > 0
        return len([text for text in asked if "typeinfo_tree" not in text])

    both = await statements()
    await rig.switch_push(rig.second, on=False)
    rig.clock.forward(seconds=5)
    await rig.counted(mug=80)
    await relevel(rig.hub)
    one = await statements()

    assert street.one.writes == [{ITEMS[MUG]: 90}, {ITEMS[MUG]: 80}]
    assert street.two.writes == [{ITEMS[MUG]: 90}]
    assert both <= one + 4  # budgets of connections that were never called are made first


async def test_of_two_the_one_whose_lease_was_taken_writes_nothing_back(rig: Rig, street: Street) -> None:
    both = asyncio.Barrier(2)

    async def overtaken(method: str, url: str, *rest: Any) -> Any:
        if method != "GET":
            await both.wait()
            if "one" in url:
                await rig.admin.execute(
                    "UPDATE schedule SET epoch = 99 WHERE kind = 'push' AND connection_id = $1", rig.first
                )
            await both.wait()
        return await street(method, url, *rest)

    rig.hub.send = overtaken

    await rig.push()

    outcomes = await rig.admin.fetch("SELECT connection_id, outcome FROM push_attempts ORDER BY 1")
    runs = await rig.admin.fetch("SELECT connection_id, outcome FROM runs WHERE kind = 'push' ORDER BY 1")
    assert (await told(rig, rig.first), await told(rig, rig.second)) == ((100, True), (90, False))
    assert [tuple(row) for row in outcomes] == [(rig.first, None), (rig.second, "ok")]
    assert [tuple(row) for row in runs] == [(rig.first, "lost_lease"), (rig.second, "ok")]


async def test_a_level_that_waits_is_tried_again_when_its_time_has_come(rig: Rig, street: Street) -> None:
    later = rig.clock() + timedelta(minutes=7)
    await rig.admin.execute(
        "UPDATE listing_levels SET next_at = $2 WHERE connection_id = $1", rig.first, later
    )

    await rig.push()

    due = await rig.admin.fetchval(
        "SELECT due_at FROM schedule WHERE connection_id = $1 AND kind = 'push'", rig.first
    )
    details = await rig.admin.fetch("SELECT detail FROM runs WHERE kind = 'push' ORDER BY connection_id")
    assert due == later
    assert [decode(row["detail"].encode()) for row in details] == [{}, {"calls": 1, "told": 1}]
    assert street.one.writes == []


async def test_a_level_that_is_parked_is_no_reason_to_come_again(rig: Rig, street: Street) -> None:
    del street.one.counts[ITEMS[MUG]]

    await rig.push()

    due = await rig.admin.fetchval(
        "SELECT due_at FROM schedule WHERE connection_id = $1 AND kind = 'push'", rig.first
    )
    detail = await rig.admin.fetchval("SELECT detail FROM runs WHERE connection_id = $1", rig.first)
    assert decode(detail.encode()) == {"calls": 1, "refused": 1}
    assert due == NEVER


async def test_a_connection_that_cannot_be_opened_stands_in_nobodys_way(rig: Rig) -> None:
    await rig.admin.execute(
        "UPDATE credentials SET sealed = 'broken' WHERE connection_id = $1 AND ring = 'outbound'", rig.first
    )

    await rig.push()

    runs = await rig.admin.fetch("SELECT connection_id, outcome FROM runs WHERE kind = 'push' ORDER BY 1")
    assert (await told(rig, rig.first), await told(rig, rig.second)) == ((100, True), (90, False))
    assert [tuple(row) for row in runs] == [(rig.first, "failed"), (rig.second, "ok")]


async def test_what_one_answered_is_written_while_another_is_still_asked(rig: Rig, street: Street) -> None:
    street.one_answers.clear()
    pushing = asyncio.create_task(rig.push())
    async with asyncio.timeout(5):
        while await told(rig, rig.second) != (90, False):
            await asyncio.sleep(0.01)
    still = await told(rig, rig.first)
    street.one_answers.set()
    await pushing

    assert still == (100, True)
    assert await told(rig, rig.first) == (90, False)


async def test_a_worker_goes_on_while_a_shop_does_not_answer(rig: Rig, street: Street) -> None:
    street.one_answers.clear()
    worker = Worker(rig.hub)
    async with asyncio.timeout(5):
        await worker.spell("push")
        rig.clock.forward(seconds=5)
        await rig.counted(mug=80)
        await relevel(rig.hub)
        await worker.spell("push")
    meanwhile = await told(rig, rig.first), await told(rig, rig.second)
    street.one_answers.set()
    await rig.hub.settled()

    assert meanwhile == ((100, True), (80, False))
    await worker.spell("push")  # for it was rung meanwhile
    await rig.hub.settled()
    assert await told(rig, rig.first) == (80, False)


async def test_a_wave_is_held_at_one_and_sales_are_told_to_the_other(rig: Rig, street: Street) -> None:
    await rig.admin.execute("UPDATE listing_levels SET wave = 'raise' WHERE connection_id = $1", rig.first)
    await rig.admin.execute(
        """INSERT INTO waves (merchant_id, connection_id, kind, listings, of_listings, held_at)
           VALUES ($1, $2, 'raise', 1, 1, now())""",
        rig.merchant_id,
        rig.first,
    )

    await rig.push()

    assert (await told(rig, rig.first), await told(rig, rig.second)) == ((100, True), (90, False))
    assert (street.one.writes, street.two.writes) == ([], [{ITEMS[MUG]: 90}])
