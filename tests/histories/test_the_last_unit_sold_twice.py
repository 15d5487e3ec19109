"""Buyers who check out at the same moment: the stock went below zero, or both got the last unit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from incidents_rig import IncidentRig
from usecase_rig import MUG, TEA

from core.usecases.drain import drain


async def at_once(market: IncidentRig, make_hub: Callable[..., Any], workers: int) -> None:
    """So many workers drain side by side, one delivery each at a time, until nothing is left."""
    hubs = [await make_hub() for _ in range(workers)]
    for hub in hubs:
        hub.registry = market.hub.registry

    async def work(hub: Any) -> None:
        while (await drain(hub, limit=1)).claimed:
            pass

    await asyncio.gather(*(work(hub) for hub in hubs))
    await market.drain()


async def test_two_checkouts_that_fit_alone_but_not_together_never_go_below_zero(
    market: IncidentRig, make_hub: Callable[..., Any]
) -> None:
    """nopSolutions/nopCommerce#4184: each cart was within the stock, both were taken, and the stock was negative."""
    await market.counted(mug=5)
    await market.deliver(market.order(1, (MUG, 3)))
    await market.deliver(market.order(2, (MUG, 4)), connection=market.second)

    await at_once(market, make_hub, 2)

    assert await market.stock() == (5, 5)
    assert sum((await market.held()).values()) == 5
    assert sum(missing for missing, _, _ in (await market.lines()).values()) == 2


async def test_two_checkouts_of_the_same_things_in_another_order_both_end(
    market: IncidentRig, make_hub: Callable[..., Any]
) -> None:
    """opencart/opencart#4811: concurrent checkouts drove the stock negative though selling without stock was off; a lock per
    article must not end in two buyers waiting for each other either.
    """
    await market.counted(mug=20, tea=20)
    for number in range(1, 21):
        lines = [(MUG, 1), (TEA, 2)] if number % 2 else [(TEA, 2), (MUG, 1)]
        where = market.first if number % 3 else market.second
        await market.deliver(market.order(number, *lines), connection=where)

    await at_once(market, make_hub, 6)

    assert (await market.stock(MUG), await market.stock(TEA)) == ((20, 20), (20, 20))
    assert await market.admin.fetchval("SELECT sum(missing) FROM stock_incidents") == 20
    assert await market.admin.fetchval("SELECT count(*) FROM parked") == 0


async def test_the_last_unit_is_promised_to_one_buyer(
    market: IncidentRig, make_hub: Callable[..., Any]
) -> None:
    """awesto/django-shop#888: deducting read the stock and wrote it back later, so both of two buyers got the last one."""
    await market.counted(mug=1)
    for number in range(1, 9):
        where = market.first if number % 2 else market.second
        await market.deliver(market.order(number, (MUG, 1)), connection=where)

    await at_once(market, make_hub, 4)

    assert await market.stock() == (1, 1)
    assert len(await market.held()) == 1
    assert len(await market.lines()) == 7


async def test_a_unit_let_go_by_a_failed_payment_goes_to_the_buyer_who_was_too_late(
    market: IncidentRig, make_hub: Callable[..., Any]
) -> None:
    """magento/inventory#3036: two orders for one unit both went through. One is promised it; when its payment fails, the
    other gets it, and never both.
    """
    await market.counted(mug=1)
    await market.deliver(market.order(1, (MUG, 1), status="pending"))
    await market.deliver(market.order(2, (MUG, 1), status="pending"), connection=market.second)
    await at_once(market, make_hub, 2)
    [(winner, _)] = (await market.held()).items()
    late = "2" if winner == "1" else "1"

    where = market.first if winner == "1" else market.second
    await market.deliver(market.order(int(winner), (MUG, 1), minute=1, status="failed"), connection=where)
    await market.drain()
    await market.work()

    assert await market.held() == {late: 1}
    assert await market.stock() == (1, 1)
    assert await market.lines() == {}
