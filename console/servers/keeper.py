"""Keeps one server running: starts it, waits until it answers, reaps it when it dies, starts it again.

Each server is started by a thread of its own that lives as long as the server may, because the kernel ties
"end with your parent" to the *thread* that started it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from console.servers.process import POLL_S, TELL_S, Log, Program, claimed, how, last_words, spawn
from core.errors import FairwayError

PAUSE_S = (0.05, 5.0)  # before a dead server is started again: the first time, at most
STEADY_S = 1.0  # a server that ran this long did start: the next one may follow at once
PATIENCE_S = 120.0  # for a clean stop: a last checkpoint may be large


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
        """Start the server and wait until it serves. Raises `FairwayError` with the end of its log if not."""
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

    @contextmanager
    def ended_for_good(self) -> Iterator[None]:
        """End the server as a crash would, wait until nothing of it lives, and let none be started in its place, by
        whomever, while the block runs.
        """
        self._stopping.set()
        self.kill()
        self._thread.join()
        with claimed(self._program, self._log):
            yield

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
