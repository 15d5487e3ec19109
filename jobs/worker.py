"""A worker process: arq runs rings, a patrol finds what no ring announced, and neither needs the other."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from typing import Any, cast

from arq.connections import ArqRedis
from arq.worker import Worker as ArqWorker
from arq.worker import func

from core.connector import Connector
from core.hub import Hub, open_hub
from core.log import get_log
from core.settings import Settings
from core.store.database import RETRYABLE
from core.usecases.take_over import take_over
from core.wake import Silent
from jobs.wake import RedisWake, deserialize, open_redis, queue_name, serialize
from jobs.work import KINDS, Worker

# Between two looks while Redis rings for us. arq swallows a ring whose job is just ending: this finds its work.
RUNG_PAUSE_S = 0.25
ALONE_PAUSE_S = 0.05  # between two looks without Redis
AGAIN_S = 0.1  # before what did not end is cancelled again

log = get_log("worker")


async def run_worker(
    settings: Settings,
    registry: Mapping[str, Connector],
    *,
    announce: Callable[[], None],
    holder: int = 0,
    before: int | None = None,
    since: float | None = None,
) -> None:
    """Work until SIGTERM or SIGINT; the step that is under way then is finished, and no other begins.

    *announce* is called once work can begin. *holder* is this worker's name in what it claims, *before* that of one whose
    place it takes, and which is dead; *since* is when the first of them began, in monotonic seconds.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    redis = open_redis(settings.redis_url) if settings.redis_url else None
    bells = [_Bell(redis, queue) for queue in settings.share.serves]
    wake = RedisWake(redis, settings.share.queues) if redis else Silent()
    async with open_hub(settings, registry, wake=wake, holder=holder) as hub:
        if before is not None:
            await _take_over(hub, before)
        worker = Worker(hub, stopped, since=None if before is None else since)
        announce()
        listening = [asyncio.create_task(bell.listen(worker, stopped)) for bell in bells]
        await worker.patrol(lambda: max(bell.pause() for bell in bells))
        for task in listening:
            await end(task)
    if redis:
        await redis.aclose(close_connection_pool=True)


async def _take_over(hub: Hub, before: int) -> None:
    try:
        await take_over(hub, before)
    except RETRYABLE as error:  # then its leases end by themselves
        log.warning(
            "a dead worker's slices were not given back", extra={"fields": {"error": type(error).__name__}}
        )


async def end(task: asyncio.Task[None]) -> None:
    """Cancel *task* until it has ended: a wait for Redis may swallow that, when its answer comes at the same moment."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN_S)


class _Bell:
    """Keeps an arq worker listening at a queue, and knows whether it does."""

    def __init__(self, redis: ArqRedis | None, queue: int) -> None:
        self._redis = redis
        self._queue = queue
        self._up = False

    def pause(self) -> float:
        return RUNG_PAUSE_S if self._up else ALONE_PAUSE_S

    async def listen(self, worker: Worker, stopped: asyncio.Event) -> None:
        """Run arq's loop; any Redis error ends it, so it is started again after a moment."""
        if self._redis is None:
            return
        pause = 0.2
        while not stopped.is_set():
            try:
                await self._redis.ping()
                if not self._up:
                    log.info("Redis rings for us")
                self._up = True
                pause = 0.2
                await self._arq(worker).async_run()
            except Exception as error:  # noqa: BLE001 - whatever ends arq's loop, the patrol goes on and we try again
                if self._up:
                    log.warning(
                        "Redis is away; looking for work directly",
                        extra={"fields": {"error": type(error).__name__}},
                    )
                self._up = False
            await asyncio.sleep(pause)
            pause = min(5.0, pause * 2)

    def _arq(self, worker: Worker) -> ArqWorker:
        async def work(_context: dict[Any, Any], kind: str) -> None:
            if kind not in KINDS:
                return
            try:
                await worker.spell(kind)
            except RETRYABLE as error:  # the work stays due; the patrol says when the database is back
                broken_off = {"kind": kind, "error": type(error).__name__}
                log.info("a spell was broken off: the database", extra={"fields": broken_off})

        return ArqWorker(
            functions=[func(cast("Any", work), name="work", keep_result=0)],
            queue_name=queue_name(self._queue),
            redis_pool=self._redis,
            max_tries=1,
            retry_jobs=False,
            keep_result=0,
            job_timeout=60,
            max_jobs=2 * len(KINDS),  # one of a kind runs, one waits for it
            poll_delay=0.05,
            queue_read_limit=200,
            health_check_interval=15,
            log_results=False,
            allow_abort_jobs=False,
            handle_signals=False,
            expires_extra_ms=3_600_000,
            job_serializer=serialize,
            job_deserializer=deserialize,
        )
