"""What keeps the hub's processes running, even while they cannot start."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console.processes import Process, keep_running
from core.errors import FairwayError


class Flaky(Process):
    """Does not start until the database is back."""

    tries = 0
    fails = 2

    async def start(self) -> None:
        type(self).tries += 1
        if self.tries <= self.fails:
            raise FairwayError("PostgreSQL does not answer.")
        self.child = None

    @property
    def ended(self) -> bool:
        return self.tries <= self.fails


async def test_a_process_that_cannot_start_is_tried_again_until_it_can(tmp_path: Path) -> None:
    said: list[str] = []
    process = Flaky("web", {}, tmp_path / "web.log")
    keeping = asyncio.create_task(keep_running([process], said.append))
    async with asyncio.timeout(5):
        while process.ended:
            await asyncio.sleep(0.05)

    assert not keeping.done()
    assert process.tries == 3
    assert said.count("PostgreSQL does not answer.") == 2
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
