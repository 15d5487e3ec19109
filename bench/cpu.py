"""What running processes have cost so far, from /proc. Everything is 0 where there is no /proc."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class _Seen:
    parent: int
    ticks: int  # its own
    reaped: int  # of children that ended and were waited for


def cpu_s(leaders: Iterable[int]) -> float:
    """CPU seconds of processes and all below them, those that ended among these included."""
    seen = _look()
    ticks = sum(seen[pid].ticks + seen[pid].reaped for pid in _family(seen, leaders))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(leaders: Iterable[int]) -> float:
    """Memory of processes and all below them in megabytes; pages that several share are divided among them."""
    total = 0
    for pid in _family(_look(), leaders):
        try:
            lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


@dataclass(slots=True)
class Spent:
    """What a block took: *seconds* by the clock, CPU seconds of this process (*ours*) and of *postgres*."""

    seconds: float = 0.0
    ours: float = 0.0
    postgres: float = 0.0

    @property
    def cpu(self) -> float:
        return self.ours + self.postgres


@contextmanager
def spending(postgres: int) -> Iterator[Spent]:
    """Measures the block; *postgres* is the process of the server that works for it. It is known at the end of the block."""
    spent = Spent()
    server, ours, begun = cpu_s([postgres]), _own_s(), time.perf_counter()
    try:
        yield spent
    finally:
        spent.seconds = time.perf_counter() - begun
        spent.ours, spent.postgres = _own_s() - ours, cpu_s([postgres]) - server


def _own_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True, slots=True)
class Others:
    """Notices what processes that are not below this one do to the machine, from when it is made."""

    begun: float
    machine: float
    ours: float

    @staticmethod
    def watch() -> Others:
        return Others(time.monotonic(), _machine_s(), cpu_s([os.getpid()]))

    def cores(self) -> float:
        """How many cores they, and other machines on the same processor, have used since, on the average."""
        now = Others.watch()
        used = (now.machine - self.machine) - (now.ours - self.ours)
        return max(0.0, used / max(0.001, now.begun - self.begun))


def model() -> str:
    """What the processor calls itself; empty where nothing says so."""
    try:
        lines = (_PROC / "cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _machine_s() -> float:
    """CPU seconds of everything but idling, and what was taken away from this machine."""
    try:
        first = (_PROC / "stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, *more = (int(ticks) for ticks in first[1:9])
    return (user + nice + system + sum(more)) / os.sysconf("SC_CLK_TCK")


def _look() -> dict[int, _Seen]:
    found = {}
    for entry in _PROC.glob("[0-9]*/stat"):
        try:
            # The name is in brackets and may hold anything, brackets too.
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        own, reaped = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        found[int(entry.parent.name)] = _Seen(int(fields[1]), own, reaped)
    return found


def _family(seen: dict[int, _Seen], leaders: Iterable[int]) -> set[int]:
    below: dict[int, list[int]] = {}
    for pid, one in seen.items():
        below.setdefault(one.parent, []).append(pid)
    found: set[int] = set()
    waiting = [pid for pid in leaders if pid in seen]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += below.get(pid, ())
    return found
