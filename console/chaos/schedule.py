"""What strikes when: a pure function of the seed. Strikes nothing itself."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass

LEASE_S = 3.0  # of the workers under chaos: every call on this machine is short
PAUSE_S = (0.8, 2.2)  # between two strikes, at least and at most
RECOVERY_S = 1.0  # what was struck is left alone so long

WEBS = ("web 1", "web 2")
WORKERS = ("worker 1", "worker 2", "worker 3")
PROCESSES = (*WEBS, *WORKERS)
SERVERS = ("PostgreSQL", "Valkey")
CHANNELS = ("Shopify", "WooCommerce", "EasyPost")
LINKS = (*SERVERS, *CHANNELS, "webhooks")  # what runs through a proxy of ours


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: what it does in words, to what, for how many seconds, and how much (shortest and longest,
    smallest and largest; what that means is the fault's own affair).
    """

    does: str
    targets: tuple[str, ...]
    for_s: tuple[float, float] = (0.0, 0.0)
    amount: tuple[float, float] = (0.0, 0.0)


FAULTS: Mapping[str, Fault] = {
    "kill": Fault("killed (kill -9)", (*PROCESSES, *SERVERS)),
    "stop": Fault("stopped past its lease, then let go on", PROCESSES, (1.5 * LEASE_S, 2.5 * LEASE_S)),
    "flush": Fault("emptied (FLUSHALL)", ("Valkey",)),
    "gone": Fault("refuses every connection", (*SERVERS, *CHANNELS), (1.0, 4.0)),
    "hole": Fault("swallows everything and says nothing", LINKS, (1.5, 5.0)),
    "cut": Fault("all connections are cut", LINKS),
    "delay": Fault("everything takes longer (seconds)", LINKS, (2.0, 5.0), (0.05, 0.4)),
    "drip": Fault("everything comes in small pieces", LINKS, (2.0, 5.0), (10, 40)),
    "reset": Fault("done, but the answer is cut off (share)", LINKS, (1.5, 4.0), (0.1, 0.6)),
    "disk": Fault("its disk is full", ("PostgreSQL",), (1.5, 4.0)),
    "clock": Fault("its clock is wrong (seconds)", PROCESSES, (3.0, 8.0), (-3600, 3600)),
}


@dataclass(frozen=True, slots=True)
class Strike:
    """*fault* befalls *target* at *at_s* seconds and lasts *for_s*."""

    at_s: float
    fault: str
    target: str
    for_s: float = 0.0
    amount: float = 0.0


def queues(seed: int) -> int:
    """Over how many queues the merchants are spread: with every other seed each worker has one of its own."""
    return 1 if seed % 2 else len(WORKERS)


def served_by(worker: str, queues: int) -> str:
    """The queues that a worker serves first, as its environment says it."""
    return "" if queues == 1 else str(WORKERS.index(worker))


def strikes(seed: int, minutes: float, without: Collection[str] = ()) -> list[Strike]:
    """Everything that strikes in *minutes*, in order. Kinds come round and round, each time shuffled, so that none is
    missed for long; nothing is struck while it is still down. Leaving kinds out (*without*) moves no other strike.
    """
    rng = random.Random(f"strikes of {seed}")  # noqa: S311 - a story that can be told again
    end, at, due = minutes * 60.0, 0.0, list[str]()
    busy_until: dict[str, float] = {}
    found: list[Strike] = []
    while (at := at + rng.uniform(*PAUSE_S)) < end:
        if not due:
            due = rng.sample(sorted(FAULTS), len(FAULTS))
        kind = due.pop()
        fault = FAULTS[kind]
        # Drawn in any case: what one strike was spared changes nothing about the next.
        target, long, much = rng.random(), rng.uniform(*fault.for_s), rng.uniform(*fault.amount)
        free = [name for name in fault.targets if busy_until.get(name, 0.0) <= at]
        if not free:
            due.insert(0, kind)
            continue
        name = free[int(target * len(free))]
        long = round(min(long, end - at), 2)
        busy_until[name] = at + long + RECOVERY_S
        found.append(Strike(round(at, 2), kind, name, long, round(much, 3)))
    return [strike for strike in found if strike.fault not in without]
