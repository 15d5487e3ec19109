"""Asking for what changed: nothing is skipped while the shop goes on selling, and asking ends."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from functools import partial

from conformance.behaviour import bronze_channel
from conformance.kit import ChannelKit, Shop
from core.connector import Change, Delivery, Notice, OrderRead, Page, PullsOrders, Window
from core.errors import ChannelError
from core.flow import Response
from core.model.order import Order

MAX_PAGES, MAX_REQUESTS = 60, 600


async def pull(kit: ChannelKit, shop: Shop, since: datetime, until: datetime) -> list[Order]:
    """Everything that changed in [since, until), page by page."""
    found: list[Order] = []
    cursor, page_number = None, 0
    while page_number == 0 or cursor is not None:
        page = await shop.wire.run(pulls(kit).pull_orders(Window(since, until), cursor))
        found += [ordered(kit, page, item) for item in page.items]
        cursor, page_number = page.next_cursor, page_number + 1
        assert page_number <= MAX_PAGES, "pulling does not end"
    return found


def pulls(kit: ChannelKit) -> PullsOrders:
    assert isinstance(kit.connector, PullsOrders)
    return kit.connector


def ordered(kit: ChannelKit, page: Page, item: bytes) -> Order:
    reading = kit.connector.read(Delivery(page.topic, {}, item), {})
    assert isinstance(reading, OrderRead), f"{page.topic} was read as {reading}"
    return reading.order


def ids(orders: list[Order]) -> set[str]:
    return {order.channel_order_id for order in orders}


pull_behaviour = partial(bronze_channel, needs=(PullsOrders,))


@pull_behaviour("pull-equal-times", "Orders of one and the same second fill pages without one being skipped.")
async def equal_times(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        at = shop.clock()
        size = kit.connector.manifest.page_size
        sold = {shop.sell() for _ in range(2 * size + size // 2)}
        found = await pull(kit, shop, at, at + timedelta(seconds=1))
        assert ids(found) == sold


@pull_behaviour(
    "pull-while-changing", "Orders that change and come in between two pages make no other one be skipped."
)
async def while_changing(kit: ChannelKit) -> None:
    for seed in range(3):
        async with kit.open() as shop:
            await _pull_while_changing(kit, shop, random.Random(seed))


async def _pull_while_changing(kit: ChannelKit, shop: Shop, chance: random.Random) -> None:
    begun = shop.clock()
    size = kit.connector.manifest.page_size
    sold = []
    for _ in range(2 * size + size // 3):
        sold.append(shop.sell())
        shop.clock.forward(chance.choice((0, 0, 0, 1)))
    until = shop.clock() + timedelta(seconds=1)
    shop.clock.forward(1)
    later: set[str] = set()

    def go_on() -> None:
        shop.clock.forward(1)
        for order_id in chance.sample(sold, 5):
            shop.change(order_id)
            later.add(order_id)
        later.add(shop.sell())

    shop.wire.meanwhile = go_on
    found = ids(await pull(kit, shop, begun, until))
    shop.wire.meanwhile = lambda: None
    missed = set(sold) - found - later
    assert not missed, f"{len(missed)} orders that did not change were skipped"
    next_window = ids(await pull(kit, shop, until, shop.clock() + timedelta(seconds=1)))
    assert set(sold) | later == found | next_window, "what changed meanwhile is in neither window"


@pull_behaviour("pull-ends", "A channel that gives the same page again and again is not asked for ever.")
async def ends(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        size = kit.connector.manifest.page_size
        begun = shop.clock()
        for _ in range(2 * size):
            shop.sell()
            shop.clock.forward(1)
        window = Window(begun, shop.clock())
        page = await shop.wire.run(pulls(kit).pull_orders(window, None))
        assert page.next_cursor is not None
        stuck = shop.wire.sent[0].answer
        asked, cursor, pages = 0, page.next_cursor, 0
        while cursor is not None and pages < MAX_PAGES:
            cursor, more = _stuck_page(kit, window, cursor, stuck)
            asked, pages = asked + more, pages + 1
            assert asked < MAX_REQUESTS, "it goes on asking"
        assert cursor is None, "pulling does not end"


def _stuck_page(kit: ChannelKit, window: Window, cursor: str, stuck: Response) -> tuple[str | None, int]:
    """The next cursor and the number of requests when every answer is *stuck*; None where the flow gives up."""
    flow, asked = pulls(kit).pull_orders(window, cursor), 1
    next(flow)
    try:
        while asked < MAX_REQUESTS:
            flow.send(stuck)
            asked += 1
    except StopIteration as stop:
        return stop.value.next_cursor, asked
    except ChannelError:
        return None, asked
    return cursor, asked


@pull_behaviour("pull-empty-window", "A window in which nothing changed is one empty page.")
async def empty_window(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        shop.sell()
        at = shop.clock() + timedelta(hours=1)
        page = await shop.wire.run(pulls(kit).pull_orders(Window(at, at + timedelta(hours=1)), None))
        assert (page.items, page.next_cursor, page.changed_until) == ((), None, None)


@pull_behaviour("pull-bounds", "A window holds what changed at its very first and in its very last second.")
async def bounds(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        since = shop.clock()
        first = shop.sell()
        shop.clock.forward(59)
        last = shop.sell()
        shop.clock.forward(1)
        until = shop.clock()
        shop.clock.forward(3600)
        shop.sell()
        assert ids(await pull(kit, shop, since, until)) == {first, last}
        half = timedelta(milliseconds=500)
        assert {first, last} <= ids(await pull(kit, shop, since + half, until - half))


@pull_behaviour(
    "pull-page-size",
    "No page is larger than the manifest says, and the checkpoint is the newest change on it.",
)
async def page_size(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        begun, size = shop.clock(), kit.connector.manifest.page_size
        assert size > 0
        for _ in range(size + 1):
            shop.sell()
            shop.clock.forward(1)
        page = await shop.wire.run(pulls(kit).pull_orders(Window(begun, shop.clock()), None))
        assert len(page.items) == size
        changed = [ordered(kit, page, item).changed_at for item in page.items]
        assert page.changed_until == max(at for at in changed if at is not None)


@pull_behaviour("pull-shows-changes", "An order that changed is there again, as it is now.")
async def shows_changes(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        order_id = shop.sell()
        other = shop.sell()
        shop.clock.forward(60)
        before = shop.clock()
        shop.change(order_id)
        (found,) = await pull(kit, shop, before, before + timedelta(seconds=1))
        assert found.channel_order_id == order_id != other
        assert found.changed_at == before


@pull_behaviour("pull-as-told", "A pulled order, a fetched one and the webhook's are one and the same.")
async def as_told(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        at, order_id = shop.clock(), shop.sell(quantity=3)
        told = kit.ordered(kit.connector.read(shop.told(order_id), {}))
        page = await shop.wire.run(pulls(kit).fetch_order(order_id))
        assert [ordered(kit, page, item) for item in page.items] == [told]
        assert await pull(kit, shop, at, at + timedelta(seconds=1)) == [told]
        assert told.holds == ()


@pull_behaviour("fetch-missing", "An order that is not there is an answer (it is gone), and no error.")
async def fetch_missing(kit: ChannelKit) -> None:
    async with kit.open() as shop:
        page = await shop.wire.run(pulls(kit).fetch_order(shop.missing_order))
        (item,) = page.items
        found = kit.connector.read(Delivery(page.topic, {}, item), {})
        assert found == Notice("order", Change.GONE, shop.missing_order)
        assert page.next_cursor is None
