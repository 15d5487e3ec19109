"""Which deliveries have come: each is told once, whatever order the transactions that stored them end in."""

from __future__ import annotations

from typing import Any

from usecase_rig import MUG, Rig

from core.store import deliveries
from core.store.deliveries import Incoming
from core.usecases.arrivals import FIRST_OVERLAP, LONGEST_S, Arrivals


def incoming(rig: Rig, number: int) -> Incoming:
    key = deliveries.dedupe_key(rig.first, "order.updated", b"%d" % number)
    return Incoming(rig.merchant_id, rig.first, "order.updated", "webhook", key, b"sealed", {}, rig.clock())


async def store(rig: Rig, number: int) -> None:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await deliveries.add(tx, [incoming(rig, number)])


async def test_what_is_there_already_is_not_told(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 1)))
    arrivals = Arrivals(rig.hub)
    await arrivals.begin()

    before = await arrivals.new()
    await rig.deliver(rig.order(2, (MUG, 1)), rig.order(3, (MUG, 1)))
    told = [await arrivals.new(), await arrivals.new()]

    assert (before, [len(ids) for ids in told]) == ([], [2, 0])


async def test_a_delivery_of_a_slow_transaction_is_told_after_later_ones(rig: Rig) -> None:
    arrivals = Arrivals(rig.hub)
    await arrivals.begin()

    async with rig.hub.database.transaction([rig.merchant_id]) as slow:
        await deliveries.add(slow, [incoming(rig, 1)])
        await store(rig, 2)
        first = await arrivals.new()
    second = await arrivals.new()

    assert len(first) == len(second) == 1
    assert second[0] < first[0]


async def test_a_transaction_that_was_under_way_at_the_beginning_is_told(rig: Rig) -> None:
    arrivals = Arrivals(rig.hub)
    async with rig.hub.database.transaction([rig.merchant_id]) as slow:
        await deliveries.add(slow, [incoming(rig, 1)])
        await store(rig, 2)
        await arrivals.begin()

    assert len(await arrivals.new()) == 1


async def test_what_no_transaction_can_still_bring_is_not_looked_at_again(rig: Rig) -> None:
    moment = [0.0]
    arrivals = Arrivals(rig.hub, clock=lambda: moment[0])
    await arrivals.begin()
    told: list[Any] = []
    for number in range(6):
        await store(rig, number)
        told += await arrivals.new()
        moment[0] += LONGEST_S / 2

    assert len(told) == len(set(told)) == 6
    assert len(arrivals._told) <= 3
    assert max(told) < FIRST_OVERLAP
