"""Certificates from a terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk_rig import Desk, open_desk

HOUR = """
INSERT INTO certificates (merchant_id, connection_id, since, until, status, listed, missing, behind, unlisted, gone,
    asked, digest, first_read_at, read_at, next_at)
  SELECT merchant_id, connection_id, '2026-11-24 {since}:00Z', '2026-11-24 {until}:00Z', '{status}', 7, {missing}, 0, 0, 0,
    '{{"12": "missing"}}', 'd', '2026-11-24 13:20Z', '2026-11-24 13:20Z', '2026-11-24 13:21Z' FROM connections
"""


@pytest.fixture
async def desk(fresh: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(fresh, tmp_path) as made:
        yield made


async def test_each_hour_says_whether_everything_is_here(desk: Desk) -> None:
    none = await desk.fairway("certificates")
    await desk.admin.execute(HOUR.format(since=12, until=13, status="certified", missing=0))
    await desk.admin.execute(HOUR.format(since=13, until=14, status="gap", missing=1))

    table = await desk.fairway("certificates")
    said = (await desk.fairway("certificates", "--json")).json
    nobody = await desk.fairway("certificates", "--connection", "nobody")

    assert "No hour is closed yet" in none.err
    assert "CERTIFIED_UNTIL" in table.out
    assert "gap" in table.out
    (connection,) = said["connections"]
    assert (connection["windows"], connection["gaps"], connection["listed"]) == (2, 1, 14)
    assert connection["certified_until"].startswith("2026-11-24T13:00")
    assert [(row["status"], row["missing"], row["asked"]) for row in said["windows"]] == [
        ("gap", 1, {"12": "missing"}),
        ("certified", 0, {}),
    ]
    assert nobody.code != 0
