"""A primary is killed while shops send and its replica is promoted: what was answered 200 is there, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from console.chaos.promote import tell_promote
from console.home import Home
from console.servers import run_servers


async def _told(directory: Path, *, synchronous: bool) -> dict[str, Any]:
    with run_servers(directory, log=print) as servers:
        return await tell_promote(
            servers,
            Home.open(directory),
            5,
            1,
            per_s=40.0,
            tell=lambda _what, _share: None,
            synchronous=synchronous,
        )


async def test_what_was_answered_200_outlives_the_primary(own_directory: Path) -> None:
    numbers = await _told(own_directory, synchronous=True)

    checks = {check["name"]: check["got"] for check in numbers["checks"]}
    assert [check for check in numbers["checks"] if not check["ok"]] == []
    assert checks["webhooks answered 200"] == numbers["deliveries"] > 100
    assert checks["replicas promoted"] == 1


async def test_a_replica_that_nobody_waits_for_loses_orders_and_the_run_says_so(own_directory: Path) -> None:
    numbers = await _told(own_directory, synchronous=False)

    checks = {check["name"]: check["got"] for check in numbers["checks"]}
    assert not numbers["passed"]
    assert checks["answered 200 and lost"] > 0
