"""A process that a signal ends has a successor at once; one that stops, breaks or never worked has none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers_rig import LINUX, gone_within

ROOT = Path(__file__).parents[2]

HEAD = """
import os, signal, sys, time
from console.successor import take_place
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # heard only by who waits for it, and not missed before
place = take_place()
print(os.getpid(), place.holder, place.before, flush=True)
"""


@contextmanager
def _kept(rest: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HEAD + rest],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as keeper:
        try:
            yield keeper
        finally:
            keeper.kill()


def _next(keeper: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Process, name and predecessor of the next one that begins."""
    assert keeper.stdout is not None
    pid, holder, before = keeper.stdout.readline().split()
    return int(pid), holder, before


def test_who_is_killed_at_work_is_succeeded_at_once_by_one_that_knows_its_name() -> None:
    with _kept("place.announce()\nsignal.sigwait({signal.SIGUSR1})\nsys.exit(3)") as keeper:
        first, name, before = _next(keeper)
        assert keeper.stdout is not None
        ready = keeper.stdout.readline()
        killed = time.monotonic()
        os.kill(first, signal.SIGKILL)
        second, another, its_before = _next(keeper)
        took_s = time.monotonic() - killed
        os.kill(second, signal.SIGUSR1)
        rest = keeper.stdout.read()
        code = keeper.wait(10)

    assert (before, its_before) == ("None", name)
    assert first != second
    assert another != name
    assert took_s < 1.0  # an interpreter that imports everything takes longer
    assert (ready, rest) == ("ready\n", "")  # who started the keeper hears it once
    assert code == 3


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL),  # it would end again and again
        ("place.announce()\nsys.exit(4)", 4),
        ("place.announce()\nraise ValueError", 1),
    ],
    ids=["killed before it worked", "ended by itself", "broken"],
)
def test_who_never_worked_or_ends_by_itself_has_no_successor(ends: str, code: int) -> None:
    with _kept(ends) as keeper:
        _next(keeper)
        assert keeper.stdout is not None
        said = keeper.stdout.read()
        assert keeper.wait(10) == code
    assert said in ("", "ready\n")


def test_the_keeper_passes_on_that_it_is_asked_to_stop() -> None:
    stops = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nplace.announce()\ntime.sleep(60)"
    with _kept(stops) as keeper:
        child, _, _ = _next(keeper)
        assert keeper.stdout is not None
        keeper.stdout.readline()
        keeper.send_signal(signal.SIGTERM)
        assert keeper.wait(10) == 0
    assert gone_within(1, [child])


@pytest.mark.skipif(not LINUX, reason="only Linux tells a child that its parent ended")
def test_whoever_kills_the_keeper_has_killed_who_works() -> None:
    with _kept("place.announce()\ntime.sleep(60)") as keeper:
        child, _, _ = _next(keeper)
        keeper.kill()
        keeper.wait(10)
        assert gone_within(5, [child])
