"""Orders that a bench copies are as the hub stores them: every invariant holds, and each is an order of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bench.bodies import baskets
from bench.drain import drain_all, open_place, store
from core.hub import Hub
from core.store import bench_books, bench_fill
from core.store.verify import verify

DRAINED, COPIES = 12, 5


@pytest.mark.parametrize("at_once", [1, 3])
async def test_copies_break_no_invariant_and_count_like_orders(
    make_hub: Callable[..., Any], at_once: int
) -> None:
    hub: Hub = await make_hub()
    place = await open_place(hub, {f"SKU-{n}": 10_000 for n in range(20)})
    merchants = [place.merchant_id]
    made = baskets(1, 20, hub.clock)
    await store(hub, place, [made.body(n) for n in range(1_000, 1_000 + DRAINED)])
    await drain_all(hub)
    async with hub.database.transaction(merchants) as tx:
        first = await bench_books.books(tx)
        ids = await bench_fill.orders_of(tx, place.merchant_id)
    for start in range(0, COPIES, at_once):
        some, age = min(at_once, COPIES - start), timedelta(days=COPIES - start)
        async with hub.database.transaction(merchants) as tx:
            copied = await bench_fill.copy_orders(tx, place.merchant_id, ids, start, some, age)
            assert copied == some * DRAINED
    async with hub.database.transaction(merchants) as tx:
        await bench_fill.add_up(tx, place.merchant_id)
    async with hub.database.transaction(merchants) as tx:
        books = await bench_books.books(tx)
        checked = await verify(tx, at_rest=False, now=hub.clock())
        stored = await bench_fill.count_orders(tx, place.merchant_id)
    assert checked["violations"] == {}
    assert stored == books["orders"] == books["deliveries"] == DRAINED * (1 + COPIES)
    for name in ("units", "held", "reserved"):
        assert books[name] == first[name] * (1 + COPIES) > 0
    assert books["short"] == books["oversold"] == books["doubled"] == 0
    # The hub goes on as if it had stored them all itself.
    await store(hub, place, [made.body(n) for n in range(5_000, 5_000 + DRAINED)])
    await drain_all(hub)
    async with hub.database.transaction(merchants) as tx:
        assert (await verify(tx, at_rest=False, now=hub.clock()))["violations"] == {}
        assert await bench_fill.count_orders(tx, place.merchant_id) == DRAINED * (2 + COPIES)
