"""Runs a piece of scheduled work under its lease: claims it, keeps the books, decides when it is due again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from core import metrics
from core.errors import ChannelError, FairwayError, Recovery
from core.failpoints import reach
from core.hub import Hub
from core.log import get_log, keep_lines
from core.rules.backoff import pause_after
from core.store import connections, runs, schedule
from core.store.database import RETRYABLE, again, declare
from core.store.runs import Ended
from core.store.schedule import Lease, Release
from core.usecases.run_log import Run, counts_of, flush, flushed, store_lines

NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # due only when rung

log = get_log("work")

Work = Callable[[Hub, Lease], Awaitable[Any]]
NextDue = Callable[[Hub, Lease, Any], Awaitable[datetime]]


def ours_until(hub: Hub) -> float:
    """Until when (of `time.monotonic`) a channel may be told things under a lease that is taken after this; then it still
    lasts long enough to write back what was answered.
    """
    return time.monotonic() + hub.settings.lease_s * 0.8


class LostLease(Exception):
    """Another worker has taken over this work; what we found is thrown away."""


@dataclass(frozen=True, slots=True)
class _End:
    """How a run ended (`core.store.runs.finish` knows the outcomes), and when its work is due again."""

    outcome: str
    due: datetime = NEVER
    detail: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


async def run_due(
    hub: Hub, kind: str, work: Work, next_due: NextDue, *, limit: int = 4, patience_s: float | None = None
) -> int:
    """Claim due work of *kind* and do it; returns how many pieces were claimed.

    A run is written with its claim, so that one whose worker dies is seen. A channel's refusal of the credentials
    pauses the connection (`reauth_required`) and drops nothing.

    Runs that take longer than *patience_s* go on by themselves (`Hub.under_way`), each in its own one of *limit* places:
    a slow channel holds up no other one.
    """
    under_way = hub.under_way[kind]
    if len(under_way) >= limit:
        await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    free = limit - len(under_way)
    async with hub.database.transaction([]) as tx:
        leases = await schedule.claim(tx, [kind], hub.clock(), hub.settings.lease_s, free, hub.share)
        if not leases:
            return 0
        await declare(tx, {lease.merchant_id for lease in leases})
        begun = [(lease.merchant_id, lease.connection_id) for lease in leases]
        ids = await runs.start(tx, kind, begun, hub.clock())
        await reach("lease.claiming")
    await reach("lease.claimed")
    started = [
        asyncio.create_task(_run(hub, lease, ids[lease.merchant_id, lease.connection_id], work, next_due))
        for lease in leases
    ]
    for run in started:
        under_way.add(run)
        run.add_done_callback(under_way.discard)
    try:
        ended, slow = await asyncio.wait(started, timeout=patience_s)
    except asyncio.CancelledError:
        for run in started:
            run.cancel()
        await asyncio.wait(started)
        raise
    for run in slow:
        run.add_done_callback(_say)
    for run in ended:
        run.result()
    return len(leases)


def _say(run: asyncio.Task[None]) -> None:
    """A run ended for which nobody waits any more."""
    if not run.cancelled() and (error := run.exception()) is not None:
        log.error("a run that took long broke", exc_info=error)


async def _run(hub: Hub, lease: Lease, run_id: int, work: Work, next_due: NextDue) -> None:
    started = hub.clock()
    about = {"merchant": lease.merchant_id, "connection": lease.connection_id}
    with keep_lines() as said:
        run = Run(lease.merchant_id, lease.connection_id, run_id, said)
        try:
            async with flushed(hub, run):
                result = await work(hub, lease)
                await reach("lease.worked")
        except LostLease:
            end = _End("lost_lease")
            log.warning("%s lost its lease to another worker", lease.kind, extra={"fields": about})
        except ChannelError as error:
            end = await _refused(hub, lease, error)
        except FairwayError as error:
            log.warning("%s failed", lease.kind, extra={"fields": {**about, "error": str(error)}})
            end = _End("failed", hub.clock() + timedelta(minutes=1), error=str(error))
        except RETRYABLE as error:
            what = {**about, "error": type(error).__name__}
            log.warning("%s was broken off: the database", lease.kind, extra={"fields": what})
            metrics.RUNS.labels(lease.kind, "broken_off").inc()
            await flush(hub, run)
            raise
        except Exception as error:
            log.exception("%s failed", lease.kind, extra={"fields": about})
            pause = timedelta(seconds=min(900, 5 * 2 ** min(lease.failures, 8)))
            end = _End("failed", hub.clock() + pause, error=type(error).__name__)
        else:
            counts = counts_of(result)
            log.info("%s is done", lease.kind, extra={"fields": {**about, **counts}})
            end = _End("ok", await next_due(hub, lease, result), counts)
        await _release(hub, _Ending(lease, run, started, end))


async def _refused(hub: Hub, lease: Lease, error: ChannelError) -> _End:
    """What follows from a channel's refusal. Waiting because it asked for it is no failure."""
    pause = pause_after(error, lease.failures)
    about = {
        "merchant": lease.merchant_id,
        "connection": lease.connection_id,
        "code": error.code,
        "channel_says": error.message,
    }
    due = hub.clock() + pause
    if error.recovery is Recovery.REAUTHORIZE:
        async with hub.database.transaction([lease.merchant_id]) as tx:
            # First, in the order in which levelling locks.
            await connections.mark_listed(tx, lease.merchant_id, lease.connection_id, hub.clock())
            # Whoever linked the account again has rung: then the refusal was of the old credentials.
            if await schedule.rung_meanwhile(tx, lease):
                return _End("put_off", hub.clock(), {"code": error.code}, str(error))
            due = NEVER
            await connections.set_status(
                tx,
                lease.merchant_id,
                lease.connection_id,
                "reauth_required",
                "The channel does not accept these credentials any more. Link the account again; nothing is lost.",
            )
        hub.forget(lease.merchant_id, lease.connection_id)
        await hub.wake.ring("relevel", [lease.merchant_id])
        log.error("the connection is paused until its account is linked again", extra={"fields": about})
    elif error.recovery is Recovery.WAIT:
        log.warning(
            "%s is put off", lease.kind, extra={"fields": {**about, "again_in_s": pause.total_seconds()}}
        )
        return _End("put_off", due, {"code": error.code}, str(error))
    else:
        log.warning(
            "%s failed and is tried again",
            lease.kind,
            extra={"fields": {**about, "failures": lease.failures + 1, "again_in_s": pause.total_seconds()}},
        )
    return _End("failed", due, {"code": error.code}, str(error))


