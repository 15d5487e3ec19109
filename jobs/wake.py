"""The bell through Redis: rings are arq jobs that say "there is work of this kind" and nothing else.

With several queues a ring is for the workers that listen at the queue of the merchant it is about.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import Connection
from redis.exceptions import RedisError

from core import metrics
from core.flow import DecodeError, decode
from core.shares import queue_of

QUEUE = "fairway:queue"  # the first; the others have their number behind it
RING_S = 0.05  # how long a ring may take before we go on without it
NAME_S = 0.1  # rings within so many seconds have one name
NAMES = 720  # of jobs of one kind: for longer than arq keeps a job of a worker that was killed, which is 70 s


def open_redis(url: str) -> ArqRedis:
    """A pool whose sockets time out: arq's own settings cannot say so, and a hung Redis would hang us.

    Takes `redis://`, `rediss://` and `unix://:password@/path?db=0`.
    """
    parts = urlsplit(url)
    options: dict[str, Any] = {
        "db": int((parse_qs(parts.query).get("db") or [parts.path.strip("/") or "0"])[0])
        if parts.scheme != "unix"
        else int((parse_qs(parts.query).get("db") or ["0"])[0]),
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "socket_timeout": 5,
        "socket_connect_timeout": 1,
        "health_check_interval": 15,
    }
    if parts.scheme == "unix":
        options |= {"connection_class": UnixDomainSocketConnection, "path": unquote(parts.path)}
    else:
        options |= {
            "connection_class": SSLConnection if parts.scheme == "rediss" else Connection,
            "host": parts.hostname or "127.0.0.1",
            "port": parts.port or 6379,
        }
    return ArqRedis(
        pool_or_conn=ConnectionPool(**options),
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=QUEUE,
    )


def serialize(job: dict[str, Any]) -> bytes:
    """A job as JSON. arq's own pickle would run whatever somebody put into Redis."""
    return json.dumps(job).encode()


def deserialize(raw: bytes) -> dict[str, Any]:
    """The job, if it is one of ours to the letter; else one that no function answers to, and that goes away."""
    try:
        job = decode(raw)
    except DecodeError:
        job = None
    match job:
        case {"t": None, "f": "work", "a": [str(kind)], "k": {}, "et": int(at)} if (
            not job["k"] and 0 <= at < 1 << 53
        ):
            return {"t": None, "f": "work", "a": (kind,), "k": {}, "et": at}
    return {"t": None, "f": "unknown", "a": (), "k": {}, "et": 0}


def queue_name(queue: int) -> str:
    return f"{QUEUE}:{queue}" if queue else QUEUE


class RedisWake:
    """Rings by enqueueing one arq job per queue, kind and tenth of a second; one of its name that waits is ring enough.

    arq keeps the job of a worker that was killed for as long as a job may take, and nothing is enqueued under its name
    until then: who rings meanwhile is not heard. So names change soon, and come again when that is over; so many jobs wait
    at most.
    """

    def __init__(
        self, redis: ArqRedis, queues: int = 1, *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._queues = queues
        self._seconds = seconds
        self.missed = 0  # rings that did not get through

    async def ring(self, kind: str, merchants: Iterable[int]) -> None:
        """Ring, and never mind when Redis is away: workers look by themselves, too."""
        turn = int(self._seconds() / NAME_S) % NAMES
        try:
            for queue in sorted({queue_of(merchant_id, self._queues) for merchant_id in merchants}):
                await self._redis.enqueue_job(
                    "work", kind, _job_id=f"work:{kind}:{queue}:{turn}", _queue_name=queue_name(queue)
                )
        except (RedisError, OSError, TimeoutError):
            self.missed += 1
            metrics.RINGS_MISSED.inc()
