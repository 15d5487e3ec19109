"""Push stock: tell one channel what it may sell. The attempt is written before the call; no answer means unknown."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
from core.store.connections import Linked
from core.store.database import Row, again
from core.store.levels import Wanted
from core.store.schedule import Lease, held_all
from core.store.stock import mark_dirty
from core.usecases.hold_waves import Held, hold_waves
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
    are left until all of a change is known; *next_at* is when what was refused may be tried again.
    """

    calls: int = 0
    told: int = 0
    refused: int = 0
    unseen: int = 0
    waiting: bool = False
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Claim:
    """What to tell a channel, over which line."""

    connector: WritesStock
    line: Line
    rows: Sequence[Row]
    brake: Held
    next_at: datetime | None


async def push_stock(hub: Hub, lease: Lease) -> Pushed:
    """Tell the connection of *lease* everything that is pending; raises `ChannelError` for the whole line.

    Raises `LostLease` when another worker has taken over: then nothing more is written. What is read and written for
    connections that are told at the same time is one transaction for all of them.
    """
    done = Pushed()
    while True:
        claim = await hub.together(_claim).ask(lease)
        if claim is None:
            return done
        claim.brake.say(lease)
        done.waiting, done.next_at = claim.brake.waiting, claim.next_at
        if not claim.rows:
            return done
        await reach("push.claimed")
        await _tell(hub, lease, claim, done)
        if len(claim.rows) < claim.line.connector.manifest.stock_batch:
            return done  # that was all; for what has come meanwhile it was rung


@again
async def _claim(hub: Hub, leases: Sequence[Lease]) -> list[_Claim | Exception | None]:
    """What to tell the connections of *leases*; None where nothing may be told, `LostLease` where it is not ours to tell."""
    until = ours_until(hub)
    places = {lease: (lease.merchant_id, lease.connection_id) for lease in leases}
    async with hub.database.transaction({lease.merchant_id for lease in leases}) as tx:
        ours = await schedule.renew_all(tx, leases, hub.settings.lease_s)
        linked = {
            (one.merchant_id, one.connection_id): one
            for one in await connections.linked_of(tx, [places[lease] for lease in ours])
        }
        told = {pair: connector for pair, one in linked.items() if (connector := _told(hub, one)) is not None}
        lines = await hub.lines(tx, [linked[pair] for pair in told])
        now = hub.clock()
        brakes = await hold_waves(tx, list(told), now)
        rows = await levels.claim(
            tx,
            [
                Wanted(
                    *places[lease],
                    lease.epoch,
                    lines[places[lease]].connector.manifest.stock_batch,
                    brakes.get(places[lease], Held()).kinds,
                )
                for lease in sorted(ours, key=places.__getitem__)
                if places[lease] in told
            ],
            now,
        )
        claimed: dict[tuple[int, int], list[Row]] = {pair: [] for pair in told}
        for row in rows:
            claimed[row["merchant_id"], row["connection_id"]].append(row)
        idle = [pair for pair, own in claimed.items() if not own]
        next_at = await levels.next_tries(tx, idle) if idle else {}
        if rows:
            await reach("push.claiming")
    return [
        LostLease()
        if lease not in ours
        else _Claim(
            told[pair],
            replace(lines[pair], until=until),
            claimed[pair],
            brakes.get(pair, Held()),
            next_at.get(pair),
        )
        if pair in told
        else None
        for lease, pair in places.items()
    ]


def _told(hub: Hub, linked: Linked) -> WritesStock | None:
    """The connector of a connection that is told what it may sell. One that was restored from a backup is not: the
    catalogue's next pull says what it shows.
    """
    connector = hub.connector(linked.channel)
    may = linked.status == "active" and linked.push_stock and linked.doubted_at is None
    return connector if may and isinstance(connector, WritesStock) else None


