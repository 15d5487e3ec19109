"""What the histories share that are played with two simulated shops."""

from __future__ import annotations

from loop_rig import Loop

from core.store import schedule
from core.usecases.count_stock import Counted, count_stock


async def balance(loop: Loop, sku: str = "MUG") -> tuple[int, int]:
    """(on hand, set aside) in the hub."""
    row = await loop.running.admin.fetchrow(
        "SELECT on_hand, reserved FROM stock JOIN variants USING (merchant_id, variant_id) WHERE sku = $1",
        sku,
    )
    return (row["on_hand"], row["reserved"]) if row else (0, 0)


def shown(loop: Loop, sku: str = "MUG") -> tuple[int, int | None]:
    """What (Shopify, WooCommerce) show as sellable."""
    return loop.shopify.available(sku), loop.woocommerce.stock_of(sku)


async def later(loop: Loop, **span: float) -> None:
    """Time goes by, and everything that is due is done."""
    loop.hub.clock.forward(**span)  # type: ignore[attr-defined]
    await loop.turn()


async def count(loop: Loop, **units: int) -> None:
    """`count(loop, MUG=7)`: that many were found, and the shops are told."""
    loop.hub.clock.forward(seconds=1)  # type: ignore[attr-defined]
    counts = [Counted(sku, on_hand) for sku, on_hand in units.items()]
    await count_stock(loop.hub, loop.merchant_id, counts, cause="a count")
    await loop.turn()


async def read_catalogues(loop: Loop) -> None:
    """Both shops' catalogues are read now."""
    async with loop.hub.database.transaction([loop.merchant_id]) as tx:
        pairs = [(loop.merchant_id, connection_id) for connection_id in loop.connections.values()]
        await schedule.ring(tx, "catalog", pairs, loop.hub.clock())
    await loop.turn()
