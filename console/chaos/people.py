"""Who goes on while everything is struck: buyers, the packing desk, the carrier, the owner of a shop."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from console.chaos.schedule import Strike
from console.demo import acts
from console.demo.stage import Stage

BUYERS_PER_S = 6.0
CALLED_OFF = 0.1  # share of orders that are cancelled in the shop before they leave
REGRET_S = (0.5, 8.0)  # how long after buying


@dataclass(frozen=True, slots=True)
class Plan:
    """*seed* decides who buys what and what strikes when, for *minutes*."""

    seed: int
    minutes: float

    @property
    def seconds(self) -> float:
        return self.minutes * 60.0


@dataclass(slots=True)
class Run:
    """What is counted while it goes on. *acked* are the keys of webhooks that were answered 200."""

    plan: Plan
    acked: set[bytes] = field(default_factory=set)
    doomed: set[tuple[str, str]] = field(default_factory=set)
    struck: list[Strike] = field(default_factory=list)
    switched_on: int = 0
    stuck: str = ""


async def buy(stage: Stage, run: Run) -> None:
    """Buyers come at a steady pace; some do not want it after all."""
    shops, rng = stage.shops, random.Random(f"regrets of {run.plan.seed}")  # noqa: S311
    shops.buy_odd()
    regrets: list[tuple[float, tuple[str, str]]] = []
    begun, tried = time.monotonic(), 0
    while True:
        tried += 1
        bought = shops.buy()
        if bought is not None and rng.random() < CALLED_OFF:
            run.doomed.add(bought)
            regrets.append((time.monotonic() + rng.uniform(*REGRET_S), bought))
        for entry in [entry for entry in regrets if entry[0] <= time.monotonic()]:
            regrets.remove(entry)
            shops.call_off(*entry[1])
        await asyncio.sleep(max(0.0, begun + tried / BUYERS_PER_S - time.monotonic()))


async def desk(stage: Stage, run: Run) -> None:
    """Parcels leave all the time."""
    while True:
        await acts.pack(stage, _quiet, but=[order_id for _, order_id in run.doomed])
        await asyncio.sleep(1.0)


async def carrier(stage: Stage) -> None:
    """Some parcels get on by a step now and then."""
    carrier, rng = stage.shops.easypost, random.Random(0)  # noqa: S311
    while True:
        for code in carrier.truth():
            if rng.random() < 0.2:
                carrier.advance(code)
        await asyncio.sleep(1.0)


async def attend(stage: Stage, run: Run) -> None:
    """A shop switches a webhook off that fails six times in a row; its owner switches it on again."""
    while True:
        await asyncio.sleep(1.0)
        for hook in stage.shops.woocommerce.hooks.hooks.values():
            if hook.status == "disabled":
                hook.status, hook.failures = "active", 0
                run.switched_on += 1


def _quiet(_what: str, _share: float) -> None:
    """What a desk does every second is nothing to tell."""