@dataclass(frozen=True, slots=True)
class _Ending:
    """A lease to give back, and the run under it, with how it ended."""

    lease: Lease
    run: Run
    started: datetime
    end: _End


async def _release(hub: Hub, ending: _Ending) -> None:
    """Give the lease back and write how the run ended, with its last lines."""
    kind = ending.lease.kind
    outcome, seconds = await hub.together(_release_all, of=kind).ask(ending)
    metrics.RUNS.labels(kind, outcome).inc()
    metrics.RUN_SECONDS.labels(kind).observe(seconds)
    await reach("lease.released")


@again
async def _release_all(hub: Hub, endings: Sequence[_Ending]) -> list[tuple[str, float] | Exception]:
    """As `_release`, for leases of one kind: the outcome of each run, and its seconds."""
    given_back = [
        Release(
            one.lease,
            one.end.due,
            failed=one.end.outcome == "failed",
            put_off=one.end.outcome == "put_off",
            error=one.end.error,
        )
        for one in endings
        if one.end.outcome != "lost_lease"
    ]
    async with hub.database.transaction(set().union(*(one.run.merchants() for one in endings))) as tx:
        ours = await schedule.release(tx, given_back) if given_back else set()
        now = hub.clock()
        ended = [
            Ended(
                one.lease.merchant_id,
                one.run.run_id,
                one.started,
                one.end.outcome if one.lease in ours else "lost_lease",
                one.end.detail,
                one.end.error,
            )
            for one in endings
        ]
        await runs.finish(tx, ended, now)
        await store_lines(tx, [one.run for one in endings])
        await reach("lease.releasing")
    return [(one.outcome, (now - one.started).total_seconds()) for one in ended]
