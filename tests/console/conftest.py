"""The status pages, served over a real database: of an empty hub and of a busy one with troubles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pages_rig import PAYLOAD, SHOP, Pages, deliver, link, put_stock, shop_order, troubles

from console.pages.app import create_pages, serve_pages
from core.flow import encode
from core.store import connections
from core.store.database import Database
from core.usecases.drain import drain
from core.usecases.relevel import relevel
from tests.conftest import TestClock, as_role


@pytest.fixture
async def pages(fresh: str, make_hub: Callable[..., Any], clock: TestClock) -> AsyncIterator[Pages]:
    """The pages of a hub with one merchant and no connection."""
    hub = await make_hub()
    admin = await Database.connect(fresh, size=2, admin=True)
    async with admin.transaction([]) as tx:
        merchant = await connections.add_merchant(tx, "Moss & Daughters", hub.settings.inbound, clock())
    reader = await Database.connect(as_role(fresh, "fairway_read"), size=2)
    runner, url = await serve_pages(create_pages(reader, clock), "127.0.0.1", 0)
    yield Pages(url, hub, admin, merchant)
    await runner.cleanup()
    await reader.close()
    await admin.close()


@pytest.fixture
async def busy(pages: Pages, clock: TestClock) -> Pages:
    """The pages of a hub with two shops, sales on both, and one of each trouble."""
    shop = await link(pages, SHOP)
    other = await link(pages, "Second shop")
    await put_stock(pages, [shop, other], {"MUG-1": 5, "TEA-2": 40, "POT-3": 1})
    sold = [("MUG-1", 2), ("TEA-2", 1), ("POT-3", 1), ("MUG-1", 1), ("POT-3", 1), ("NEW-9", 1)]
    for number, (sku, quantity) in enumerate(sold):
        clock.forward(minutes=3)
        await deliver(
            pages, (shop, other)[number % 2], encode(shop_order(101 + number, sku, quantity, clock()))
        )
    await deliver(pages, shop, encode(shop_order(900, "TEA-2", 3, clock(), title=PAYLOAD)))
    await deliver(pages, other, b'{"id": 77, "status": ')
    while (await drain(pages.hub)).claimed:
        pass
    await relevel(pages.hub)
    await troubles(pages, shop, other, clock())
    await deliver(pages, other, encode(shop_order(901, "TEA-2", 1, clock())))
    clock.forward(seconds=95)
    return pages
