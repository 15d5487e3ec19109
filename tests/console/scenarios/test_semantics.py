"""A real hub keeps every kind of channel truthful: at rest each sells exactly what is there to be sold."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from plain_rig import SECRET, Market, PlainRig, connector_for

from core.usecases.examine_work import examine_work
from simulators.plain import PlainShop, Semantics

SKUS = ("A", "B", "C")

EVERY = [
    Semantics(zero=zero, lowers_at=lowers, counts_unshipped=counts, compares=compares, batch=2)
    for zero, lowers, counts, compares in product(
        ("quantity", "deactivate", "needs_setting"),
        ("order", "payment", "shipment", "never"),
        (False, True),
        (False, True),
    )
    if not counts or lowers in ("shipment", "never")
]


def named(semantics: Semantics) -> str:
    words = [semantics.zero, semantics.lowers_at]
    words += ["counts"] * semantics.counts_unshipped + ["compares"] * semantics.compares
    return "-".join(words)


Open = Callable[..., Any]


@pytest.fixture
async def plain(make_hub: Open, clock: Any) -> Open:
    """Opens a hub that is linked to marketplaces: `await plain(one=Semantics(), two=Semantics())`."""

    async def make(**channels: Semantics) -> PlainRig:
        def lag(_at: datetime, rng: random.Random) -> float | None:
            return None if rng.random() < 0.1 else rng.uniform(1, 40)

        shops = {
            name: PlainShop(
                semantics, name=name, token="t", webhook_secret=SECRET, seed=5, now=clock, lag=lag
            )
            for name, semantics in channels.items()
        }
        market = Market(shops)
        hub = await make_hub(send=market, lease_s=5.0)
        hub.registry = {name: connector_for(name, semantics) for name, semantics in channels.items()}
        return PlainRig(hub, clock, market)

    return make


async def live(rig: PlainRig, shop: PlainShop, other: PlainShop, seed: int, steps: int = 25) -> None:
    """Buyers buy here and there, pay, are shipped to, cancel; goods come in; answers are lost."""
    rng = random.Random(seed)
    on_hand = dict.fromkeys(SKUS, 12)
    for step in range(steps):
        rig.clock.now += timedelta(seconds=rng.uniform(2, 30))
        where, sku = rng.choice((shop, shop, other)), rng.choice(SKUS)
        verb = rng.choice(("buy", "buy", "buy", "pay", "ship", "ship", "cancel", "restock"))
        open_orders = [o for o in where.orders.values() if not o.cancelled and o.lines[0].shipped == 0]
        if verb == "buy":
            where.buy(sku, rng.randint(1, 3), paid=rng.random() < 0.5)
        elif verb == "restock":
            shipped = sum(
                line.shipped
                for one in (shop, other)
                for order in one.orders.values()
                for line in order.lines
                if line.sku == sku
            )
            on_hand[sku] += rng.randint(0, 4)
            if step % 9 == 0 and not shipped:
                await rig.count(sku, on_hand[sku])
        elif open_orders:
            order = rng.choice(open_orders)
            if verb == "pay":
                where.pay(order)
            elif verb == "cancel":
                where.cancel(order)
            elif order.paid:
                line = order.lines[0]
                where.ship(order, {"1": line.quantity}, key=f"k{step}", tracking="T", carrier="UPS")
        await rig.hear()
        await rig.work(1)


@pytest.mark.parametrize("semantics", EVERY, ids=named)
async def test_at_rest_the_channel_sells_exactly_what_is_free(plain: Open, semantics: Semantics) -> None:
    rig = await plain(one=semantics, two=Semantics())
    shop, other = rig.market.shops["one"], rig.market.shops["two"]
    shop.zero_setting = True
    for sku in SKUS:
        shop.add_listing(sku, 4)
        other.add_listing(sku, 1)
    await rig.link("one")
    await rig.link("two")
    await rig.begin(dict.fromkeys(SKUS, 12))
    rig.market.lost = 0.2

    await live(rig, shop, other, seed=sum(map(ord, named(semantics))))
    await rig.rest()

    assert await rig.violations() == {}
    for sku in SKUS:
        free = max(0, await rig.free(sku))
        assert (sku, shop.sells(sku), other.sells(sku)) == (sku, free, free)
    assert shop.books.order_ids() | other.books.order_ids() == await stored(rig)
    assert shop.books.sales
    assert shop.books.stock_writes


async def stored(rig: PlainRig) -> set[str]:
    async with rig.hub.database.transaction([rig.merchant_id]) as tx:
        return {row["channel_order_id"] for row in await tx.fetch("SELECT channel_order_id FROM orders")}


async def test_a_channel_that_lacks_the_setting_for_zero_is_kept_at_one_and_says_what_to_switch_on(
    plain: Open,
) -> None:
    rig = await plain(one=Semantics(zero="needs_setting"))
    shop = rig.market.shops["one"]
    shop.add_listing("A", 4)
    await rig.link("one")
    await rig.begin({"A": 4})

    await rig.count("A", 0)
    await rig.work()

    level = await rig.level("A")
    assert (shop.sells("A"), level["predicted"], level["desired"]) == (1, 1, 0)
    assert "Switch on Keep at zero" in level["error"]
    assert level["parked_at"] is not None
    [zero] = [finding async for finding in examine_work(rig.hub) if finding.check == "zero"]
    assert zero.state == "warning"
    assert zero.found.startswith("1 listings stay on sale")
    calls = len(shop.books.stock_writes)
    await rig.work(5)
    assert len(shop.books.stock_writes) == calls  # it is not asked again and again


async def test_a_channel_that_refuses_zero_has_its_listing_ended_and_relisted(plain: Open) -> None:
    rig = await plain(one=Semantics(zero="deactivate"))
    shop = rig.market.shops["one"]
    item = shop.add_listing("A", 4)
    await rig.link("one")
    await rig.begin({"A": 4})

    await rig.count("A", 0)
    await rig.work()
    assert not shop.listings[item].active
    await rig.count("A", 3)
    await rig.work()

    assert shop.listings[item].active
    assert shop.sells("A") == 3


async def test_a_channel_that_never_lowers_is_told_after_each_sale_of_its_own(plain: Open) -> None:
    rig = await plain(one=Semantics(lowers_at="never"))
    shop = rig.market.shops["one"]
    shop.add_listing("A", 4)
    await rig.link("one")
    await rig.begin({"A": 4})

    shop.buy("A")
    await rig.ring("pull")
    await rig.work()

    assert shop.sells("A") == 3


async def test_the_second_listing_of_a_sku_goes_down_with_the_first(plain: Open) -> None:
    rig = await plain(one=Semantics())
    shop = rig.market.shops["one"]
    listings = [shop.add_listing("A", 4), shop.add_listing("A", 4)]
    await rig.link("one")
    await rig.begin({"A": 4})

    shop.buy("A", 2)
    await rig.ring("pull")
    await rig.work()

    assert [shop.for_sale(one) for one in listings] == [2, 2]


async def test_a_number_that_includes_unshipped_units_is_not_touched_by_a_sale_or_its_shipment(
    plain: Open,
) -> None:
    rig = await plain(one=Semantics(lowers_at="shipment", counts_unshipped=True))
    shop = rig.market.shops["one"]
    shop.add_listing("A", 4)
    await rig.link("one")
    await rig.begin({"A": 4})
    writes = len(shop.books.stock_writes)

    order = shop.buy("A", 3)
    assert order is not None
    await rig.ring("pull")
    await rig.work()
    assert (shop.sells("A"), (await rig.level("A"))["unshipped"]) == (1, 3)
    rig.clock.forward(minutes=1)
    shop.ship(order, {"1": 3}, key="k", tracking="T", carrier="UPS")
    await rig.ring("pull")
    await rig.work()

    assert (shop.sells("A"), (await rig.level("A"))["unshipped"]) == (1, 0)
    assert len(shop.books.stock_writes) == writes


async def test_an_account_whose_setting_says_when_it_lowers_is_linked_with_it(plain: Open) -> None:
    rig = await plain(one=Semantics(lowers_at="payment"))
    shop, connector = rig.market.shops["one"], rig.hub.registry["one"]
    connector.manifest = connector.manifest.model_copy(update={"lowers_stock_at": "setting"})
    shop.add_listing("A", 4)
    await rig.link("one", lowers_stock_at="payment")
    await rig.begin({"A": 4})
    order = shop.buy("A", paid=False)
    assert order is not None
    await rig.ring("pull")
    await rig.work()
    assert (shop.sells("A"), (await rig.level("A"))["predicted"]) == (3, 3)

    rig.clock.forward(minutes=1)
    shop.pay(order)
    await rig.ring("pull")
    await rig.work()

    assert shop.sells("A") == 3
