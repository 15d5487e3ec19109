"""Sales of many merchants are followed together, and each merchant's are its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from usecase_rig import ITEMS, MUG, Rig, Shop

from core.hub import Hub
from core.store import lags
from core.usecases import measure as measuring
from core.usecases import tally_sales as tallying
from core.usecases.measure import measure
from core.usecases.tally_sales import tally_sales

Follow = Callable[[Hub], Awaitable[object]]


@pytest.fixture
async def street(
    asked: list[str], fresh: str, make_hub: Callable[..., Any], clock: Any
) -> AsyncIterator[list[Rig]]:
    """Three merchants, each with a hundred mugs and two shops."""
    admin = await asyncpg.connect(fresh)
    hub = await make_hub(send=Shop(dict.fromkeys(ITEMS.values(), 100)))
    made = [Rig(hub, clock, admin) for _ in range(3)]
    for rig, name in zip(made, ("Ann", "Bob", "Cleo"), strict=True):
        await rig.open(name)
        await rig.counted(mug=100)
        await rig.shops_show(MUG, 100)
        await rig.switch_push(rig.first)
    await measure(hub)
    await tally_sales(hub)
    yield made
    assert await made[0].violations() == {}
    await admin.close()


async def sell(rig: Rig, *numbers: int) -> None:
    """Orders of a mug, at the second shop."""
    for number in numbers:
        await rig.deliver(rig.order(number, (MUG, 1)), connection=rig.second)
    await rig.drain()


def later(rig: Rig) -> None:
    rig.clock.forward(minutes=3)


async def counted(rig: Rig) -> float:
    """Units of a merchant that count in velocities."""
    found = "SELECT coalesce(max(units), 0) FROM velocities WHERE merchant_id = $1"
    return round(float(await rig.admin.fetchval(found, rig.merchant_id)), 1)


async def measured(rig: Rig) -> int:
    """Orders of a merchant whose news was measured."""
    found = "SELECT coalesce(sum(seen), 0) FROM lags WHERE merchant_id = $1 AND kind = 'news'"
    return int(await rig.admin.fetchval(found, rig.merchant_id))


async def test_sales_of_each_merchant_are_its_own(street: list[Rig]) -> None:
    for rig, numbers in zip(street, ((1, 2), (1,), ()), strict=True):
        await sell(rig, *numbers)
    later(street[0])

    sold = await tally_sales(street[0].hub)
    await measure(street[0].hub)

    assert {*sold} == {street[0].merchant_id, street[1].merchant_id}
    assert [await counted(rig) for rig in street] == [2, 1, 0]
    assert [await measured(rig) for rig in street] == [2, 1, 0]


@pytest.mark.parametrize("follow", [measure, tally_sales])
async def test_three_merchants_cost_as_many_statements_as_one(
    street: list[Rig], asked: list[str], follow: Follow
) -> None:
    said = []
    # The first time the driver asks what kinds of values there are.
    for number, selling in enumerate((street[:1], street[:1], street)):
        for rig in selling:
            await sell(rig, number)
        later(street[0])
        asked.clear()
        await follow(street[0].hub)
        said.append([*asked])

    assert said[1] == said[2]
    assert any("stock_ledger" in statement for statement in said[2])


@pytest.mark.parametrize("follow", [measure, tally_sales])
async def test_who_sold_nothing_is_not_looked_at_again(
    street: list[Rig], asked: list[str], follow: Follow
) -> None:
    later(street[0])
    await follow(street[0].hub)

    asked.clear()
    await follow(street[0].hub)

    assert not [statement for statement in asked if "reserved_delta" in statement]


async def test_a_slice_has_room_for_everybody_and_what_is_left_comes_next(
    street: list[Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "SLICE", 6)
    monkeypatch.setattr(tallying, "SLICE", 6)
    for rig, orders in zip(street, (3, 1, 2), strict=True):
        await sell(rig, *range(orders))
    later(street[0])

    assert await measure(street[0].hub)
    await tally_sales(street[0].hub)
    assert [await measured(rig) for rig in street] == [2, 1, 2]
    assert [await counted(rig) for rig in street] == [2, 1, 2]

    while await measure(street[0].hub):
        pass
    while await tally_sales(street[0].hub):
        pass
    assert [await measured(rig) for rig in street] == [3, 1, 2]
    assert [await counted(rig) for rig in street] == [3, 1, 2]


async def test_a_sale_that_becomes_known_while_others_are_looked_for_counts_once(
    street: list[Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def before_it(*_: object) -> dict[int, int]:
        return {}

    await sell(street[0], 1)
    later(street[0])

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(lags, "last_entries", before_it)
        await tally_sales(street[0].hub)
        await measure(street[0].hub)
    await tally_sales(street[0].hub)
    await measure(street[0].hub)

    assert (await counted(street[0]), await measured(street[0])) == (1, 1)


async def test_what_somebody_else_is_at_is_left_to_him_and_the_others_are_not(street: list[Rig]) -> None:
    hub = street[0].hub
    for rig in street:
        await sell(rig, 1)
    later(street[0])

    async with hub.database.transaction([street[0].merchant_id]) as tx, asyncio.timeout(5):
        await tx.execute(
            "SELECT FROM measured_until WHERE merchant_id = $1 FOR UPDATE", street[0].merchant_id
        )
        sold = await tally_sales(hub)

    assert {*sold} == {rig.merchant_id for rig in street[1:]}
    assert {*await tally_sales(hub)} == {street[0].merchant_id}
    assert [await counted(rig) for rig in street] == [1, 1, 1]
