"""Reading in bulk what a channel shows."""

from __future__ import annotations

from functools import partial

from conformance.behaviour import silver_channel
from conformance.behaviours.catalog import catalog
from conformance.kit import ChannelKit, Shop
from core.connector import ListsCatalog, ReadsStock
from core.model.inventory import StockSeen

LISTED = 270  # more than any channel puts on one page
MOST_REQUESTS = 20  # of one page: a conversation ends before its lease does

live_behaviour = partial(silver_channel, needs=(ReadsStock, ListsCatalog))


async def shown(kit: ChannelKit, shop: Shop) -> list[StockSeen]:
    reads: ReadsStock = kit.connector  # type: ignore[assignment] - asked only of those that read
    found: list[StockSeen] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        before = len(shop.wire.sent)
        page = await shop.wire.run(reads.read_stock(cursor))
        assert len(shop.wire.sent) - before <= MOST_REQUESTS, "a page is not one short conversation"
        found += page.stock
        cursor, pages = page.next_cursor, pages + 1
        assert pages < LISTED, "what is shown does not end"
    return found


async def counted(kit: ChannelKit, shop: Shop) -> dict[tuple[str, str], tuple[str | None, int | None]]:
    """What the catalogue says: (stock id, location) -> (SKU, quantity)."""
    return {
        (one.channel_stock_id, level.channel_location_id): (one.sku, level.quantity)
        for one in await catalog(kit, shop)
        for level in one.levels
    }


@live_behaviour("live-whole", "Everything that is counted is read once, as the catalogue shows it.")
async def whole(kit: ChannelKit) -> None:
    async with kit.open(listed=LISTED) as shop:
        shop.sell("MUG", 3)
        found = await shown(kit, shop)
        read = {(one.channel_stock_id, one.channel_location_id): (one.sku, one.quantity) for one in found}
        assert len(read) == len(found)
        assert read == await counted(kit, shop)
        assert all(one.tracked for one in found)


@live_behaviour("live-named", "Named items are read as they are now; one that is not there is left out.")
async def named(kit: ChannelKit) -> None:
    reads: ReadsStock = kit.connector  # type: ignore[assignment] - the behaviour needs it
    async with kit.open(listed=kit.connector.manifest.stock_batch - 3) as shop:
        known = await counted(kit, shop)
        shop.sell("MUG", 3)
        gone = ("987654321", next(iter(known))[1])
        found = await shop.wire.run(reads.read_stock_of([*known, gone]))
        assert {(one.channel_stock_id, one.channel_location_id) for one in found} == set(known)
        assert {one.sku: one.quantity for one in found}["MUG"] == 7


@live_behaviour("live-writes-nothing", "Reading what is shown changes nothing, and no request is marked so.")
async def writes_nothing(kit: ChannelKit) -> None:
    reads: ReadsStock = kit.connector  # type: ignore[assignment] - the behaviour needs it
    async with kit.open() as shop:
        known = list(await counted(kit, shop))
        before = len(shop.wire.sent)
        await shown(kit, shop)
        await shop.wire.run(reads.read_stock_of(known))
        assert all(one.request.reads for one in shop.wire.sent[before:])
        assert shop.shown("MUG") == 10
