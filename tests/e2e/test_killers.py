"""A delivery that kills real workers is parked, its neighbours are not, and once that is mended it is applied."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from bell_rig import open_desk

from console.processes import running
from core.flow import decode
from core.store import deliveries
from core.usecases.drain import MAX_TRIES, SLICE_LEASE_S


async def test_a_delivery_that_kills_real_workers_is_parked_and_read_again_once_that_is_mended(
    fresh: str, own_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh)
    monkeypatch.setenv("REDIS_URL", "")
    async with open_desk(fresh, None, own_directory) as desk:
        rig, worker = desk.rig, desk.worker
        healthy = worker.environment
        worker.environment = {
            **healthy,
            "FAIRWAY_FAILPOINT": "drain.moving=kill~W-666",
            "FAIRWAY_LEASE_S": "0.2",
        }
        await rig.deliver(
            *(rig.order(number, ("MUG-B", 1), changed=rig.clock()) for number in (666, 1, 2, 3))
        )
        await rig.admin.execute(
            "UPDATE todo SET attempts = $1 WHERE delivery_id = (SELECT min(delivery_id) FROM todo)",
            MAX_TRIES - 1,
        )
        await worker.start()
        await desk.until_left(0)
        before = await rig.stock()
        reasons = await rig.admin.fetchval("SELECT reasons FROM parked WHERE resolved_at IS NULL")
        never_started_again = not worker.ended
        await worker.stop()
        worker.environment = healthy
        await worker.start()
        async with rig.hub.database.transaction([rig.merchant_id]) as tx:
            ids = [await rig.admin.fetchval("SELECT delivery_id FROM parked")]
            await deliveries.put_back(tx, [rig.merchant_id], ids, rig.clock())
        await desk.until_left(0)
        await worker.stop()

        assert worker.log.read_bytes().count(b"failpoint drain.moving kill") == 1
        assert never_started_again
        assert before == (1_000_000, 3)
        assert decode(reasons.encode())[0]["code"] == "poison"
        assert await rig.stock() == (1_000_000, 4)
        assert await rig.admin.fetchval("SELECT count(*) FROM parked WHERE resolved_at IS NULL") == 0


async def test_the_neighbours_of_what_kills_a_worker_do_not_wait_for_its_lease(
    fresh: str, own_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", fresh)
    monkeypatch.setenv("REDIS_URL", "")
    async with open_desk(fresh, None, own_directory) as desk:
        rig, worker = desk.rig, desk.worker
        worker.environment = {**worker.environment, "FAIRWAY_FAILPOINT": "drain.moving=kill~W-666"}
        await rig.deliver(
            *(rig.order(number, ("MUG-B", 1), changed=rig.clock()) for number in (666, 1, 2, 3))
        )

        async with running(worker):
            begun = time.monotonic()
            await desk.until_left(1)
            took_s = time.monotonic() - begun

        assert took_s < SLICE_LEASE_S * 0.8
        assert await rig.stock() == (1_000_000, 3)
        assert await rig.admin.fetchval("SELECT lease_until > now() + interval '10 s' FROM todo")
