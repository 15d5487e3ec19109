"""A shop whose count was changed behind the hub's back is read back, and told again once no order explains it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loop_rig import Loop, open_loop

from core.store import schedule


async def reconciled(loop: Loop, clock: Any) -> None:
    """Both shops are read back, and what differs has the time that an order may take to come."""
    async with loop.hub.database.transaction([loop.merchant_id]) as tx:
        pairs = [(loop.merchant_id, connection_id) for connection_id in loop.connections.values()]
        await schedule.ring(tx, "reconcile", pairs, loop.hub.clock())
    await loop.turn()
    clock.forward(minutes=3)
    await loop.turn()


async def test_counts_typed_in_at_both_shops_are_mended_when_no_order_explains_them(
    fresh: str, make_hub: Callable[..., Any], clock: Any
) -> None:
    async with open_loop(await make_hub(), fresh, seed=6) as loop:
        clock.forward(minutes=15)
        loop.shopify.set_available("MUG", 11)
        loop.woocommerce.set_stock("TEA", 2)

        await reconciled(loop, clock)

        assert (loop.shopify.available("MUG"), loop.woocommerce.stock_of("TEA")) == (10, 4)


async def test_a_count_that_went_back_to_what_it_was_before_the_last_write_is_told_again(
    fresh: str, make_hub: Callable[..., Any], clock: Any
) -> None:
    """The same value, from the same value, is another write: Shopify answers a key it knows without doing anything."""
    async with open_loop(await make_hub(), fresh, seed=7) as loop:
        clock.forward(seconds=1)
        loop.woocommerce.checkout([("MUG", 1)])
        await loop.turn()
        assert loop.shopify.available("MUG") == 9
        for _ in range(2):
            clock.forward(minutes=15)
            loop.shopify.set_available("MUG", 10)

            await reconciled(loop, clock)

            assert loop.shopify.available("MUG") == 9
