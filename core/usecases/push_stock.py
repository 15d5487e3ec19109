"""Push stock: tell one channel what it may sell. The attempt is written before the call; no answer means unknown."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core import metrics
from core.connector import WritesStock
from core.errors import ChannelError, ErrorCode, Recovery
from core.failpoints import reach
from core.hub import Hub
from core.log import get_log
from core.model.inventory import StockWrite, StockWritten
from core.net import Line, drive
from core.rules.backoff import pause_after
from core.rules.quotas import BLIND
from core.rules.stock import Level, most_shown
from core.store import connections, drifts, levels, schedule
from core.store.database import Row
from core.store.schedule import Lease, held
from core.store.stock import mark_dirty
from core.usecases.hold_waves import hold_waves
from core.usecases.lease import NEVER, LostLease, ours_until

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

# Refusals of what was asked: in a batch they may be about a single item.
_OF_ITEMS = (ErrorCode.REJECTED, ErrorCode.NOT_FOUND, ErrorCode.TOO_LARGE)
_WAIT_FOR_LEVELS = timedelta(seconds=2)

log = get_log("push")


@dataclass(slots=True)
class Pushed:
    """*calls* is how many batches went out, *told* how many levels the channel confirmed. *waiting* says that levels
    are left until all of a change is known.
    """

    calls: int = 0
    told: int = 0
    refused: int = 0
    unseen: int = 0
    waiting: bool = False


async def push_stock(hub: Hub, lease: Lease) -> Pushed:
    """Tell the connection of *lease* everything that is pending; raises `ChannelError` for the whole line.

    Raises `LostLease` when another worker has taken over: then nothing more is written.
    """
    done = Pushed()
    while True:
        until = ours_until(hub)
        async with hub.database.transaction([lease.merchant_id]) as tx:
            if not await held(tx, lease) or not await schedule.renew(tx, lease, hub.settings.lease_s):
                raise LostLease
            linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
            connector = hub.connector(linked.channel)
            if linked.status != "active" or not linked.push_stock or not isinstance(connector, WritesStock):
                return done
            if linked.doubted_at is not None:
                return done  # restored from a backup: the catalogue's next pull says what it shows
            line = replace(await hub.line(tx, linked), until=until)
            brake = await hold_waves(tx, lease, hub.clock())
            rows = await levels.claim(
                tx,
                lease.merchant_id,
                lease.connection_id,
                lease.epoch,
                connector.manifest.stock_batch,
                hub.clock(),
                held=brake.kinds,
            )
            if rows:
                await reach("push.claiming")
        done.waiting = brake.waiting
        if not rows:
            return done
        await reach("push.claimed")
        await _tell(hub, lease, connector, line, rows, done)
        if len(rows) < connector.manifest.stock_batch:
            return done  # that was all; for what has come meanwhile it was rung


async def _tell(
    hub: Hub, lease: Lease, connector: WritesStock, line: Line, rows: Sequence[Row], done: Pushed
) -> None:
    """Tell one batch. One that is refused without saying which item is meant is halved until the bad one is alone."""
    parts = [list(rows)]
    told = 0
    while parts:
        part = parts.pop(0)
        if told:
            line = await _hold_on(hub, lease, line)
        told += 1
        writes = [_write(lease, row) for row in part]
        done.calls += 1
        try:
            # The whole conversation ends before the lease does.
            async with asyncio.timeout(line.until - time.monotonic()):
                written = await drive(connector.push_stock(writes), line)
                await reach("push.called")
        except TimeoutError:
            await _give_up(
                hub,
                lease,
                line,
                [part, *parts],
                ChannelError(ErrorCode.TIMEOUT, "too slow for one batch"),
                done,
            )
        except ChannelError as error:
            if error.code not in _OF_ITEMS:
                await _give_up(hub, lease, line, [part, *parts], error, done)
            elif len(part) > 1:
                parts[:0] = [part[: len(part) // 2], part[len(part) // 2 :]]
            else:
                await _settle(hub, lease, line, part, [_failed(write, error) for write in writes], done)
        else:
            await _settle(hub, lease, line, part, written, done)


async def _give_up(
    hub: Hub, lease: Lease, line: Line, parts: Sequence[Sequence[Row]], error: ChannelError, done: Pushed
) -> None:
    """Nothing more can be told now; raises *error*."""
    for part in parts:
        failed = [_failed(_write(lease, row), error) for row in part]
        await _write_back(hub, lease, part, failed, done, compares=line.connector.manifest.compare_and_set)
    raise error


async def _hold_on(hub: Hub, lease: Lease, line: Line) -> Line:
    """Renew the lease; the line is good as long as that. Raises `LostLease`."""
    until = ours_until(hub)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        if not await schedule.renew(tx, lease, hub.settings.lease_s):
            raise LostLease
    return replace(line, until=until)


async def _settle(
    hub: Hub, lease: Lease, line: Line, rows: Sequence[Row], written: Sequence[StockWritten], done: Pushed
) -> None:
    await _write_back(hub, lease, rows, written, done, compares=line.connector.manifest.compare_and_set)
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
        row["unshipped"],
        # Once a value was confirmed, the same one is another write: a channel does nothing for a key it knows.
        row["confirmed_at"],
    )
    digest = hashlib.sha256(repr(wish).encode()).hexdigest()
    return StockWrite(
        channel_stock_id=row["channel_stock_id"],
        channel_location_id=row["channel_location_id"],
        # What is on its way here already is sold; what is sold and unshipped may be part of the channel's number.
        desired=Level(row["predicted"], row["unseen"], row["unshipped"]).number(row["desired"]),
        # Strictly, whatever it may have shown counts as shown: what is missing of that may be sold.
        predicted=_most(row) if row["strict"] and row["predicted"] is not None else row["predicted"],
        maybe=None if row["strict"] else row["maybe"],
        key=f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}",
    )


def _most(row: Row) -> int:
    """What it may have shown before this call."""
    known: int = row["predicted"] or 0
    if not row["strict"]:
        return known
    return most_shown(known, None if row["answered"] else row["maybe"], row["late"])


def _guessed(row: Row, result: StockWritten, *, compares: bool) -> dict[str, int]:
    """What of a written level is only guessed: see `core.store.levels.confirm`."""
    most = _most(row)
    read = most - result.unseen  # at the most; where nothing is missing, it may have shown more
    doubted = row["strict"] and (row["late"] is not None or not (row["maybe"] is None or row["answered"]))
    return {
        "assumed": result.unseen if doubted else 0,
        "counted": max(0, most - max(row["predicted"] or 0, read)),
        "unsure": _unsure(row, read) if result.written != read and not compares else 0,
    }


def _unsure(row: Row, shown: int) -> int:
    """Units of those *shown* that may be sold while a write which does not compare is under way."""
    return min(BLIND, max(0, shown - int(row["unshipped"])))


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
        if result.written is not None:
            unseen = row["unseen"] + result.unseen
            confirmed.append(
                {
                    **dict(row),
                    "written": result.written,
                    "unseen": unseen,
                    "fresh": result.unseen,
                    **_guessed(row, result, compares=compares),
                }
            )
            done.unseen += result.unseen
        if code is not None:
            refused.append(
                {
                    **_key(row),
                    "sure": sure,
                    "maybe": row["maybe"] if result.written is None else None,
                    "parked": code in _OF_ITEMS,
                    "desired_seq": row["desired_seq"],
                    "unsure": 0 if compares or sure else _unsure(row, _most(row)),
                    "message": f"{code}: {result.message}"[:300],
                    "next_at": now + _pause(code, result),
                }
            )
    # Units that a strict listing has given up are for others now.
    freed = {
        (lease.merchant_id, row["variant_id"])
        for row in confirmed
        if row["strict"] and row["possible"] > row["written"] + row["unseen"] - row["unshipped"]
    }
    async with hub.database.transaction([lease.merchant_id]) as tx:
        if freed:
            # Before the lease: levelling locks dirty marks first, then schedules.
            await mark_dirty(tx, freed, now, sold=True)
        if not await held(tx, lease):
            raise LostLease
        if confirmed:
            await levels.confirm(
                tx, lease.merchant_id, lease.connection_id, confirmed, now, compares=compares
            )
            await drifts.close_told(tx, lease.merchant_id, lease.connection_id, confirmed, now)
        if refused:
            await levels.refuse(tx, lease.merchant_id, lease.connection_id, refused, now)
        await levels.close_attempts(tx, lease.merchant_id, lease.connection_id, lease.epoch, attempts, now)
        await reach("push.storing")
    await reach("push.stored")
    if freed:
        await hub.wake.ring("relevel", [lease.merchant_id])
    for outcome, count in Counter(attempt["outcome"] for attempt in attempts).items():
        metrics.TOLD.labels("stock", outcome).inc(count)
    done.told += len(rows) - len(refused)
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
    if error.recovery is Recovery.ASK:
        return timedelta(hours=1)
    return pause_after(error, 0)


async def next_push(hub: Hub, lease: Lease, result: object) -> datetime:
    """A push is due when a refused level may be tried again; else only when it is rung for."""
    if isinstance(result, Pushed) and result.waiting:
        return hub.clock() + _WAIT_FOR_LEVELS
    async with hub.database.transaction([lease.merchant_id]) as tx:
        linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
        if not linked.push_stock or linked.status != "active" or linked.doubted_at is not None:
            return NEVER
        return await levels.next_try(tx, lease.merchant_id, lease.connection_id) or NEVER
