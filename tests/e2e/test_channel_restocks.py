"""A shop puts cancelled units back on sale by itself, and sells them before anybody hears of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loop_rig import open_loop

from simulators.courier import Faults


async def test_units_that_a_shop_put_back_and_sold_at_once_are_not_put_on_sale_again(
    make_hub: Callable[..., Any], fresh: str, clock: Any
) -> None:
    """Its count is what it was before both, so only the order says that something happened in between."""
    async with open_loop(await make_hub(), fresh, seed=4) as loop:
        clock.forward(minutes=5)
        first = loop.shopify.checkout([("TEA", 4)])
        assert first is not None
        await loop.turn()
        clock.forward(seconds=5)

        loop.shopify.cancel(first.key)
        await loop.shops.courier.settled()
        loop.shops.courier.faults = Faults(late=1.0)
        clock.forward(seconds=1)
        assert loop.shopify.checkout([("TEA", 4)])
        await loop.turn()
        shown_meanwhile = loop.shopify.available("TEA")
        loop.shops.courier.faults = Faults()
        loop.shops.courier.bring_late()
        clock.forward(seconds=5)
        await loop.turn()

        assert shown_meanwhile == 0
        assert loop.shopify.available("TEA") == 0
        assert loop.woocommerce.stock_of("TEA") == 0
        assert await loop.running.violations() == {}


async def test_cancelled_units_that_a_shop_kept_off_sale_are_put_on_sale_by_us(
    make_hub: Callable[..., Any], fresh: str, clock: Any
) -> None:
    async with open_loop(await make_hub(), fresh, seed=4) as loop:
        clock.forward(minutes=5)
        sold = loop.shopify.checkout([("TEA", 4)])
        assert sold is not None
        await loop.turn()
        clock.forward(seconds=5)

        loop.shopify.cancel(sold.key, restock=False)
        await loop.turn()

        assert loop.shopify.available("TEA") == 4
        assert await loop.running.violations() == {}
