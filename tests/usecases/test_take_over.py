"""What a dead worker had in hand is anybody's at once; what others hold, and what went alone, is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from usecase_rig import MUG, Rig

from core.store import deliveries
from core.store.deliveries import Claimed
from core.usecases.take_over import take_over

DEAD, ALIVE = 7, 8


@pytest.fixture
async def rig(fresh: str, make_hub: Callable[..., Any], clock: Any) -> AsyncIterator[Rig]:
    admin = await asyncpg.connect(fresh)
    made = Rig(await make_hub(), clock, admin)
    await made.open()
    await made.counted(mug=100)
    yield made
    assert await made.violations() == {}
    await admin.close()


async def _claim(rig: Rig, holder: int, limit: int = 2) -> list[Claimed]:
    async with rig.hub.database.transaction([]) as tx:
        return await deliveries.claim(tx, limit, 60.0, holder)


async def _alone(rig: Rig, number: int) -> Claimed | None:
    async with rig.hub.database.transaction([]) as tx:
        return await deliveries.claim_one(tx, rig.merchant_id, number, 60.0)


def _ids(claimed: list[Claimed]) -> list[int]:
    return [item.delivery_id for item in claimed]


async def test_the_slices_of_a_dead_worker_are_anybodys_at_once_and_their_tries_count(rig: Rig) -> None:
    await rig.deliver(*(rig.order(number, (MUG, 1)) for number in range(1, 7)))
    dead = await _claim(rig, DEAD)
    alive = await _claim(rig, ALIVE)
    nameless = await _claim(rig, 0)

    given_back = await take_over(rig.hub, DEAD)
    again = await _claim(rig, ALIVE, limit=10)

    assert given_back == 2
    assert _ids(again) == _ids(dead)
    assert {item.attempts for item in again} == {2}  # each of them may be what ended it
    assert all(new.epoch > old.epoch for new, old in zip(again, dead, strict=True))
    held = await rig.admin.fetch("SELECT delivery_id FROM todo WHERE lease_until > now() AND attempts = 1")
    assert sorted(row["delivery_id"] for row in held) == _ids(alive) + _ids(nameless)


async def test_what_went_alone_stays_held_for_its_whole_lease(rig: Rig) -> None:
    await rig.deliver(rig.order(1, (MUG, 1)))
    (claimed,) = await _claim(rig, DEAD)
    await take_over(rig.hub, DEAD)
    assert await _alone(rig, claimed.delivery_id) is not None

    assert await take_over(rig.hub, DEAD) == 0
    assert await _claim(rig, ALIVE) == []


async def test_what_the_dead_one_had_finished_is_not_given_back(rig: Rig) -> None:
    await rig.deliver(*(rig.order(number, (MUG, 1)) for number in (1, 2)))
    rig.hub.holder = DEAD
    await rig.drain()

    assert await take_over(rig.hub, DEAD) == 0
    assert await rig.stock() == (100, 2)
