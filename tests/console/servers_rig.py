"""What the tests of the embedded servers share: private folders, hubs as processes of their own, queries."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis.asyncio

from console.servers import Keeper, Servers, run_servers

ROOT = Path(__file__).parents[2]
LINUX = sys.platform == "linux"

HUB = """
import signal, sys
from pathlib import Path
from console.servers import run_servers
with run_servers(Path(sys.argv[1]), log=lambda line: None) as servers:
    print(servers.postgres.pid, servers.valkey.pid, servers.endpoints.database_url, flush=True)
    signal.pause()
"""


def private_directory() -> Iterator[Path]:
    """Not pytest's own: as root it lies below a private folder, where the servers' user cannot go."""
    folder = Path(tempfile.mkdtemp(prefix="fairway-test-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DATABASE_URL", raising=False)
        patch.delenv("REDIS_URL", raising=False)
        yield folder
    shutil.rmtree(folder)


def running_pair() -> Iterator[Servers]:
    for folder in private_directory():
        with run_servers(folder, log=lambda _: None) as running:
            yield running


def directory_of(servers: Servers) -> Path:
    return Path(urlsplit(servers.endpoints.redis_url or "").path).parents[1]


def keepers(servers: Servers) -> tuple[Keeper, Keeper]:
    assert servers.postgres is not None
    assert servers.valkey is not None
    return servers.postgres, servers.valkey


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def redis_command(url: str | None, *words: str) -> object:
    assert url is not None
    client = redis.asyncio.Redis.from_url(url, decode_responses=True)
    try:
        return await client.execute_command(*words)
    finally:
        await client.aclose()


def start_hub(directory: Path) -> tuple[subprocess.Popen[str], list[int], str]:
    hub = subprocess.Popen(
        [sys.executable, "-c", HUB, str(directory)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert hub.stdout is not None
    postgres, valkey, url = hub.stdout.readline().split()
    return hub, [int(postgres), int(valkey)], url


def end_hub(hub: subprocess.Popen[str], how: signal.Signals) -> None:
    hub.send_signal(how)
    hub.wait()
    assert hub.stdout is not None
    hub.stdout.close()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that ended and that nobody has asked about yet still has a number.
    return not LINUX or Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def gone_within(seconds: float, pids: list[int]) -> bool:
    deadline = time.monotonic() + seconds
    while any(lives(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


async def fill(url: str, rows: int) -> None:
    """Write *rows*, each in its own transaction, so that each was acknowledged."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS written (n int)")
    for n in range(rows):
        await connection.execute("INSERT INTO written VALUES ($1)", n)
    await connection.close()
