"""A clock of one process, and a disk that is full: skipped, with a sentence, where the machine has neither."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.chaos.tools import Clocks, Disk, find_clocks, small_disk
from core.clock import wall_clock

TELL = """
import sys, time
for line in sys.stdin:
    print(time.time(), flush=True)
"""


async def test_a_clock_is_set_for_one_process_while_it_runs(tmp_path: Path) -> None:
    clocks = find_clocks(tmp_path)
    if not isinstance(clocks, Clocks):
        pytest.skip(clocks)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", TELL),
        env={**os.environ, **clocks.environment("one")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None

    async def apart() -> timedelta:
        child.stdin.write(b"?\n")
        told = datetime.fromtimestamp(float(await child.stdout.readline()), UTC)
        return told - wall_clock()

    async def becomes(wanted: timedelta) -> None:
        async with asyncio.timeout(5):
            while abs(await apart() - wanted) > timedelta(seconds=2):
                await asyncio.sleep(0.1)

    await becomes(timedelta())
    clocks.put("one", -3600)
    await becomes(timedelta(hours=-1))
    clocks.put("one", 0)
    clocks.pass_time(90_000)
    await becomes(timedelta(hours=25))
    child.kill()
    await child.wait()
    clocks.sweep()


def test_a_full_disk_takes_nothing_more_until_it_has_space_again() -> None:
    with tempfile.TemporaryDirectory() as directory, small_disk(Path(directory) / "disk") as disk:
        if not isinstance(disk, Disk):
            pytest.skip(disk)
        (disk.path / "before").write_bytes(b"x" * 1_000_000)

        disk.fill()

        with pytest.raises(OSError, match="No space left"):
            (disk.path / "more").write_bytes(b"x" * 1_000_000)
        disk.free()
        (disk.path / "after").write_bytes(b"x" * 1_000_000)
        assert (disk.path / "before").stat().st_size == 1_000_000


def test_a_machine_without_the_library_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    found = find_clocks(tmp_path)
    assert isinstance(found, str)
    assert "apt-get install libfaketime" in found or "Linux only" in found


def test_whoever_may_not_mount_is_told_so_and_nothing_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with small_disk(tmp_path / "disk") as found:
        assert found == "disk: only root on Linux may mount a small disk"
    assert not (tmp_path / "disk").exists()
