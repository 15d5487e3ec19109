"""Runs what may be killed as a child of a process that does nothing else, and forks its successor at once. Knows no work."""

from __future__ import annotations

import mmap
import os
import secrets
import signal
import sys
import time
from dataclasses import dataclass

from console.processes import die_with
from core.log import get_log

PASSED_ON = {signal.SIGTERM, signal.SIGINT}
HEARD = {*PASSED_ON, signal.SIGCHLD}

log = get_log("keeper")


@dataclass(frozen=True, slots=True)
class Place:
    """Who works here now: *holder* is its name in what it claims, *before* the name of the one that a signal ended, *since*
    when the first of them began (monotonic seconds).
    """

    holder: int
    before: int | None
    since: float
    ready: mmap.mmap

    def announce(self) -> None:
        """It works: from now on it is worth a successor."""
        self.ready[0] = 1
        if self.before is None:
            sys.stdout.write("ready\n")
            sys.stdout.flush()


def take_place() -> Place:
    """Returns in a child, and again in another one each time a signal ended one that worked. This process waits for them
    and exits as the last one does: when it was asked to stop, ended by itself or never came to work.

    Call it with everything imported, before any thread or event loop: a child then begins within milliseconds, where a new
    interpreter takes seconds of a core that others need.
    """
    # They are fetched, never delivered: a handler is not run when its signal comes just before the wait for a child begins.
    signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # what is ignored is not kept for a fetch everywhere
    before, since = None, time.monotonic()
    while True:
        place = Place(secrets.randbits(62), before, since, mmap.mmap(-1, 1))
        parent = os.getpid()
        child = os.fork()
        if not child:
            die_with(parent, signal.SIGKILL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
            return place
        code, asked = _keep(child)
        if code >= 0 or asked or not place.ready[0]:
            sys.exit(code if code >= 0 else 128 - code)
        log.warning(
            "a signal ended the worker; another one takes its place",
            extra={"fields": {"signal": signal.Signals(-code).name}},
        )
        before = place.holder
        place.ready.close()


def _keep(child: int) -> tuple[int, bool]:
    """Pass on to *child* that it shall stop, until it ends; returns its code and whether it was asked."""
    asked = False
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), asked
        if signal.sigwait(HEARD) in PASSED_ON:
            asked = True
            os.kill(child, signal.SIGTERM)
