"""Replay: have stored deliveries read again, as they came. What is known already stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.failpoints import reach
from core.hub import Hub
from core.store import deliveries, follow
from core.store.database import again
from core.usecases.follow_deliveries import Became, Outcome, merchants_of, outcomes, until_read

AT_ONCE = 1_000  # deliveries of one transaction; also the most that are told one by one


@dataclass(frozen=True, slots=True)
class Replayed:
    """*queued* deliveries were put back; of *waiting* no worker has read any yet, *parked* wait for a person (again).

    *outcomes* tells each one, unless there are more than `AT_ONCE`.
    """

    queued: int
    waiting: int
    parked: int
    workers: int
    outcomes: tuple[Outcome, ...]


async def replay(
    hub: Hub, ids: Sequence[int], *, wait_s: float, tell: Callable[[int], None] = lambda _: None
) -> Replayed:
    """Put *ids* back to be read, and wait up to *wait_s* for workers to do it. *tell* hears how many are left."""
    one_by_one = len(ids) <= AT_ONCE
    before = {item.delivery_id: item.version for item in await outcomes(hub, ids)} if one_by_one else {}
    merchants = await merchants_of(hub)
    queued = 0
    for start in range(0, len(ids), AT_ONCE):
        queued += await _put_back(hub, merchants, ids[start : start + AT_ONCE])
        await reach("replay.stored")
    await hub.wake.ring("drain", merchants)
    waiting = await until_read(hub, ids, wait_s, tell=tell)
    async with hub.database.transaction(merchants) as tx:
        parked = await follow.still_parked(tx, merchants, ids)
        workers = (await follow.sessions(tx)).get("fairway-worker", 0)
    after = await outcomes(hub, ids) if one_by_one else []
    told = tuple(_anew(item, before.get(item.delivery_id)) for item in after)
    return Replayed(queued, len(waiting), len(parked), workers, told)


@again
async def _put_back(hub: Hub, merchants: Sequence[int], ids: Sequence[int]) -> int:
    async with hub.database.transaction(merchants) as tx:
        queued = len(await deliveries.put_back(tx, merchants, ids, hub.clock()))
        await reach("replay.storing")
    return queued


def _anew(item: Outcome, version_before: int | None) -> Outcome:
    """A version that was there before the replay is not what became of it now."""
    if item.became is not Became.APPLIED or item.version != version_before:
        return item
    name = item.order_number or item.order_id
    return replace(
        item, became=Became.SAME, words=f"order {name}: nothing new, it made version {item.version} before"
    )
