"""Push stock: tell one channel what it may sell. The attempt is written before the call; no answer means unknown."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from core import metrics
from core.connector import WritesStock
from core.errors import ChannelError, ErrorCode
from core.failpoints import reach
from core.hub import Hub
from core.log import get_log
from core.model.inventory import StockWritten
from core.net import Line, drive
from core.store import connections, drifts, levels, schedule
from core.store.connections import Linked
from core.store.database import Row, again
from core.store.levels import Wanted
from core.store.schedule import Lease, held_all
from core.store.stock import mark_dirty
from core.usecases.hold_waves import Held, hold_waves
from core.usecases.lease import NEVER, LostLease, ours_until
from core.usecases.push_outcomes import OF_ITEMS, Outcome, failed, outcome_of, write_of

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
        writes = [write_of(lease, row) for row in part]
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
            if error.code not in OF_ITEMS:
                await _give_up(hub, lease, line, [part, *parts], error, done)
            elif len(part) > 1:
                parts[:0] = [part[: len(part) // 2], part[len(part) // 2 :]]
            else:
                await _settle(hub, lease, line, part, [failed(write, error) for write in writes], done)
        else:
            await _settle(hub, lease, line, part, written, done)


async def _give_up(
    hub: Hub, lease: Lease, line: Line, parts: Sequence[Sequence[Row]], error: ChannelError, done: Pushed
) -> None:
    """Nothing more can be told now; raises *error*."""
    for part in parts:
        lost = [failed(write_of(lease, row), error) for row in part]
        await _write_back(hub, lease, part, lost, done, compares=line.connector.manifest.compare_and_set)
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


async def _write_back(
    hub: Hub,
    lease: Lease,
    rows: Sequence[Row],
    written: Sequence[StockWritten],
    done: Pushed,
    *,
    compares: bool,
) -> None:
    outcome = outcome_of(lease, rows, written, hub.clock(), compares=compares)
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
async def _store(hub: Hub, outcomes: Sequence[Outcome]) -> list[datetime | Exception | None]:
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


async def next_push(hub: Hub, _lease: Lease, result: Pushed) -> datetime:
    """A push is due when a refused level may be tried again; else only when it is rung for."""
    if result.waiting:
        return hub.clock() + _WAIT_FOR_LEVELS
    return result.next_at or NEVER
