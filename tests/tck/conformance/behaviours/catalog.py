"""What a channel lists."""

from __future__ import annotations

from collections import Counter

from conformance.behaviour import silver_channel
from conformance.kit import ChannelKit, Shop
from core.connector import ListsCatalog
from core.model.inventory import ListingSeen

LISTED = 230  # more than any channel puts on two pages


async def catalog(kit: ChannelKit, shop: Shop) -> list[ListingSeen]:
    lists: ListsCatalog = kit.connector  # type: ignore[assignment] - asked only of those that list
    found: list[ListingSeen] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        page = await shop.wire.run(lists.pull_catalog(cursor))
        found += page.listings
        cursor, pages = page.next_cursor, pages + 1
        assert pages < LISTED, "the catalogue does not end"
    return found


@silver_channel(
    "catalog-whole",
    "Every listing is there once, over all pages, with an id to sell and one to write.",
    needs=(ListsCatalog,),
)
async def whole(kit: ChannelKit) -> None:
    async with kit.open(listed=LISTED) as shop:
        found = await catalog(kit, shop)
        assert Counter(one.sku for one in found) == Counter(shop.skus)
        assert (
            len({one.channel_item_id for one in found})
            == len({one.channel_stock_id for one in found})
            == len(found)
        )


@silver_channel(
    "catalog-levels",
    "A listing shows what can be sold of it, at a location that the channel names.",
    needs=(ListsCatalog,),
)
async def levels(kit: ChannelKit) -> None:
    lists: ListsCatalog = kit.connector  # type: ignore[assignment] - the behaviour needs it
    async with kit.open() as shop:
        locations = {one.channel_location_id for one in await shop.wire.run(lists.pull_locations())}
        assert locations
        shop.sell("MUG", 3)
        for one in await catalog(kit, shop):
            assert one.tracked
            assert {level.channel_location_id for level in one.levels} <= locations
            assert sum(level.quantity or 0 for level in one.levels) == shop.shown(one.sku or "")


@silver_channel(
    "catalog-fits-orders", "The id an order line carries is the id of its listing.", needs=(ListsCatalog,)
)
async def fits_orders(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        order = kit.ordered(kit.connector.read(shop.told(shop.sell("MUG")), {}))
        by_sku = {one.sku: one for one in await catalog(kit, shop)}
        assert [line.channel_item_id for line in order.lines] == [by_sku["MUG"].channel_item_id]
