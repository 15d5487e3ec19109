"""What not every machine has: a clock that can be set for one process, and a disk that can be made full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import FairwayError

DISK = 1 << 30  # bytes of the small disk while it is not full: memory that is used only as it is written to
TRIES = 20
NO_DAY = "what is a day late comes at the end, without a day"
ENV = "/usr/bin/env"
MEMORY = Path("/dev/shm")  # noqa: S108 - where the library keeps something for each process
SLACK = 16 << 10  # bytes that are left of a full one


@dataclass(slots=True)
class Clocks:
    """Clocks of single processes, through libfaketime. *directory* holds a file for each; *library* is preloaded."""

    directory: Path
    library: Path
    base_s: float = 0.0
    _offsets: dict[str, float] = field(default_factory=dict)

    def environment(self, name: str) -> dict[str, str]:
        """What a process needs in its environment for its clock to be ours."""
        self.put(name, 0.0)
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(name)),
            "FAKETIME_CACHE_DURATION": "1",  # seconds until a step is seen
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # timers go on as they should
            "FAKETIME_DISABLE_SHM": "1",
            "NO_FAKE_STAT": "1",
        }

    def before(self, name: str) -> list[str]:
        """Words before a command that does not take over our environment: from then on its clock is ours."""
        return [ENV, *(f"{key}={value}" for key, value in self.environment(name).items())]

    def sweep(self) -> None:
        """Remove what the library left in memory for processes that were killed."""
        for left in (*MEMORY.glob("faketime_shm_*"), *MEMORY.glob("sem.faketime_sem_*")):
            if not Path("/proc", left.name.rpartition("_")[2]).exists():
                left.unlink(missing_ok=True)

    def put(self, name: str, offset_s: float) -> None:
        """From the next second on, the clock of *name* is wrong by *offset_s*."""
        self._offsets[name] = offset_s
        fresh = self._file(name).with_suffix(".new")
        fresh.write_text(f"{self.base_s + offset_s:+f}\n", "ascii")
        fresh.replace(self._file(name))

    def pass_time(self, seconds: float) -> None:
        """All clocks go forward."""
        self.base_s += seconds
        for name, offset_s in self._offsets.items():
            self.put(name, offset_s)

    def _file(self, name: str) -> Path:
        return self.directory / f"clock of {name}"


@dataclass(slots=True)
class Disk:
    """A small disk in memory at *path*, which can be made full."""

    path: Path

    def fill(self) -> None:
        """Take away all space that is not used. Raises `FairwayError` when it is used up faster than taken away."""
        for _ in range(TRIES):
            try:
                self._size(self._used() + SLACK)
            except subprocess.CalledProcessError:
                continue  # written to since we looked
            return
        raise FairwayError(f"The small disk at {self.path} could not be made full.")

    def free(self) -> None:
        """Give the space back."""
        self._size(DISK)

    def _used(self) -> int:
        found = os.statvfs(self.path)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def _size(self, size: int) -> None:
        subprocess.run(  # noqa: S603
            ["mount", "-o", f"remount,size={size}", str(self.path)],  # noqa: S607
            check=True,
            capture_output=True,
        )


def find_clocks(directory: Path) -> Clocks | str:
    """Clocks, or a sentence that says why there are none."""
    if sys.platform != "linux":
        return f"clock: clocks of single processes can be set on Linux only; {NO_DAY}"
    for library in sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")):
        return Clocks(directory, library)
    return f"clock: there is no libfaketime here (Debian and Ubuntu: apt-get install libfaketime); {NO_DAY}"


@contextmanager
def small_disk(path: Path) -> Iterator[Disk | str]:
    """A small disk mounted at *path* while the block runs, or a sentence that says why there is none."""
    if sys.platform != "linux" or os.geteuid() != 0:
        yield "disk: only root on Linux may mount a small disk"
        return
    path.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "fairway-chaos", str(path)]
    try:
        subprocess.run(words, check=True, capture_output=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        yield "disk: this machine does not let us mount a small disk"
        return
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=False, capture_output=True)  # noqa: S603, S607
