"""Pull the catalogue: listings and live quantities of a connection, matched to variants by SKU."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.connector import CatalogPage, ListsCatalog
from core.errors import ChannelError, ErrorCode
from core.failpoints import reach
from core.hub import Hub
from core.net import drive
from core.rules.skus import tidy_sku
from core.store import connections, listings, restores, schedule
from core.store.schedule import Lease, held
from core.usecases.lease import LostLease

MAX_PAGES = 10_000
ORDERS_PAUSE = timedelta(seconds=2)  # between two looks whether every order is in


@dataclass(frozen=True, slots=True)
class Cataloged:
    """*waiting*: what is shown means nothing before every order since a restore is in."""

    listings: int
    matched: int
    waiting: bool = False


async def pull_catalog(hub: Hub, lease: Lease) -> Cataloged:
    """Read every page; each is stored by itself. The first order pull becomes due when the catalogue is known."""
    account = await hub.account(lease.merchant_id, lease.connection_id)
    connector = account.connector
    if not isinstance(connector, ListsCatalog):
        return Cataloged(0, 0)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        linked = await connections.linked(tx, lease.merchant_id, lease.connection_id)
        line = await hub.line(tx, linked)
        doubted = linked.doubted_at is not None
        waiting = doubted and not await restores.orders_are_in(
            tx, lease.merchant_id, lease.connection_id, hub.clock()
        )
        if doubted and not waiting and linked.shown_at is not None:
            await restores.believe(tx, lease.merchant_id, lease.connection_id)
            doubted = False
    if linked.status != "active":
        return Cataloged(0, 0)
    if waiting:
        return Cataloged(0, 0, waiting=True)
    places = await drive(connector.pull_locations(), line)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        default = await listings.default_location(tx, lease.merchant_id)
        for place in places:
            if place.active:
                await listings.map_location_once(
                    tx, lease.merchant_id, lease.connection_id, place.channel_location_id, default, place.name
                )
    cursor: str | None = None
    seen: set[str] = set()
    before: CatalogPage | None = None
    count = matched = 0
    while True:
        page = await drive(connector.pull_catalog(cursor), line)
        await reach("catalog.called")
        if before and page.listings and page.listings == before.listings:
            raise ChannelError(ErrorCode.UNEXPECTED, "the channel gives the same page of its catalogue again")
        before = page
        found = [
            item.model_copy(update={"sku": tidy_sku(item.sku) or None}) if item.sku else item
            for item in page.listings
        ]
        now = hub.clock()
        live = [
            (item.channel_item_id, level.channel_location_id, level.quantity)
            for item in page.listings
            for level in item.levels
            if level.quantity is not None
        ]
        async with hub.database.transaction([lease.merchant_id]) as tx:
            if not await held(tx, lease) or not await schedule.renew(tx, lease, hub.settings.lease_s):
                raise LostLease
            await listings.put_listings(tx, lease.merchant_id, lease.connection_id, found, now)
            matched += await listings.match_by_sku(tx, lease.merchant_id, lease.connection_id)
            await listings.put_levels(tx, lease.merchant_id, lease.connection_id, live, now)
            await reach("catalog.storing")
        await reach("catalog.stored")
        count += len(page.listings)
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
        if cursor in seen or len(seen) >= MAX_PAGES - 1:
            raise ChannelError(ErrorCode.UNEXPECTED, "the catalogue's pages do not come to an end")
        seen.add(cursor)
    async with hub.database.transaction([lease.merchant_id]) as tx:
        pair = (lease.merchant_id, lease.connection_id)
        if doubted:
            await restores.shown(tx, *pair, hub.clock())
        every = timedelta(seconds=hub.settings.reconcile_every_s)
        await schedule.ring(tx, "reconcile", [pair], hub.clock() + every)
        await schedule.ring(tx, "pull", [pair], hub.clock())
        await schedule.ring(tx, "push", [pair], hub.clock())
    await hub.wake.ring("push", [lease.merchant_id])
    await hub.wake.ring("relevel", [lease.merchant_id])
    return Cataloged(count, matched, waiting=doubted)


async def next_catalog(hub: Hub, _lease: Lease, result: object) -> datetime:
    if isinstance(result, Cataloged) and result.waiting:
        return hub.clock() + ORDERS_PAUSE
    return hub.clock() + timedelta(seconds=hub.settings.catalog_every_s)
