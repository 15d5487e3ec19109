"""The typical receiver of `bench/peers` as processes beside the hub: its environment, its database, its queue."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import asyncpg
from redis.asyncio import Redis

from bench.bodies import SECRET
from console.bench.shops import KEY, KEY_SECRET, Shops
from console.bench.stand import Stand
from console.home import CHECKOUT
from console.processes import Process, running
from core.errors import FairwayError

PEERS = CHECKOUT / "bench" / "peers"
WORKERS = 2  # prefork processes: as many as there are cores
QUEUE_DB = 1  # of Valkey; the hub's bell is in 0


@dataclass(slots=True)
class Peer:
    """The typical receiver, running."""

    web: Process
    worker: Process
    database: asyncpg.Connection
    queue: Redis

    async def orders(self) -> int:
        """How many are stored by now."""
        found: int = await self.database.fetchval("SELECT count(*) FROM orders")
        return found

    async def waiting(self) -> int:
        """How many tasks wait in the queue; what the worker has fetched already does not."""
        found: Any = self.queue.llen("celery")  # typed for both of the client's faces
        return int(await found)

    async def forget(self) -> None:
        """Drop what waits, so that it disturbs nobody else's round."""
        await self.queue.delete("celery")


@asynccontextmanager
async def open_peer(stand: Stand, shops: Shops) -> AsyncIterator[Peer]:
    """Run it during the block, with the same shops and stock as the hub."""
    python = environment()
    admin = await stand.new_database("typical")
    redis = urlsplit(stand.servers.endpoints.redis_url or "")
    variables = {
        "BENCH_SECRET": SECRET,
        "PEER_DATABASE_URL": admin.replace("postgresql://", "postgresql+psycopg://", 1),
        "PEER_BROKER_URL": f"redis+socket://:{quote(unquote(redis.password or ''))}@{redis.path}?virtual_host={QUEUE_DB}",
    }
    log = stand.home.directory
    web = Process("web", variables, log / "typical-web.log", command=(python, "-P", "-m", "bench.peers.web"))
    worker = Process(
        "worker",
        variables,
        log / "typical-worker.log",
        command=(
            *(python, "-P", "-m", "celery", "--app", "bench.peers.tasks", "worker", "--pool", "prefork"),
            *("--concurrency", str(WORKERS), "--without-gossip", "--without-mingle", "--loglevel", "WARNING"),
        ),
    )
    queue = Redis(unix_socket_path=unquote(redis.path), password=unquote(redis.password or ""), db=QUEUE_DB)
    async with running(web):
        database = await asyncpg.connect(admin)
        try:
            await _fill(database, shops)
            async with running(worker):
                yield Peer(web, worker, database, queue)
        finally:
            await database.close()
            await queue.aclose()


async def _fill(database: asyncpg.Connection, shops: Shops) -> None:
    """The same shops, listings and counts as the hub has."""
    await database.copy_records_to_table(
        "shops",
        columns=("id", "merchant_id", "token", "url", "consumer_key", "consumer_secret"),
        records=[(shop.number, shop.merchant, shop.token, shop.url, KEY, KEY_SECRET) for shop in shops.every],
    )
    await database.copy_records_to_table(
        "listings",
        columns=("shop_id", "sku", "product_id"),
        records=[
            (shop.number, sku, number) for shop in shops.every for sku, number in shop.products().items()
        ],
    )
    await database.copy_records_to_table(
        "stock",
        columns=("merchant_id", "sku", "quantity"),
        records=[
            (merchant, sku, count) for merchant in shops.merchants for sku, count in shops.supply.items()
        ],
    )


def environment() -> str:
    """The Python of the typical receiver's own environment, made on first use in the user's cache directory.

    Raises `FairwayError` when it cannot be made.
    """
    lock = PEERS / "requirements.lock"
    content = lock.read_bytes() + sys.version.encode()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fairway"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = home / f"peers-{hashlib.sha256(content).hexdigest()[:16]}"
    stamp, python = made / "complete", made / "bin" / "python"
    with (home / "peers.lock").open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        if not stamp.exists():
            shutil.rmtree(made, ignore_errors=True)
            try:
                _make(home, made, python, lock)
            except (OSError, subprocess.CalledProcessError) as error:
                said = getattr(error, "stdout", None) or str(error)
                raise FairwayError(
                    f"The typical receiver's environment could not be made: {said.strip().splitlines()[-1]}",
                    fix="It needs a package index once; with --without-typical nothing is compared with it.",
                ) from None
            stamp.touch()
    return str(python)


def _make(home: Path, made: Path, python: Path, lock: Path) -> None:
    kept = next(home.glob("uv-*/bin/uv"), None)  # what `./fairway` itself used
    uv = shutil.which("uv") or (str(kept) if kept else None)
    if uv:
        _call(uv, "venv", "--quiet", "--python", sys.executable, str(made))
        _call(
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            str(python),
            "--require-hashes",
            "--requirement",
            str(lock),
        )
    else:
        _call(sys.executable, "-m", "venv", str(made))
        _call(str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(lock))


def _call(*words: str) -> None:
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    subprocess.run(  # noqa: S603 - our own words
        words,
        env=clean,
        cwd=tempfile.gettempdir(),
        check=True,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
