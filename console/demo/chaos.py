"""Kills what the hub is made of at random moments, from a seed, and lets it come back."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from console.processes import Process
from console.servers import Keeper, Servers

PAUSE_S = (2.0, 5.0)  # between two kills, at least and at most
LOST_REPLIES = 0.2  # share of calls to channels and carrier whose answer never comes


@dataclass(slots=True)
class Chaos:
    """*counts* says how often each part was killed."""

    servers: Servers
    processes: list[Process]
    rng: random.Random
    counts: Counter[str] = field(default_factory=Counter)

    async def rage(self) -> None:
        """Kill one part after another until cancelled; processes are started again, servers come back by themselves."""
        parts = [process.role for process in self.processes]
        parts += [name for name, keeper in self._keepers.items() if keeper is not None]
        while True:
            self.rng.shuffle(parts)
            for part in parts:
                await asyncio.sleep(self.rng.uniform(*PAUSE_S))
                await self._kill(part)
                self.counts[part] += 1

    @property
    def _keepers(self) -> dict[str, Keeper | None]:
        return {"PostgreSQL": self.servers.postgres, "Valkey": self.servers.valkey}

    async def _kill(self, part: str) -> None:
        keeper = self._keepers.get(part)
        if keeper is None:
            await next(process for process in self.processes if process.role == part).crash()
            return
        seen = keeper.times_ready
        keeper.kill()
        await asyncio.to_thread(keeper.wait_ready, after=seen)


@asynccontextmanager
async def raging(chaos: Chaos | None) -> AsyncIterator[None]:
    """Let *chaos* rage while the block runs; afterwards everything runs again."""
    if chaos is None:
        yield
        return
    task = asyncio.create_task(chaos.rage())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for process in chaos.processes:
            if process.ended:
                await process.start()
