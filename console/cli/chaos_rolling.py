"""Rolling restarts under load, as checks."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

ROUNDS = 20
PER_S = 100.0  # webhooks of made-up shops, beside two shops with buyers


async def roll(directory: Path, seed: int) -> dict[str, Any]:
    """Restart every process twenty times; returns the checks."""
    from console.chaos.rolling import tell_rolling
    from console.cli.demo import Progressing
    from console.home import Home
    from console.servers import run_servers

    logging.basicConfig(filename=directory / "chaos.log", level=logging.WARNING, force=True)
    home = Home.open(directory)
    with run_servers(directory, log=lambda _text: None) as servers, Progressing() as tell:
        return await tell_rolling(servers, home, seed, ROUNDS, per_s=PER_S, tell=tell)
