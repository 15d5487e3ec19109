"""A shop whose count was changed behind the hub's back is read with its catalogue and told again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from loop_rig import open_loop

from core.store import schedule


async def test_counts_typed_in_at_both_shops_are_mended_by_the_next_catalogue(
    fresh: str, make_hub: Callable[..., Any], clock: Any
) -> None:
    async with open_loop(await make_hub(), fresh, seed=6) as loop:
        loop.shopify.set_available("MUG", 11)
        loop.woocommerce.set_stock("TEA", 6)
        clock.forward(minutes=3)

        async with loop.hub.database.transaction([loop.merchant_id]) as tx:
            pairs = [(loop.merchant_id, connection_id) for connection_id in loop.connections.values()]
            await schedule.ring(tx, "catalog", pairs, loop.hub.clock())
        await loop.turn()

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
            loop.shopify.set_available("MUG", 10)
            clock.forward(minutes=3)

            async with loop.hub.database.transaction([loop.merchant_id]) as tx:
                pair = (loop.merchant_id, loop.connections["shopify"])
                await schedule.ring(tx, "catalog", [pair], loop.hub.clock())
            await loop.turn()

            assert loop.shopify.available("MUG") == 9
