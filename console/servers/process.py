"""One process of a server: how it is started, and who may start it. Keeps nothing running."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from console.servers.account import Account
from core.errors import FairwayError

Log = Callable[[str], None]

LAUNCH = Path(__file__).with_name("launch.py")
POLL_S = 0.02  # between two looks at something that is about to happen
TELL_S = 5.0  # between two lines about something that takes long
LOG_MAX = 10 * 1024 * 1024  # bytes of a server's log before a start puts it aside


@dataclass(frozen=True, slots=True)
class Program:
    """How one server is run. *farewell* stops it cleanly; *answers* tells by its pid whether it serves."""

    name: str
    command: Sequence[str]
    directory: Path
    account: Account | None
    farewell: signal.Signals
    answers: Callable[[int], bool]
    tidy: Callable[[], None] = lambda: None  # what a crash leaves behind; called while no old process lives

    @property
    def log_file(self) -> Path:
        return self.directory.with_name(f"{self.directory.name}.log")

    @property
    def claim_file(self) -> Path:
        return self.directory.with_name(f"{self.directory.name}.pid")


def spawn(
    program: Program,
    claim: int,
    *,
    signal_at_end: signal.Signals | None = None,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start *program* so that it ends with the calling thread; all of it holds *claim* while it lives."""
    if program.log_file.exists() and program.log_file.stat().st_size > LOG_MAX:
        program.log_file.replace(program.log_file.with_suffix(".log.1"))
    user = f"{program.account.uid}:{program.account.gid}" if program.account else "-"
    ending = str(int(signal_at_end or program.farewell))
    with os.fdopen(os.open(program.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), ending, user, *program.command],
            stdin=stdin,
            stdout=output,
            stderr=output,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,  # Ctrl-C is for the hub, which then stops its servers in order
            pass_fds=(claim,),
        )


@contextmanager
def claimed(program: Program, log: Log, stopping: threading.Event | None = None) -> Iterator[int]:
    """The right to run *program* here, as an open file. A server inherits it, and with it all its processes.

    So it is free exactly when nothing of an earlier server lives, whoever killed what; until then this waits.
    """
    stopping = stopping or threading.Event()
    claim = os.open(program.claim_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        begun = told = time.monotonic()
        asked = False
        while not _locks(claim):
            if sys.platform != "linux" and not asked:  # Linux ends a server with its hub
                _ask_leftover_to_end(claim, program)
                asked = True
            now = time.monotonic()
            if now - told > TELL_S:
                log(f"waiting for an earlier {program.name} to end ({now - begun:.0f} s)")
                told = now
            if stopping.wait(POLL_S):
                raise FairwayError(f"{program.name} was stopped.")
        os.ftruncate(claim, 0)
        yield claim
    finally:
        os.close(claim)


def _locks(claim: int) -> bool:
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ask_leftover_to_end(claim: int, program: Program) -> None:
    """End a server that outlived its hub, if the number it left is still its own."""
    pid = os.pread(claim, 20, 0).decode().strip()
    if not pid:
        return
    found = subprocess.run(["/bin/ps", "-o", "comm=", "-p", pid], capture_output=True, check=False)  # noqa: S603
    if Path(program.command[0]).name in found.stdout.decode(errors="replace"):
        os.kill(int(pid), program.farewell)


def last_words(log_file: Path) -> str:
    """The end of a server's log, on one line."""
    with log_file.open("rb") as file:
        file.seek(max(0, log_file.stat().st_size - 2000))
        lines = file.read().decode(errors="replace").splitlines()
    return " / ".join(line.strip() for line in lines[-3:])


def how(code: int | None) -> str:
    """An exit code in words."""
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
