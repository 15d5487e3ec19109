"""A world without network, clock and chance: whoever reaches for one inside `blocked()` is caught."""

from __future__ import annotations

import _socket
import gc
import random
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from types import FrameType
from typing import Any

MODULES = frozenset({"time", "_socket", "_random", "_ssl"})
NAMES = frozenset({"urandom", "getrandom", "getpid", "popen", "fork_exec"})


class Impure(AssertionError):
    """Something reached for the world outside."""


@contextmanager
def blocked() -> Iterator[None]:
    """Raise `Impure` in whoever calls the network, a clock or a random source, and again at the end, so that nobody
    can swallow it.
    """
    caught: list[str] = []

    def watch(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and (name := _forbidden(called)):
            caught.append(name)
            raise Impure(name)

    collects = gc.isenabled()
    gc.disable()  # others may have asked to be told of collections, and look at the clock then
    before, real = sys.getprofile(), socket.socket
    socket.socket = _NoSocket  # type: ignore[misc, assignment] - a type's call is no C call that could be watched
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(before)
        socket.socket = real  # type: ignore[misc]
        if collects:
            gc.enable()
    if caught:
        raise Impure(f"the world outside was asked: {', '.join(sorted(set(caught)))}")


class _NoSocket:
    def __init__(self, *_: object, **__: object) -> None:
        raise Impure("a socket was opened")


def _forbidden(called: Any) -> str | None:
    owner, name = getattr(called, "__self__", None), called.__name__
    if isinstance(owner, type) and issubclass(owner, date) and name in {"now", "utcnow", "today"}:
        return f"{owner.__name__}.{name}"
    if isinstance(owner, random.Random | _socket.socket):
        return f"{type(owner).__name__}.{name}"
    module = called.__module__ or getattr(owner, "__name__", "")
    return f"{module}.{name}" if module in MODULES or name in NAMES else None
