"""What ends its worker is found out and held up alone, and nobody's backlog is anybody else's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from usecase_rig import MUG, Rig

from core.connector import OrderRead
from core.flow import decode
from core.usecases import drain as drain_module
from core.usecases.drain import MAX_TRIES, drain


class Died(BaseException):
    """Stands for SIGKILL: nobody catches it, so nothing is given back and no lease ends early."""


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Applying an order W-666 ends the worker."""
    real = drain_module.apply_slice

    async def apply(tx: Any, items: Sequence[Any], registry: Any, now: Any) -> Any:
        done = await real(tx, items, registry, now)
        for item in items:
            if isinstance(item.reading, OrderRead) and item.reading.order.order_number == "W-666":
                raise Died
        return done

    monkeypatch.setattr(drain_module, "apply_slice", apply)


async def _leases_end(rig: Rig) -> None:
    await rig.admin.execute("UPDATE todo SET lease_until = '-infinity'")


async def _held(rig: Rig) -> list[tuple[int, float]]:
    """Delivery and seconds until its lease ends, for each piece that is held."""
    rows = await rig.admin.fetch(
        """SELECT delivery_id, extract(epoch FROM lease_until - clock_timestamp()) AS for_s FROM todo
           WHERE lease_until > clock_timestamp() ORDER BY delivery_id"""
    )
    return [(row["delivery_id"], float(row["for_s"])) for row in rows]


@pytest.mark.usefixtures("deadly")
async def test_what_ends_its_worker_holds_up_its_neighbours_for_one_short_lease_alone(
    rig: Rig, make_hub: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_module, "ALONE_S", 30.0)
    hub = await make_hub(lease_s=20.0)
    await rig.counted(mug=100)
    await rig.deliver(*(rig.order(number, (MUG, 1)) for number in (666, *range(1, 10))))

    with pytest.raises(Died):
        await drain(hub)
    held_by_the_dead = await _held(rig)
    await _leases_end(rig)
    with pytest.raises(Died):
        await drain(hub)
    held_alone = await _held(rig)
    rest = await drain(hub)

    assert len(held_by_the_dead) == 10
    assert max(for_s for _, for_s in held_by_the_dead) <= drain_module.SLICE_LEASE_S
    assert len(held_alone) == 1
    assert held_alone[0][1] > drain_module.SLICE_LEASE_S  # the next worker is not ended at once
    assert rest.applied.applied == 9
    assert await rig.stock() == (100, 9)
    assert await rig.admin.fetchval("SELECT max(attempts) FROM todo") == 2


@pytest.mark.usefixtures("deadly")
async def test_what_ended_five_workers_is_parked_with_that_cause(rig: Rig) -> None:
    await rig.counted(mug=100)
    await rig.deliver(rig.order(666, (MUG, 1)), rig.order(1, (MUG, 1)))
    died = 0

    while await rig.admin.fetchval("SELECT count(*) FROM todo"):
        try:
            await drain(rig.hub)
        except Died:
            died += 1
            await _leases_end(rig)

    parked = await rig.admin.fetchrow("SELECT attempts, reasons FROM parked")
    assert parked is not None
    assert died == MAX_TRIES
    assert "ended 5 times" in decode(parked["reasons"].encode())[0]["message"]
    assert await rig.stock() == (100, 1)


@pytest.mark.usefixtures("deadly")
async def test_a_lane_beside_another_leaves_suspects_as_they_were(rig: Rig) -> None:
    await rig.deliver(rig.order(666, (MUG, 1)))
    await rig.admin.execute("UPDATE todo SET attempts = 2")

    lane = await drain(rig.hub, suspects=False)

    assert (lane.claimed, lane.applied.applied) == (1, 0)
    assert await rig.admin.fetchval("SELECT attempts FROM todo") == 2
    assert await _held(rig) == []


async def test_suspects_take_a_moment_of_each_drain_and_no_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_module, "ALONE_S", 0.0)
    await rig.counted(mug=100)
    await rig.deliver(*(rig.order(number, (MUG, 1)) for number in range(1, 6)))
    await rig.admin.execute("UPDATE todo SET attempts = 1")
    await rig.deliver(*(rig.order(number, (MUG, 1)) for number in range(6, 9)))

    first = await drain(rig.hub)
    second = await drain(rig.hub)

    assert (first.applied.applied, second.applied.applied) == (3 + 1, 1)


async def test_a_backlog_of_one_merchant_leaves_every_other_its_share_of_each_slice(
    rig: Rig, make_hub: Callable[..., Any]
) -> None:
    quiet = [Rig(await make_hub(), rig.clock, rig.admin) for _ in range(3)]
    await rig.deliver(*(rig.order(number, (MUG, 1)) for number in range(1, 41)))
    for number, one in enumerate(quiet):
        await one.open(f"Quiet {number}")
        await one.deliver(one.order(1, (MUG, 1)), one.order(2, (MUG, 1)))

    first = await drain(rig.hub, limit=12)
    left = await rig.admin.fetch("SELECT merchant_id, count(*) AS n FROM todo GROUP BY 1")

    assert first.claimed == 12  # what the quiet ones leave of their shares is not wasted
    assert [(row["merchant_id"], row["n"]) for row in left] == [(rig.merchant_id, 40 - 6)]


@pytest.mark.undisturbed("it counts runs, and a slice that is taken back is one more")
async def test_those_who_have_little_of_a_slice_do_not_wait_for_who_has_much(
    rig: Rig, make_hub: Callable[..., Any]
) -> None:
    quiet = [Rig(await make_hub(), rig.clock, rig.admin) for _ in range(3)]
    for number, one in enumerate(quiet):
        await one.open(f"Quiet {number}")
    for one in (rig, *quiet):
        await one.counted(mug=100)
    await rig.deliver(*(rig.order(number, (MUG, 1)) for number in range(1, 41)))
    for one in quiet:
        await one.deliver(one.order(1, (MUG, 1)))
    await rig.admin.execute("DELETE FROM runs")

    await drain(rig.hub)

    runs = await rig.admin.fetch(
        "SELECT (detail ->> 'claimed')::int AS claimed FROM runs WHERE kind = 'drain' ORDER BY finished_at"
    )
    assert [row["claimed"] for row in runs] == [3, 40]


async def test_more_merchants_than_a_slice_has_room_for_have_their_turn_as_well(
    rig: Rig, make_hub: Callable[..., Any]
) -> None:
    others = [Rig(await make_hub(), rig.clock, rig.admin) for _ in range(4)]
    for number, one in enumerate(others):
        await one.open(f"Other {number}")
    for one in (rig, *others):
        await one.deliver(*(one.order(number, (MUG, 1)) for number in range(1, 11)))

    claimed = [(await drain(rig.hub, limit=2)).claimed for _ in range(8)]

    assert set(claimed) == {2}
    # By lot: that the same two are drawn eight times happens once in ten million runs.
    assert await rig.admin.fetchval("SELECT count(DISTINCT merchant_id) FROM orders") >= 3
