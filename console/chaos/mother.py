"""The process that `console.chaos.forks` forks from: it imports everything once, and each fork becomes a command."""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import selectors
import signal
import sys
from collections.abc import Mapping
from typing import Any

from connectors import discover
from console.cli.main import COMMANDS, main
from console.home import CHECKOUT
from core.flow import decode

SERVING = ("jobs.worker", "webhooks.app", "webhooks.server")


def be_mother() -> None:
    """Fork what is asked for on standard input, say on standard output what begins and ends; at the end kill the rest."""
    _import_everything()
    waking, wake = os.pipe()
    for end in (waking, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ears = selectors.DefaultSelector()
    ears.register(0, selectors.EVENT_READ)
    ears.register(waking, selectors.EVENT_READ)
    children: dict[int, int] = {}
    heard = b""
    while True:
        for key, _ in ears.select():
            if key.fd == waking:
                os.read(waking, 4096)
                continue
            more = os.read(0, 1 << 16)
            if not more:
                for pid in children:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                return
            *lines, heard = (heard + more).split(b"\n")
            for line in lines:
                asked = decode(line)
                pid = os.fork()
                if pid == 0:
                    ears.close()
                    os._exit(_be_child(asked))
                children[pid] = asked["n"]
                _say({"n": asked["n"], "pid": pid})
        for pid in list(children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                _say({"n": children.pop(pid), "code": os.waitstatus_to_exitcode(status)})


def _say(what: Mapping[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _import_everything() -> None:
    discover()
    names = [*SERVING, *(f"console.cli.{module}" for module, _, _ in COMMANDS.values())]
    names += [f"core.usecases.{path.stem}" for path in (CHECKOUT / "core" / "usecases").glob("[a-z]*.py")]
    for name in sorted(names):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _be_child(asked: Mapping[str, Any]) -> int:
    """Become the command; its exit code."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for place, path, how in (
        (0, os.devnull, os.O_RDONLY),
        (1, asked["out"], os.O_WRONLY),
        (2, asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT),
    ):
        opened = os.open(path, how, 0o600)
        os.dup2(opened, place)
        os.close(opened)
    os.environ.update(asked["environment"])
    faulthandler.register(signal.SIGUSR1)  # where it stands, in its log: for one that hangs
    try:
        main(asked["words"])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter would: shown, and an exit code
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    be_mother()
