"""A sweep over ten thousand listings goes on where it was: after a kill, a refusal, or a spell that is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from drift_rig import DriftRig
from usecase_rig import ITEMS, MUG, TEA, Shop

from core.model.inventory import ListingSeen
from core.store import listings
from core.usecases import read_back
from core.usecases.count_stock import Counted, count_stock
from core.usecases.lease import run_due
from core.usecases.reconcile import next_reconcile, reconcile
from core.usecases.relevel import relevel

PAGE = 500  # listings stored in one transaction
FIRST = 1000  # the id of the first of them
LISTED = 1500
TEN_THOUSAND = 10_000


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[DriftRig]:
    shop = Shop({ITEMS[MUG]: 100, ITEMS[TEA]: 0})
    admin = await asyncpg.connect(fresh)
    made = DriftRig(await make_hub(send=shop), clock, admin)
    await made.start(shop)
    await admin.execute("""UPDATE connections SET settings = settings || '{"calls_per_s": "9999"}'""")
    made.hub.forget(made.merchant_id, made.first)
    yield made
    await admin.close()


async def stocked(rig: DriftRig, listed: int) -> None:
    """The shop lists so many things more, and shows seven of each, as it should."""
    skus = {FIRST + number: f"S-{number}" for number in range(listed)}
    rig.shop.counts |= dict.fromkeys(skus, 7)
    rig.shop.skus |= skus
    seen = [
        ListingSeen(channel_item_id=str(item), channel_stock_id=str(item), sku=sku)
        for item, sku in skus.items()
    ]
    for start in range(0, listed, PAGE):  # as a catalogue is read
        page = seen[start : start + PAGE]
        live = [(item.channel_item_id, "", 7) for item in page]
        async with rig.hub.database.transaction([rig.merchant_id]) as tx:
            await listings.put_listings(tx, rig.merchant_id, rig.first, page, rig.clock())
            await listings.match_by_sku(tx, rig.merchant_id, rig.first)
            await listings.put_levels(tx, rig.merchant_id, rig.first, live, rig.clock())
        counts = [Counted(item.sku or "", 7) for item in page]
        await count_stock(rig.hub, rig.merchant_id, counts, cause=f"page {start}")
    while (await relevel(rig.hub)).variants:
        pass
    await rig.admin.execute("ANALYZE")
    rig.clock.forward(minutes=15)


async def due(rig: DriftRig) -> int:
    return await run_due(rig.hub, "reconcile", reconcile, next_reconcile)


async def sweep_to_the_end(rig: DriftRig) -> None:
    await rig.admin.execute(
        "UPDATE schedule SET due_at = $1 WHERE kind = 'reconcile' AND connection_id = $2",
        rig.clock(),
        rig.first,
    )
    until = time.monotonic() + 60
    while (await rig.last_sweep_or_none() or {"finished_at": None})["finished_at"] is None:
        if not await due(rig):
            await asyncio.sleep(0.1)  # until the lease of the worker that was killed is over
        assert time.monotonic() < until


async def test_ten_thousand_listings_are_read_with_progress_and_a_killed_worker_loses_none(
    rig: DriftRig,
) -> None:
    await stocked(rig, TEN_THOUSAND)
    rig.shop.counts[FIRST + 17] = 9
    rig.shop.counts[FIRST + TEN_THOUSAND - 17] = 9
    await rig.admin.execute(
        "UPDATE schedule SET due_at = $1 WHERE kind = 'reconcile' AND connection_id = $2",
        rig.clock(),
        rig.first,
    )
    worker = asyncio.create_task(due(rig))
    while len(rig.shop.pages) < 40 and not worker.done():
        await asyncio.sleep(0)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    halfway = await rig.last_sweep()

    await sweep_to_the_end(rig)

    whole = await rig.last_sweep()
    assert (whole["reconcile_id"], whole["done"], whole["total"]) == (
        halfway["reconcile_id"],
        TEN_THOUSAND + 1,
        TEN_THOUSAND + 1,
    )
    assert 3000 <= halfway["done"] <= 4100
    assert halfway["total"] == TEN_THOUSAND + 1
    assert sorted(set(rig.shop.pages)) == list(range(1, 102))
    assert len(rig.shop.pages) <= 102  # the page that was under way is read again, no other
    assert [row["units"] for row in await rig.drifts()] == [2, 2]


async def test_a_page_that_cannot_be_read_keeps_those_before_it(rig: DriftRig) -> None:
    await stocked(rig, LISTED)
    rig.shop.fails_at = 9
    await rig.sweep()
    broken = await rig.last_sweep()
    rig.shop.fails_at = 0
    rig.clock.forward(minutes=20)

    await sweep_to_the_end(rig)

    assert (broken["finished_at"], broken["cursor"]) == (None, "9")
    assert rig.shop.pages.count(8) == 1
    assert sorted(set(rig.shop.pages)) == list(range(1, 17))


async def test_a_cursor_that_leads_nowhere_begins_the_sweep_anew(rig: DriftRig) -> None:
    await stocked(rig, LISTED)
    rig.shop.fails_at = 3
    await rig.sweep()
    rig.shop.fails_at = 0
    rig.shop.status = 400
    rig.clock.forward(minutes=20)
    await rig.sweep()
    anew = await rig.last_sweep()
    rig.shop.status = 200
    rig.clock.forward(minutes=20)

    await sweep_to_the_end(rig)

    assert (anew["finished_at"], anew["cursor"], anew["done"]) == (None, None, 0)
    assert (await rig.last_sweep())["done"] == LISTED + 1


async def test_a_long_sweep_lets_other_work_have_its_turn(
    rig: DriftRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stocked(rig, LISTED)
    monkeypatch.setattr(read_back, "SLICE_S", 0.0)

    await rig.sweep()

    assert rig.shop.pages == [1]
    assert await rig.due() == rig.clock()
    assert (await rig.last_sweep())["finished_at"] is None
