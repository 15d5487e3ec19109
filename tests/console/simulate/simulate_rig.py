"""What the tests of the simulation share: small worlds and channels that behave as a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from console.simulate.books import Books
from console.simulate.buyers import Buyer, World
from console.simulate.channels import CHANNELS, Channel
from console.simulate.engine import Run
from console.simulate.policies import Policy

HOUR = 3600.0
SHOP = replace(CHANNELS[0], share=0.5, webhooks_lost=0.0)  # compares, and its webhooks come in seconds
MARKET = replace(CHANNELS[2], share=0.5)  # is polled, and written to without comparing


def world(
    supply: Sequence[int],
    buyers: Sequence[Buyer],
    *,
    restocks: Sequence[tuple[float, int, int]] = (),
    hours: float = 24.0,
) -> World:
    wanted, coming = tuple(sorted(buyers)), tuple(sorted(restocks))
    return World(hours * HOUR, tuple(supply), coming, wanted, frozenset(range(len(supply))))


def play(
    made: World, channels: Sequence[Channel], policy: Policy, *, seed: str = "s", replies_lost: float = 0.2
) -> tuple[Run, Books]:
    run = Run(made, channels, policy, seed=seed, replies_lost=replies_lost)
    return run, run.play()
