"""Runs over many merchants: one row for a transaction that did something, and lines only about what is unusual."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from runs_rig import lines, newest, told
from usecase_rig import MUG, Rig

from core.store import deliveries, listings
from core.store.orders import Outrun
from core.usecases import drain as drain_module
from core.usecases import sweep as sweep_module
from core.usecases.drain import MAX_TRIES, drain
from core.usecases.fill_shortages import fill_shortages
from core.usecases.relevel import relevel
from core.usecases.settle_unmapped import settle_unmapped
from core.usecases.sweep import KEPT, sweep

pytestmark = pytest.mark.undisturbed(
    "it counts runs and their lines, and a slice that is taken back is one more"
)


async def test_a_slice_is_a_run_that_says_nothing_when_all_is_well(rig: Rig) -> None:
    await rig.counted(mug=10)
    await rig.deliver(rig.order(1, (MUG, 2)), rig.order(2, (MUG, 1)))
    rig.clock.forward(seconds=1)

    await rig.drain()

    [run] = await newest(rig, kind="drain")
    assert (run["merchant_id"], run["connection"], run["outcome"]) == (0, None, "ok")
    assert run["detail"] == {"claimed": 2, "applied": 2}
    assert await lines(rig, run["run_id"]) == []


async def test_looking_and_finding_nothing_is_no_run(rig: Rig) -> None:
    await rig.drain()
    await relevel(rig.hub)
    before = await newest(rig)

    await drain(rig.hub)
    await relevel(rig.hub)
    await settle_unmapped(rig.hub)
    await fill_shortages(rig.hub)
    await sweep(rig.hub)

    assert await newest(rig) == before


async def test_a_delivery_that_is_parked_is_told_with_its_reason(rig: Rig) -> None:
    await rig.deliver({"id": 5, "line_items": "none"}, connection=rig.second)

    await rig.drain()

    [run] = await newest(rig, kind="drain")
    [line] = await lines(rig, run["run_id"])
    assert run["detail"] == {"claimed": 1, "parked": 1}
    assert (line["message"], line["level"], line["connection_id"]) == (
        "a delivery was parked",
        "warning",
        rig.second,
    )
    assert {"delivery", "code", "reason"} <= set(told(line))


async def test_a_delivery_that_fails_alone_is_a_failed_run_until_it_is_parked(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.counted(mug=10)
    await rig.deliver(rig.order(1, (MUG, 1)), rig.order(666, (MUG, 1)))
    whole = drain_module.apply_slice

    async def poisoned(tx: Any, items: Any, *more: Any) -> Any:
        if any(
            getattr(item.reading, "order", None) and item.reading.order.channel_order_id == "666"
            for item in items
        ):
            raise ValueError("quotes a payload")
        return await whole(tx, items, *more)

    monkeypatch.setattr(drain_module, "apply_slice", poisoned)
    monkeypatch.setattr(drain_module, "AGAIN_S", 0.0)
    await rig.drain()

    runs = await newest(rig, kind="drain")
    said = [line for run in reversed(runs) for line in await lines(rig, run["run_id"])]
    assert [run["outcome"] for run in runs] == ["failed"] * MAX_TRIES + ["ok"]
    assert [line["message"] for line in said] == ["a delivery could not be applied"] * MAX_TRIES + [
        "a delivery was parked"
    ]
    assert [line["attempt"] for line in said] == [1, 2, 3, 4, 5, 5]
    assert "quotes a payload" not in str([runs, said])


async def test_a_slice_that_is_applied_again_says_so_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.counted(mug=10)
    await rig.deliver(rig.order(1, (MUG, 1)))
    whole = drain_module.apply_slice
    outruns = [Outrun(), Outrun()]

    async def overtaken(tx: Any, items: Any, *more: Any) -> Any:
        applied = await whole(tx, items, *more)
        if outruns:
            raise outruns.pop()
        return applied

    monkeypatch.setattr(drain_module, "apply_slice", overtaken)
    await rig.drain()

    [run] = await newest(rig, kind="drain")
    assert run["detail"] == {"claimed": 1, "applied": 1}
    assert [line["message"] for line in await lines(rig, run["run_id"])] == ["a slice is applied again"] * 2


async def test_a_slice_that_the_database_broke_off_is_given_back_and_told(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.deliver(rig.order(1, (MUG, 1)))

    async def away(*_: Any) -> Any:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(drain_module.deliveries, "load", away)
        with pytest.raises(ConnectionError):
            await rig.drain()
    await rig.drain()

    runs = await newest(rig, kind="drain")
    assert [(run["outcome"], run["error"], run["detail"]) for run in runs] == [
        ("ok", "", {"claimed": 1, "applied": 1}),
        ("failed", "ConnectionError", {"given_back": 1}),
    ]


async def test_levelling_settling_and_filling_are_runs_with_their_counts(rig: Rig) -> None:
    await rig.counted(mug=1)
    await rig.deliver(rig.order(1, (MUG, 3)), rig.order(2, ("NEW", 1)))
    await rig.drain()
    await relevel(rig.hub)
    await rig.counted(mug=5)  # what came free is given to the order that waits
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await listings.put_variants(tx, rig.merchant_id, ["NEW"])
    await settle_unmapped(rig.hub)

    by_kind = {run["kind"]: run for run in await newest(rig)}
    assert by_kind["fill"]["detail"] == {"units": 2}
    assert by_kind["settle"]["detail"] == {"orders": 1}
    assert {by_kind[kind]["merchant_id"] for kind in ("fill", "settle")} == {rig.merchant_id}
    assert by_kind["relevel"]["detail"] == {"variants": 2, "to_tell": 2}  # two SKUs at two shops


async def test_what_is_older_than_a_month_is_swept_and_nothing_else(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "BATCH", 2)
    ages = [KEPT + timedelta(seconds=1)] * 5 + [KEPT - timedelta(seconds=1)]
    for merchant in (0, rig.merchant_id):
        for age in ages:
            at = rig.clock() - age
            run_id = await rig.admin.fetchval(
                "INSERT INTO runs (merchant_id, kind, started_at) VALUES ($1, 'pull', $2) RETURNING run_id",
                merchant,
                at,
            )
            await rig.admin.execute(
                "INSERT INTO run_lines (merchant_id, run_id, at, level, message) VALUES ($1, $2, $3, 'info', 'old')",
                merchant,
                run_id,
                at,
            )

    rounds = 1
    while await sweep(rig.hub):
        rounds += 1

    left = await rig.admin.fetch("SELECT merchant_id, started_at FROM runs WHERE kind = 'pull' ORDER BY 1")
    kept = [(merchant, rig.clock() - ages[-1]) for merchant in (0, rig.merchant_id)]
    assert [tuple(row) for row in left] == kept
    assert [
        tuple(row) for row in await rig.admin.fetch("SELECT merchant_id, at FROM run_lines ORDER BY 1")
    ] == kept
    swept = [run["detail"] for run in await newest(rig, kind="sweep")]
    assert (sum(row["lines"] for row in swept), sum(row["runs"] for row in swept)) == (10, 10)
    assert rounds == 6


async def test_a_month_of_deliveries_and_orders_survives_the_sweep(rig: Rig) -> None:
    await rig.counted(mug=10)
    await rig.deliver(rig.order(1, (MUG, 2)))
    await rig.drain()
    rig.clock.forward(days=31)

    await sweep(rig.hub)

    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        assert await deliveries.backlog(tx) == 0
    assert (await rig.stored(1))["intake"] == "ship"
    assert [run["kind"] for run in await newest(rig)] == ["sweep"]
