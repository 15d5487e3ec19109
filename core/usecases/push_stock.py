"""Push stock: tell one channel what it may sell. The attempt is written before the call; no answer means unknown."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.connector import WritesStock
from core.errors import ChannelError, ErrorCode, Recovery
from core.hub import Hub
from core.log import get_log
from core.model.inventory import StockWrite, StockWritten
from core.net import Line, drive
from core.rules.backoff import pause_after
from core.store import connections, levels, schedule
from core.store.database import Row
from core.store.schedule import Lease, held
from core.usecases.lease import NEVER, LostLease

# Refusals that say for certain that nothing was written.
_SURE = (
    ErrorCode.RATE_LIMITED,
    ErrorCode.PAUSED,
    ErrorCode.NOT_SENT,
    ErrorCode.UNAUTHORIZED,
    ErrorCode.FORBIDDEN,
    ErrorCode.NOT_FOUND,
    ErrorCode.STALE,
    ErrorCode.REJECTED,
)

log = get_log("push")


@dataclass(slots=True)
class Pushed:
    """*calls* is how many batches went out, *told* how many levels the channel confirmed."""

    calls: int = 0
    told: int = 0
    refused: int = 0
    unseen: int = 0


async def push_stock(hub: Hub, lease: Lease) -> Pushed:
    """Tell the connection of *lease* everything that is pending; raises `ChannelError` for the whole line.

    Raises `LostLease` when another worker has taken over: then nothing more is written.
    """
    done = Pushed()
    while True:
        async with hub.database.transaction([lease.merchant_id]) as tx:
            if not await held(tx, lease) or not await schedule.renew(tx, lease, hub.settings.lease_s):
                raise LostLease
            linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
            connector = hub.connector(linked.channel)
            if linked.status != "active" or not linked.push_stock or not isinstance(connector, WritesStock):
                return done
            line = await hub.line(tx, linked)
            rows = await levels.claim(
                tx,
                lease.merchant_id,
                lease.connection_id,
                lease.epoch,
                connector.manifest.stock_batch,
                hub.clock(),
            )
        if not rows:
            return done
        done.calls += 1
        await _tell(hub, lease, connector, line, rows, done)


async def _tell(
    hub: Hub, lease: Lease, connector: WritesStock, line: Line, rows: Sequence[Row], done: Pushed
) -> None:
    writes = [_write(lease, row) for row in rows]
    compares = line.connector.manifest.compare_and_set
    try:
        # The whole conversation ends before the lease does.
        async with asyncio.timeout(hub.settings.lease_s * 0.8):
            written = await drive(connector.push_stock(writes), line)
    except TimeoutError:
        failure = ChannelError(ErrorCode.TIMEOUT, "the channel was too slow for one batch")
        await _write_back(
            hub, lease, rows, [_failed(write, failure) for write in writes], done, compares=compares
        )
        raise failure from None
    except ChannelError as error:
        await _write_back(
            hub, lease, rows, [_failed(write, error) for write in writes], done, compares=compares
        )
        raise
    await _write_back(hub, lease, rows, written, done, compares=compares)
    for row, result in zip(rows, written, strict=True):
        if result.error:
            log.warning(
                "a stock level was not taken",
                extra={
                    "fields": {
                        "merchant": lease.merchant_id,
                        "connection": lease.connection_id,
                        **_key(row),
                        "code": result.error,
                        "channel_says": result.message,
                    }
                },
            )


def _write(lease: Lease, row: Row) -> StockWrite:
    wish = (
        lease.connection_id,
        row["listing_id"],
        row["channel_location_id"],
        row["desired_seq"],
        row["desired"],
        row["unseen"],
        # Once a value was confirmed, the same one is another write: a channel does nothing for a key it knows.
        row["confirmed_at"],
    )
    digest = hashlib.sha256(repr(wish).encode()).hexdigest()
    return StockWrite(
        channel_stock_id=row["channel_stock_id"],
        channel_location_id=row["channel_location_id"],
        desired=max(0, row["desired"] - row["unseen"]),  # what is on its way here already is sold
        predicted=row["predicted"],
        maybe=row["maybe"],
        key=f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}",
    )


def _failed(write: StockWrite, error: ChannelError) -> StockWritten:
    return StockWritten(
        channel_stock_id=write.channel_stock_id,
        channel_location_id=write.channel_location_id,
        error=error.code,
        message=error.message,
    )


async def _write_back(
    hub: Hub,
    lease: Lease,
    rows: Sequence[Row],
    written: Sequence[StockWritten],
    done: Pushed,
    *,
    compares: bool,
) -> None:
    now = hub.clock()
    confirmed, refused, attempts = [], [], []
    for row, result in zip(rows, written, strict=True):
        code = ErrorCode(result.error) if result.error else None
        sure = code in _SURE
        attempts.append(
            {
                **_key(row),
                "outcome": _outcome(code, sure),
                "written": result.written,
                "message": result.message[:300],
            }
        )
        if code is None:
            unseen = row["unseen"] + result.unseen
            confirmed.append(
                {**dict(row), "written": result.written, "unseen": unseen, "fresh": result.unseen}
            )
            done.unseen += result.unseen
        else:
            refused.append(
                {
                    **_key(row),
                    "sure": sure,
                    "maybe": row["maybe"],
                    "message": f"{code}: {result.message}"[:300],
                    "next_at": now + _pause(code, result),
                }
            )
    async with hub.database.transaction([lease.merchant_id]) as tx:
        if not await held(tx, lease):
            raise LostLease
        if confirmed:
            await levels.confirm(
                tx, lease.merchant_id, lease.connection_id, confirmed, now, compares=compares
            )
        if refused:
            await levels.refuse(tx, lease.merchant_id, lease.connection_id, refused)
        await levels.close_attempts(tx, lease.merchant_id, lease.connection_id, lease.epoch, attempts, now)
    done.told += len(confirmed)
    done.refused += len(refused)


def _key(row: Row) -> dict[str, Any]:
    return {"listing_id": row["listing_id"], "channel_location_id": row["channel_location_id"]}


def _outcome(code: ErrorCode | None, sure: bool) -> str:
    if code is None:
        return "ok"
    if code in (ErrorCode.RATE_LIMITED, ErrorCode.PAUSED):
        return "throttled"
    return "rejected" if sure else "unknown"


def _pause(code: ErrorCode, result: StockWritten) -> timedelta:
    """One bad listing waits by itself; it never holds up the others."""
    error = ChannelError(code, result.message)
    if error.recovery is Recovery.ASK or code is ErrorCode.NOT_FOUND:
        return timedelta(hours=1)
    return pause_after(error, 0)


async def next_push(hub: Hub, lease: Lease, _result: object) -> datetime:
    """A push is due when a refused level may be tried again; else only when it is rung for."""
    async with hub.database.transaction([lease.merchant_id]) as tx:
        linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
        if not linked.push_stock or linked.status != "active":
            return NEVER
        return await levels.next_try(tx, lease.merchant_id, lease.connection_id) or NEVER
