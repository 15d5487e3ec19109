"""Read back everything a channel shows, page by page, and compare it. Settles nothing.

A sweep remembers where it is: whoever takes over, after a kill or in the next spell, goes on there.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.connector import ReadsStock, StockPage
from core.errors import ChannelError, ErrorCode
from core.failpoints import reach
from core.hub import Hub
from core.log import get_log
from core.model.inventory import StockSeen
from core.net import Line, drive
from core.rules.drift import Drift
from core.store import looks, reconciles, schedule
from core.store.database import Connection, Row
from core.store.schedule import Lease, held
from core.usecases.compare_levels import compare_levels
from core.usecases.follow_channel import Shown, follow_channel
from core.usecases.lease import LostLease

SLICE_S = 5.0  # how long a sweep goes on before other work of the worker has its turn
MAX_PAGES = 10_000
MISSING_SLICE = 500  # levels that no page showed, compared in one transaction
_END = ""  # the cursor of a sweep whose pages are all read

log = get_log("reconcile")


@dataclass(slots=True)
class ReadBack:
    """*levels* were compared: *drifted* were not as they should be, of *in_flight* nothing can be said. *booked* are
    counts of places that the channel counts itself. *more*: the sweep is not at its end.
    """

    levels: int = 0
    drifted: int = 0
    in_flight: int = 0
    booked: int = 0
    more: bool = False

    def count(self, levels: int, found: Mapping[str, int]) -> None:
        self.levels += levels
        self.in_flight += found.get(Drift.IN_FLIGHT, 0)
        self.drifted += sum(n for kind, n in found.items() if kind not in (Drift.NONE, Drift.IN_FLIGHT))


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose stock is read: *told* says that the channel is told what it may show, *own* are its places whose count is
    its own.
    """

    hub: Hub
    lease: Lease
    connector: ReadsStock
    line: Line
    told: bool
    own: Collection[str]

    @property
    def hidden(self) -> bool:
        """Whether the channel does not show what may not be sold."""
        return self.line.connector.manifest.zero == "deactivate"


async def read_back(reader: Reader) -> ReadBack:
    """Go on with the sweep that is under way, or begin one if it is time for it.

    Raises `LostLease`, and `ChannelError` where a page cannot be read: those before it are kept.
    """
    done = ReadBack()
    hub, lease = reader.hub, reader.lease
    sweep = await _under_way(hub, lease)
    if sweep is None:
        return done
    cursor: str | None = sweep["cursor"]
    until = time.monotonic() + SLICE_S
    seen = {cursor}
    while True:
        asked_at = hub.clock()
        page = await _page(reader, cursor)
        await reach("reconcile.called")
        await _compare(reader, sweep, page, asked_at, done)
        await _follow(reader, page, asked_at, done)
        cursor = page.next_cursor
        if cursor is None:
            break
        if cursor in seen or len(seen) >= MAX_PAGES:
            raise ChannelError(ErrorCode.UNEXPECTED, "what the channel shows does not come to an end")
        seen.add(cursor)
        if time.monotonic() > until:
            done.more = True
            return done
    await _missing(reader, sweep, done)
    if done.drifted:
        fields = {"merchant": lease.merchant_id, "connection": lease.connection_id, "listings": done.drifted}
        log.warning("counts at the channel are not what they should be", extra={"fields": fields})
    return done


async def _under_way(hub: Hub, lease: Lease) -> Row | None:
    now = hub.clock()
    async with hub.database.transaction([lease.merchant_id]) as tx:
        where = (lease.merchant_id, lease.connection_id)
        sweep = await reconciles.running(tx, *where)
        if sweep is None:
            last = await reconciles.last_started(tx, *where)
            if last is not None and now < last + timedelta(seconds=hub.settings.reconcile_every_s):
                return None
            await reconciles.begin(tx, *where, "schedule", now)
            sweep = await reconciles.running(tx, *where)
        return sweep


async def _page(reader: Reader, cursor: str | None) -> StockPage:
    if cursor == _END:
        return StockPage((), None)
    try:
        return await drive(reader.connector.read_stock(cursor), reader.line)
    except ChannelError as error:
        if cursor and error.code in (ErrorCode.REJECTED, ErrorCode.UNEXPECTED, ErrorCode.NOT_FOUND):
            async with reader.hub.database.transaction([reader.lease.merchant_id]) as tx:
                await reconciles.restart(tx, reader.lease.merchant_id, reader.lease.connection_id)
        raise


async def _compare(reader: Reader, sweep: Row, page: StockPage, asked_at: datetime, done: ReadBack) -> None:
    lease = reader.lease
    shown = {(one.channel_stock_id, one.channel_location_id): one for one in page.stock}
    async with reader.hub.database.transaction([lease.merchant_id]) as tx:
        await _hold(reader, tx)
        rows = []
        if reader.told:
            rows = await looks.lock(tx, lease.merchant_id, lease.connection_id, shown.keys())
        now = reader.hub.clock()
        found = await compare_levels(
            tx, lease, sweep["reconcile_id"], rows, shown, asked_at, now, hidden=reader.hidden
        )
        await reconciles.advance(
            tx, lease.merchant_id, sweep["reconcile_id"], page.next_cursor or _END, len(rows), found
        )
        await reach("reconcile.storing")
    await reach("reconcile.stored")
    done.count(len(rows), found)


async def _hold(reader: Reader, tx: Connection) -> None:
    """The lease is ours until the transaction ends, and no push of the connection writes anything back meanwhile."""
    lease, hub = reader.lease, reader.hub
    if not await held(tx, lease) or not await schedule.renew(tx, lease, hub.settings.lease_s):
        raise LostLease
    await schedule.hold(tx, lease.merchant_id, lease.connection_id, "push")


async def _follow(reader: Reader, page: StockPage, asked_at: datetime, done: ReadBack) -> None:
    """Where the channel counts itself, what it shows is what is there."""
    theirs = [one for one in page.stock if one.channel_location_id in reader.own and one.quantity is not None]
    if not theirs:
        return
    where = (reader.lease.merchant_id, reader.lease.connection_id)
    async with reader.hub.database.transaction([where[0]]) as tx:
        known = await looks.listings_of(tx, *where, [one.channel_stock_id for one in theirs])
    shown = [
        Shown(listing_id, one.channel_location_id, one.quantity or 0)
        for one in theirs
        for listing_id in known.get(one.channel_stock_id, ())
    ]
    done.booked += (await follow_channel(reader.hub, *where, shown, read_at=asked_at)).changed


async def _missing(reader: Reader, sweep: Row, done: ReadBack) -> None:
    """Levels that no page showed are not there any more; then the sweep is over."""
    nothing: dict[tuple[str, str], StockSeen] = {}
    where = (reader.lease.merchant_id, reader.lease.connection_id)
    while True:
        async with reader.hub.database.transaction([where[0]]) as tx:
            await _hold(reader, tx)
            rows = []
            if reader.told:
                rows = await looks.lock_unread(tx, *where, sweep["started_at"], MISSING_SLICE)
            now = reader.hub.clock()
            found = await compare_levels(
                tx, reader.lease, sweep["reconcile_id"], rows, nothing, now, now, hidden=reader.hidden
            )
            await reconciles.advance(tx, where[0], sweep["reconcile_id"], _END, len(rows), found)
            if len(rows) < MISSING_SLICE:
                await reconciles.finish(tx, where[0], sweep["reconcile_id"], now)
        done.count(len(rows), found)
        if len(rows) < MISSING_SLICE:
            return
