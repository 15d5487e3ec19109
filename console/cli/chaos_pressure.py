"""What poison, a loud merchant and a burst do to the others, as checks."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any


async def press(directory: Path, seed: int, minutes: float) -> dict[str, Any]:
    """Measure each of them, with and without for *minutes*; returns the checks."""
    from console.chaos.people import Plan
    from console.chaos.pressure import tell_pressure
    from console.cli.demo import Progressing
    from console.home import Home
    from console.servers import run_servers

    logging.basicConfig(filename=directory / "chaos.log", level=logging.WARNING, force=True)
    home = Home.open(directory)
    with run_servers(directory, log=lambda _text: None) as servers, Progressing() as tell:
        return await tell_pressure(servers, home, Plan(seed, minutes), tell)