async def _tell(hub: Hub, lease: Lease, claim: _Claim, done: Pushed) -> None:
    """Tell one batch. One that is refused without saying which item is meant is halved until the bad one is alone."""
    connector, line = claim.connector, claim.line
    parts = [list(claim.rows)]
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
                        "listing_id": row["listing_id"],
                        "channel_location_id": row["channel_location_id"],
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


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one batch: rows for `core.store.levels`. *freed* are variants of which a strict listing has given
    units up.
    """

    lease: Lease
    confirmed: Sequence[Mapping[str, Any]]
    refused: Sequence[Mapping[str, Any]]
    attempts: Sequence[Mapping[str, Any]]
    freed: frozenset[tuple[int, int]]


async def _write_back(
    hub: Hub,
    lease: Lease,
    rows: Sequence[Row],
    written: Sequence[StockWritten],
    done: Pushed,
    *,
    compares: bool,
) -> None:
    outcome = _outcome(lease, rows, written, hub.clock(), compares=compares)
    done.next_at = await hub.together(_store).ask(outcome)
    await reach("push.stored")
    if outcome.freed:
        await hub.wake.ring("relevel", [lease.merchant_id])
    for name, count in Counter(attempt["outcome"] for attempt in outcome.attempts).items():
        metrics.TOLD.labels("stock", name).inc(count)
    done.unseen += sum(row["fresh"] for row in outcome.confirmed)
    done.told += len(rows) - len(outcome.refused)
    done.refused += len(outcome.refused)


@again
async def _store(hub: Hub, outcomes: Sequence[_Outcome]) -> list[datetime | Exception | None]:
    """Write down what became of batches: when each connection's next level may be tried, `LostLease` where it is not ours
    any more; of that nothing is written.
    """
    now = hub.clock()
    async with hub.database.transaction({one.lease.merchant_id for one in outcomes}) as tx:
        if freed := {pair for one in outcomes for pair in one.freed}:
            # Before the leases: levelling locks dirty marks first, then schedules.
            await mark_dirty(tx, freed, now, sold=True)
        ours = await held_all(tx, [one.lease for one in outcomes])
        kept = [one for one in outcomes if one.lease in ours]
        if confirmed := _in_order(row for one in kept for row in one.confirmed):
            await levels.confirm(tx, confirmed, now)
            await drifts.close_told(tx, confirmed, now)
        if refused := _in_order(row for one in kept for row in one.refused):
            await levels.refuse(tx, refused, now)
        await levels.close_attempts(tx, _in_order(row for one in kept for row in one.attempts), now)
        pairs = {one.lease: (one.lease.merchant_id, one.lease.connection_id) for one in outcomes}
        next_at = await levels.next_tries(tx, sorted({pairs[one.lease] for one in kept}))
        await reach("push.storing")
    return [next_at[pairs[one.lease]] if one.lease in ours else LostLease() for one in outcomes]


def _in_order(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """As levels are locked."""
    names = ("merchant_id", "connection_id", "listing_id", "channel_location_id")
    return sorted(rows, key=lambda row: tuple(row[name] for name in names))


def _outcome(
    lease: Lease,
    rows: Sequence[Row],
    written: Sequence[StockWritten],
    now: datetime,
    *,
    compares: bool,
) -> _Outcome:
    confirmed, refused, attempts = [], [], []
    for row, result in zip(rows, written, strict=True):
        code = ErrorCode(result.error) if result.error else None
        sure = code in _SURE
        attempts.append(
            {
                **_key(row),
                "epoch": lease.epoch,
                "outcome": _word(code, sure=sure),
                "written": result.written,
                "message": result.message[:300],
            }
        )
        if result.written is not None:
            confirmed.append(
                {
                    **dict(row),
                    "written": result.written,
                    "unseen": row["unseen"] + result.unseen,
                    "fresh": result.unseen,
                    "compares": compares,
                    **_guessed(row, result, compares=compares),
                }
            )
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
    freed = frozenset(
        (lease.merchant_id, row["variant_id"])
        for row in confirmed
        if row["strict"] and row["possible"] > row["written"] + row["unseen"] - row["unshipped"]
    )
    return _Outcome(lease, confirmed, refused, attempts, freed)


def _key(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("merchant_id", "connection_id", "listing_id", "channel_location_id")}


def _word(code: ErrorCode | None, *, sure: bool) -> str:
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


async def next_push(hub: Hub, _lease: Lease, result: Pushed) -> datetime:
    """A push is due when a refused level may be tried again; else only when it is rung for."""
    if result.waiting:
        return hub.clock() + _WAIT_FOR_LEVELS
    return result.next_at or NEVER
