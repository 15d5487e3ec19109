"""What tests of runs share: work that is rung for, and what the database keeps of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.flow import decode
from core.hub import Hub
from core.store import run_log, runs, schedule
from core.store.schedule import Lease
from core.usecases.lease import NEVER, Work, run_due
from tests.usecases.usecase_rig import Rig


async def never(_hub: Hub, _lease: Lease, _result: object) -> datetime:
    return NEVER


async def ring(rig: Rig, *connections: int, kind: str = "probe") -> None:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        await schedule.ring(tx, kind, [(rig.merchant_id, x) for x in connections], rig.clock())


async def work_once(rig: Rig, work: Work, connection: int = 0, kind: str = "probe") -> None:
    """Ring for *work* and have it done."""
    await ring(rig, connection or rig.first, kind=kind)
    assert await run_due(rig.hub, kind, work, never) == 1


async def newest(rig: Rig, **wanted: Any) -> list[dict[str, Any]]:
    """The runs as an operator sees them, the newest first."""
    async with rig.hub.database.transaction([0, rig.merchant_id]) as tx:
        return await runs.newest(tx, [rig.merchant_id], 50, **wanted)


async def lines(rig: Rig, run_id: int) -> list[dict[str, Any]]:
    async with rig.hub.database.transaction([0, rig.merchant_id]) as tx:
        return await run_log.of_run(tx, [rig.merchant_id], run_id, 1000)


async def everything_kept(rig: Rig) -> str:
    """All that is stored of runs and by them, as one text."""
    rows = [
        row[0]
        for table in ("runs", "run_lines", "schedule", "connections")
        for row in await rig.admin.fetch(f"SELECT t::text FROM {table} t")
    ]
    assert rows
    return "\n".join(rows)


async def scheduled(rig: Rig, connection: int = 0, kind: str = "probe") -> dict[str, Any]:
    row = await rig.admin.fetchrow(
        "SELECT * FROM schedule WHERE connection_id = $1 AND kind = $2", connection or rig.first, kind
    )
    assert row is not None
    return dict(row)


def told(line: dict[str, Any]) -> dict[str, Any]:
    """The fields of a line that are no column of their own."""
    fields = line["fields"]
    return dict(decode(fields.encode()) if isinstance(fields, str) else fields)
