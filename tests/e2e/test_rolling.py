"""A web and a worker are restarted while shops send: nobody gets a 5xx, nothing is lost or doubled."""

from __future__ import annotations

from pathlib import Path

from console.chaos.rolling import WEBS, WORKERS, tell_rolling
from console.home import Home
from console.servers import run_servers


async def test_a_rolling_restart_under_load_is_noticed_by_nobody(own_directory: Path) -> None:
    said: list[str] = []
    with run_servers(own_directory, log=print) as servers:
        home = Home.open(own_directory)
        numbers = await tell_rolling(
            servers,
            home,
            3,
            1,
            per_s=40.0,
            tell=lambda what, _share: said.append(what),
            names=(WEBS[0], WORKERS[0]),
        )

    checks = {check["name"]: check["got"] for check in numbers["checks"]}
    assert [check for check in numbers["checks"] if not check["ok"]] == []
    assert checks["restarts"] == 2
    assert checks["webhooks answered 200"] == numbers["deliveries"] > 50
    assert said[0] == "round 1 of 1"
