"""A replica takes its primary's place under load, as checks."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

ROUNDS = 4
PER_S = 60.0


async def promote(directory: Path, seed: int) -> dict[str, Any]:
    """Kill the primary four times, and promote its replica each time; returns the checks."""
    from console.chaos.promote import tell_promote
    from console.cli.demo import Progressing
    from console.home import Home
    from console.servers import run_servers

    logging.basicConfig(filename=directory / "chaos.log", level=logging.WARNING, force=True)
    home = Home.open(directory)
    with run_servers(directory, log=lambda _text: None) as servers, Progressing() as tell:
        return await tell_promote(servers, home, seed, ROUNDS, per_s=PER_S, tell=tell)
