"""The typical receiver does what a team would want of it: each order once, stock taken off, both other shops told."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from bench.bodies import baskets, requests
from bench.load import load, write_requests
from console.bench.peer import environment, open_peer
from console.bench.shops import FULL, open_shops
from console.bench.stand import open_stand
from core.errors import FairwayError

ORDERS, SKUS = 60, 20


@pytest.fixture(scope="module", autouse=True)
def made() -> str:
    try:
        return environment()
    except FairwayError as error:
        pytest.skip(f"FastAPI and Celery cannot be installed here: {error.message}")


async def test_each_order_is_stored_once_and_both_other_shops_show_what_is_left() -> None:
    async with open_stand() as stand, open_shops(1, SKUS, stand.hub.clock) as shops:
        for shop in shops.every:
            shop.token = f"token-{shop.number}"
        written = baskets(1, SKUS, stand.hub.clock)
        numbers = range(1_000, 1_000 + ORDERS)
        async with open_peer(stand, shops) as peer:
            for _ in range(2):  # each delivery comes twice
                sent = write_requests(stand.requests, requests(written, numbers, ["token-0"]))
                assert (await load([peer.web.address], sent, seconds=20)).accepted == ORDERS

            async def told() -> Counter[str]:
                return Counter(
                    {sku: FULL - (count or 0) for shop in shops.told for sku, count in shop.shown().items()}
                )

            sold = Counter[str]()
            for number in numbers:
                sold.update(dict(written.sells[number % len(written.sells)]))
            async with asyncio.timeout(60):
                while await told() != sold or await peer.waiting():
                    await asyncio.sleep(0.05)
            assert await peer.orders() == ORDERS
            left = await peer.database.fetch("SELECT sku, quantity FROM stock")
            assert {row["sku"]: FULL - row["quantity"] for row in left if row["quantity"] < FULL} == sold
            bad = [
                one.replace(b"neighbours", b"neighbourz") for one in requests(written, range(5), ["token-0"])
            ]
            refused = await load([peer.web.address], write_requests(stand.requests, bad), seconds=10)
            assert (refused.answered, refused.refused) == (5, 5)
            assert await peer.waiting() == 0
            assert shops.every[0].shown() == shops.supply  # it sold them itself: nobody tells it
