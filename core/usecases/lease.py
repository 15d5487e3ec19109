"""Runs a piece of scheduled work under its lease: claims it, keeps the books, decides when it is due again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from core.errors import ChannelError, FairwayError, Recovery
from core.hub import Hub
from core.log import get_log
from core.rules.backoff import pause_after
from core.store import connections, runs, schedule
from core.store.database import RETRYABLE
from core.store.schedule import Lease

NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # due only when rung

log = get_log("work")

Work = Callable[[Hub, Lease], Awaitable[Any]]
NextDue = Callable[[Hub, Lease, Any], Awaitable[datetime]]


class LostLease(Exception):
    """Another worker has taken over this work; what we found is thrown away."""


async def run_due(hub: Hub, kind: str, work: Work, next_due: NextDue, *, limit: int = 4) -> int:
    """Claim due work of *kind* and do it; returns how many pieces were claimed.

    A channel's refusal of the credentials pauses the connection (`reauth_required`) and drops nothing.
    """
    async with hub.database.transaction([]) as tx:
        leases = await schedule.claim(tx, [kind], hub.clock(), hub.settings.lease_s, limit)
    for lease in leases:
        await _run(hub, lease, work, next_due)
    return len(leases)


async def _run(hub: Hub, lease: Lease, work: Work, next_due: NextDue) -> None:
    started = hub.clock()
    try:
        result = await work(hub, lease)
    except LostLease:
        log.info(
            "a lease was lost", extra={"fields": {"kind": lease.kind, "connection": lease.connection_id}}
        )
    except ChannelError as error:
        await _failed(hub, lease, started, error)
    except FairwayError as error:
        await _release(hub, lease, started, hub.clock() + timedelta(minutes=1), "failed", {}, str(error))
    except RETRYABLE:
        raise
    except Exception as error:
        log.exception(
            "work failed", extra={"fields": {"kind": lease.kind, "connection": lease.connection_id}}
        )
        pause = timedelta(seconds=min(900, 5 * 2 ** min(lease.failures, 8)))
        await _release(hub, lease, started, hub.clock() + pause, "failed", {}, type(error).__name__)
    else:
        detail = asdict(result) if is_dataclass(result) and not isinstance(result, type) else {}
        await _release(hub, lease, started, await next_due(hub, lease, result), "ok", detail, "")


async def _failed(hub: Hub, lease: Lease, started: datetime, error: ChannelError) -> None:
    pause = pause_after(error, lease.failures)
    due = hub.clock() + pause
    if error.recovery is Recovery.REAUTHORIZE:
        due = NEVER
        async with hub.database.transaction([lease.merchant_id]) as tx:
            await connections.set_status(
                tx,
                lease.merchant_id,
                lease.connection_id,
                "reauth_required",
                "The channel does not accept these credentials any more. Link the account again; nothing is lost.",
            )
        hub.forget(lease.merchant_id, lease.connection_id)
    await _release(hub, lease, started, due, "failed", {"code": error.code}, str(error))


async def _release(
    hub: Hub,
    lease: Lease,
    started: datetime,
    due: datetime,
    outcome: str,
    detail: dict[str, Any],
    error: str,
) -> None:
    async with hub.database.transaction([lease.merchant_id]) as tx:
        await schedule.release(tx, lease, due, failed=outcome == "failed", error=error)
        if outcome == "failed" or any(detail.values()):
            run_id = await runs.start(tx, lease.merchant_id, lease.connection_id, lease.kind, started)
            await runs.finish(
                tx, lease.merchant_id, run_id, hub.clock(), outcome=outcome, detail=detail, error=error
            )
