"""Certify: for each closed window of time, compare the orders a channel lists with those that are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from core.connector import ListsOrders, Window
from core.errors import ChannelError, ErrorCode
from core.failpoints import reach
from core.hub import Hub
from core.log import get_log
from core.net import Line, drive
from core.rules.certificates import (
    AGAIN,
    SETTLING,
    WINDOW,
    Standing,
    compare,
    digest,
    judge,
    look_again,
    next_window,
)
from core.store import certificates, connections, deliveries, schedule
from core.store.certificates import OpenWindow
from core.store.schedule import Lease, held
from core.usecases.lease import NEVER, LostLease
from core.usecases.their_clock import with_their_clock

AT_ONCE = 24  # windows of one run
MAX_PAGES = 10_000

log = get_log("certify")


@dataclass(slots=True)
class Certified:
    """*windows* were read: *certified*, or open. *asked*: orders that are looked at for them."""

    windows: int = 0
    certified: int = 0
    open: int = 0
    asked: int = 0


@dataclass(frozen=True, slots=True)
class _Listing:
    hub: Hub
    lease: Lease
    connector: ListsOrders
    line: Line
    theirs: list[datetime]


async def certify(hub: Hub, lease: Lease) -> Certified:
    """Read open windows that are due again, then the next closed ones, the oldest first; none is left out.

    What is missing here, or is not listed, is asked for by `fetch`, and the window is read again. Raises `LostLease`
    and `ChannelError`: windows before are written then.
    """
    done = Certified()
    account = await hub.account(lease.merchant_id, lease.connection_id)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
        if linked.status != "active" or not isinstance(account.connector, ListsOrders):
            return done
        line, theirs = with_their_clock(await hub.line(tx, linked), hub)
        linked_at, last_until = await certificates.span(tx, lease)
        again = [one for one in await certificates.open_windows(tx, lease) if one.next_at <= hub.clock()]
    listing = _Listing(hub, lease, account.connector, line, theirs)
    for one in again[:AT_ONCE]:
        await _look(listing, one, done)
    while done.windows < AT_ONCE and (window := next_window(last_until, linked_at, hub.clock())):
        if not await _look(listing, OpenWindow(*window, {}, 0, hub.clock()), done):
            break
        last_until = window[1]
    return done


async def _look(listing: _Listing, one: OpenWindow, done: Certified) -> bool:
    """Read one window and write what was found; false where it is not over yet by the channel's own clock."""
    hub, lease, window = listing.hub, listing.lease, (one.since, one.until)
    began = hub.clock()
    listed = await _list(listing, Window(*window))
    if any(told < one.until + SETTLING for told in listing.theirs):
        return False
    async with hub.database.transaction([lease.merchant_id]) as tx:
        if not await held(tx, lease) or not await schedule.renew(tx, lease, hub.settings.lease_s):
            raise LostLease
        compared = compare(listed, await certificates.here(tx, lease, window, listed), window)
        standing = judge(compared, one.asked, waiting=await certificates.waiting(tx, lease, one.asked))
        why = compared.reasons()
        new = {order: reason for order, reason in why.items() if order not in one.asked}
        if await certificates.behind(tx, lease, began):
            new = {}
        if new:
            pair = (lease.merchant_id, lease.connection_id)
            await schedule.ring(tx, "fetch", [pair], began)
            await deliveries.fetch_wanted(
                tx, [(*pair, order, f"certificate: {reason}") for order, reason in new.items()], began
            )
        asked = {**one.asked, **new}
        await certificates.put(
            tx,
            lease,
            window,
            standing,
            compared,
            listed=len(listed),
            healed=sum(reason != "unlisted" and order not in why for order, reason in asked.items()),
            asked=asked,
            digest=digest(listed),
            read_at=began,
            next_at=look_again(standing, one.looks + 1, began),
        )
        await reach("certify.storing")
    await reach("certify.stored")
    done.windows += 1
    done.certified += standing is Standing.CERTIFIED
    done.open += standing is not Standing.CERTIFIED
    done.asked += len(new)
    if standing is not Standing.CERTIFIED:
        _tell(lease, one, why, standing)
    if new:
        await hub.wake.ring("fetch", [lease.merchant_id])
    return True


async def _list(listing: _Listing, window: Window) -> dict[str, datetime | None]:
    """What the channel lists of *window*: channel order id -> when it changed. An order listed twice moved meanwhile."""
    hub, lease = listing.hub, listing.lease
    found: dict[str, datetime | None] = {}
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        page = await drive(listing.connector.list_orders(window, cursor), listing.line)
        await reach("certify.called")
        for stamp in page.stamps:
            if stamp.changed_at is None or window.since <= stamp.changed_at < window.until:
                found[stamp.channel_order_id] = stamp.changed_at
        cursor = page.next_cursor
        if cursor is None:
            return found
        if cursor in seen or len(seen) >= MAX_PAGES:
            raise ChannelError(ErrorCode.UNEXPECTED, "the channel's list of orders does not come to an end")
        seen.add(cursor)
        async with hub.database.transaction([lease.merchant_id]) as tx:
            if not await schedule.renew(tx, lease, hub.settings.lease_s):
                raise LostLease


def _tell(lease: Lease, one: OpenWindow, why: Mapping[str, str], standing: Standing) -> None:
    about = {"merchant": lease.merchant_id, "connection": lease.connection_id, "since": one.since.isoformat()}
    some = dict(sorted(why.items())[:10])
    log.warning(
        "a window is not as the channel lists it",
        extra={"fields": {**about, "status": str(standing), "orders": len(why), "some": some}},
    )


async def next_certify(hub: Hub, lease: Lease, result: Certified) -> datetime:
    """When an open window is read again, or the next one is closed; at once while there is a backlog."""
    now = hub.clock()
    async with hub.database.transaction([lease.merchant_id]) as tx:
        linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
        if linked.status != "active" or not isinstance(hub.connector(linked.channel), ListsOrders):
            return NEVER
        linked_at, last_until = await certificates.span(tx, lease)
        again = [one.next_at for one in await certificates.open_windows(tx, lease)]
    closed = next_window(last_until, linked_at, now)
    closes = (last_until or linked_at) + WINDOW + SETTLING
    # Closed here and not read: the channel's own clock is behind ours.
    following = closes if closed is None else now if result.windows else now + AGAIN
    return max(now, min([following, *again])) if again or closed is None else following
