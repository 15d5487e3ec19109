"""What processes cost is what they and all below them cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.cpu import Others, cpu_s, memory_mb, spending

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc here")

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


@contextmanager
def running(script: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has said a line and waits for one."""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        yield process
        process.stdin.write(b"\n")


def test_a_child_that_ended_and_one_that_runs_are_counted_with_their_parent() -> None:
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); print('x', flush=True); input()"
    with running(script) as process:
        assert 0.25 < cpu_s([process.pid]) < 2


def test_leaders_that_are_one_below_the_other_are_counted_once() -> None:
    script = f"{BURN}print('x', flush=True); input()"
    with running(script) as process:
        both = cpu_s([os.getpid(), process.pid])
        assert both == pytest.approx(cpu_s([os.getpid()]), abs=0.1)


def test_memory_of_this_process_is_tens_of_megabytes() -> None:
    assert 5 < memory_mb([os.getpid()]) < 2_000


def test_a_process_that_is_gone_costs_nothing() -> None:
    assert cpu_s([2**22 + 1]) == 0


def test_what_this_process_and_its_children_burn_is_not_the_others() -> None:
    others = Others.watch()
    before = cpu_s([os.getpid()])
    began = time.monotonic()
    for _ in range(2):
        subprocess.run([sys.executable, "-c", BURN], check=True)
    ours = (cpu_s([os.getpid()]) - before) / (time.monotonic() - began)
    assert ours > 0.1
    assert others.cores() < (os.cpu_count() or 1) - ours + 0.2


def test_what_others_burn_is_counted() -> None:
    # A child of a child that has ended is nobody's of ours.
    script = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BURN.replace('0.3', '1.5')!r}])"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    others = Others.watch()
    time.sleep(1.0)
    assert others.cores() > 0.2


def test_what_a_block_burns_is_told_apart_from_what_its_server_does() -> None:
    with running("import sys; print('x', flush=True); input()") as server, spending(server.pid) as spent:
        before = time.process_time()
        while time.process_time() - before < 0.2:
            pass
    assert 0.15 < spent.ours < 1
    assert spent.postgres < 0.1
    assert spent.cpu == spent.ours + spent.postgres
    assert spent.seconds > 0.15
