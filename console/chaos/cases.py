"""Every crash point with all that can befall a process there, in an order that follows from the seed. Runs nothing."""

from __future__ import annotations

import random
from dataclasses import dataclass

from core.errors import UsageProblem
from core.failpoints import POINTS, Action

LEASE_S = 1.0  # of the workers: every call on this machine is short
STOP_S = 3 * LEASE_S  # how long a stopped process stays so
DELAY_S = 1.5 * LEASE_S
HITS = (1, 2)

# What has to happen for a process to come to a point of that name, or whose name begins so.
PARTS = {
    "intake": "buy",
    "drain": "buy",
    "successor": "succeed",
    "relevel": "buy",
    "lease": "buy",
    "call.reading": "pull",
    "call.read": "pull",
    "call.writing": "tell",
    "call.written": "tell",
    "push": "buy",
    "effect": "tell",
    "pull": "pull",
    "fetch": "ship",
    "catalog": "catalog",
    "certify": "certify",
    "reconcile": "drift",
    "drift": "drift",
    "heal": "heal",
    "sure": "guess",
    "unmapped": "list",
    "shelf": "count",
    "takeback": "count",
    "fill": "count",
    "incidents": "propose",
    "resolve": "resolve",
    "tally": "follow",
    "measure": "follow",
    "buffers": "start",
    "sweep": "start",
    "probe": "probe",
    "link": "link",
    "subscribe": "link",
    "kit": "kit",
    "ship": "ship",
    "replay": "replay",
}


@dataclass(frozen=True, slots=True)
class Case:
    """*action* befalls whichever process comes to *point* the *hit*-th time."""

    point: str
    action: Action
    hit: int

    @property
    def part(self) -> str:
        """What is played for it."""
        return PARTS.get(self.point) or PARTS[self.point.partition(".")[0]]

    @property
    def armed(self) -> str:
        """As `core.failpoints.arm` reads it."""
        how = f"{self.action}:{DELAY_S:g}" if self.action is Action.DELAY else str(self.action)
        return f"{self.point}={how}@{self.hit}"


@dataclass(frozen=True, slots=True)
class Shard:
    """The *number*-th of *of* shares, counted from 1."""

    number: int = 1
    of: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @staticmethod
    def parse(text: str) -> Shard:
        """From words such as 3/10; raises `UsageProblem`."""
        number, _, of = text.partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise UsageProblem(f"{text!r} is no share.", fix="Such as 3/10: the third of ten.")
        return Shard(int(number), int(of))


def cases(seed: int, shard: Shard) -> list[Case]:
    """The share of all cases that is *shard*; all shards of one seed together are every case once."""
    found = [Case(point, action, hit) for point in POINTS for action in Action for hit in HITS]
    random.Random(f"cases of {seed}").shuffle(found)  # noqa: S311 - a story that can be told again
    return found[shard.number - 1 :: shard.of]
