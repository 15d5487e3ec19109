"""A delivery that kills real workers is parked, its neighbours are not, and once that is mended it is applied."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from bell_rig import open_desk

from core.flow import decode
from core.store import deliveries
from core.usecases.drain import MAX_TRIES


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
        died = 0
        async with asyncio.timeout(60):
            while await desk.left():
                if worker.child is None or worker.ended:
                    died += worker.ended
                    await worker.start()
                await asyncio.sleep(0.02)
        before = await rig.stock()
        reasons = await rig.admin.fetchval("SELECT reasons FROM parked WHERE resolved_at IS NULL")
        await worker.stop()
        worker.environment = healthy
        await worker.start()
        async with rig.hub.database.transaction([rig.merchant_id]) as tx:
            ids = [await rig.admin.fetchval("SELECT delivery_id FROM parked")]
            await deliveries.put_back(tx, [rig.merchant_id], ids, rig.clock())
        await desk.until_left(0)
        await worker.stop()

        assert died == 1
        assert before == (1_000_000, 3)
        assert decode(reasons.encode())[0]["code"] == "poison"
        assert await rig.stock() == (1_000_000, 4)
        assert await rig.admin.fetchval("SELECT count(*) FROM parked WHERE resolved_at IS NULL") == 0
