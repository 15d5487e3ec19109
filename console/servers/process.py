"""Keeps one server running: starts it, waits until it answers, reaps it when it dies and starts it again.

Each server is started by a thread of its own that lives as long as the server may, because the kernel ties "end with
your parent" to the *thread* that started it.
"""

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
PAUSE_S = (0.05, 10.0)  # before a dead server is started again: the first time, at most
STEADY_S = 60.0  # a server that ran this long starts with the shortest pause again
PATIENCE_S = 120.0  # for a clean stop: a last checkpoint may be large
LOG_MAX = 10 * 1024 * 1024  # bytes of a server's log before a start puts it aside


@dataclass(frozen=True, slots=True)
class Program:
    """How one server is run. *farewell* makes it stop cleanly; *answers* says whether it serves, given its pid."""

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


class Keeper:
    """Runs a `Program` from `start` to `stop`, whatever happens to it in between."""

    def __init__(self, program: Program, log: Log) -> None:
        self._program = program
        self._log = log
        self._thread = threading.Thread(target=self._keep, name=f"keeper of {program.name}", daemon=True)
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._expected = False  # the end of the running process is our own doing
        self._times_ready = 0
        self._failure: BaseException | None = None

    @property
    def pid(self) -> int:
        """The process that runs now; 0 between two."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else 0

    def start(self) -> None:
        """Start the server and wait until it serves. Raises `FairwayError` with the end of its log if it does not."""
        self._thread.start()
        self.wait_ready()

    def wait_ready(self, *, after: int = 0) -> None:
        """Wait until the server has become ready more than *after* times. Raises what ended the keeper."""
        with self._changed:
            self._changed.wait_for(lambda: self._times_ready > after or self._failure is not None)
        if self._failure is not None:
            raise self._failure

    @property
    def times_ready(self) -> int:
        return self._times_ready

    def restart(self) -> None:
        """Stop the server cleanly and wait until the next one serves."""
        seen = self._times_ready
        with self._changed:
            self._expected = True
        self.send(self._program.farewell)
        self.wait_ready(after=seen)

    def kill(self) -> None:
        """End the process as a crash would; the keeper starts another."""
        self.send(signal.SIGKILL)

    def send(self, what: signal.Signals) -> None:
        """Send the running process a signal, if one is running."""
        process = self._process
        if process is not None:
            process.send_signal(what)

    def stop(self) -> None:
        """Stop the server cleanly, and by force when it takes longer than two minutes."""
        self._stopping.set()
        begun = told = time.monotonic()
        self.send(self._program.farewell)
        while self._thread.is_alive():
            self._thread.join(POLL_S)
            now = time.monotonic()
            if now - told > TELL_S:
                self._log(f"{self._program.name} is still stopping ({now - begun:.0f} s)")
                told = now
                self.send(self._program.farewell if now - begun < PATIENCE_S else signal.SIGKILL)

    # What the thread does ------------------------------------------------------------------------------------

    def _keep(self) -> None:
        pause = PAUSE_S[0]
        try:
            while not self._stopping.is_set():
                begun = time.monotonic()
                process = self._run()
                if self._stopping.is_set():
                    return
                if self._times_ready == 0:
                    raise FairwayError(
                        f"{self._program.name} does not start: {last_words(self._program.log_file)}",
                        fix=f"The whole log is {self._program.log_file}.",
                    )
                if self._expected:
                    self._expected = False
                    continue
                pause = PAUSE_S[0] if time.monotonic() - begun > STEADY_S else pause
                self._log(f"{self._program.name} ended ({how(process.returncode)}); starting it again")
                self._stopping.wait(pause)
                pause = min(pause * 2, PAUSE_S[1])
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            self._failure = error
        finally:
            with self._changed:
                self._failure = self._failure or FairwayError(f"{self._program.name} was stopped.")
                self._changed.notify_all()

    def _run(self) -> subprocess.Popen[bytes]:
        """One life of the server, from its start until it was reaped."""
        with claimed(self._program, self._log, self._stopping) as claim:
            self._program.tidy()
            process = spawn(self._program, claim)
            os.pwrite(claim, f"{process.pid}\n".encode(), 0)
        self._process = process
        if self._stopping.is_set():  # stop() may have come before there was anything to send a signal to
            process.send_signal(self._program.farewell)
        if self._until_ready(process):
            with self._changed:
                self._times_ready += 1
                self._changed.notify_all()
        process.wait()
        return process

    def _until_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Without a limit: recovery takes what it takes. False when the server ended or shall."""
        begun = told = time.monotonic()
        while process.poll() is None and not self._stopping.is_set():
            if self._program.answers(process.pid):
                return True
            now = time.monotonic()
            if now - told > TELL_S:
                self._log(
                    f"{self._program.name} is still starting ({now - begun:.0f} s):"
                    f" {last_words(self._program.log_file)}"
                )
                told = now
            self._stopping.wait(POLL_S)
        return False


def spawn(
    program: Program, claim: int, *, signal_at_end: signal.Signals | None = None, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start *program* so that it ends with the calling thread and holds *claim* as long as any of it lives."""
    if program.log_file.exists() and program.log_file.stat().st_size > LOG_MAX:
        program.log_file.replace(program.log_file.with_suffix(".log.1"))
    user = f"{program.account.uid}:{program.account.gid}" if program.account else "-"
    ending = str(int(signal_at_end or program.farewell))
    with open(os.open(program.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
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
            if not asked:
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
    """Where the kernel does not end a server with its hub, do it late, if the number is still that server's."""
    if sys.platform == "linux":
        return
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
