"""Reservations as the hub makes them: a slice of orders at a time, in one transaction, by the use case that drains."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bench.drain import Place
from core.hub import Hub
from core.model.order import Order, OrderLine
from core.rules.intake import Intake
from core.store import bench_fill
from core.usecases.drain import SLICE
from core.usecases.move_stock import move_stock
from core.usecases.order_lines import Want

LANES = 2  # as a worker drains a backlog


async def prepare(hub: Hub, place: Place, name: str, count: int, sku: str) -> list[Want]:
    """Store *count* new orders without lines, and return what each of them wants: one unit of *sku*. *name* begins their
    numbers.
    """
    now = hub.clock()
    async with hub.database.transaction([place.merchant_id]) as tx:
        ids = await bench_fill.bare_orders(tx, place.merchant_id, place.connection_id, name, count, now)
    line = OrderLine(line_id="1", sku=sku, title="Thing", quantity=1)
    return [
        Want(
            merchant_id=place.merchant_id,
            connection_id=place.connection_id,
            order_id=order_id,
            order=Order(channel="woocommerce", channel_order_id=f"{name}-{number}", placed_at=now, lines=(line,)),
            intake=Intake.SHIP,
            cause=f"bench:{order_id}",
            version=1,
            received_at=now,
            known=False,
        )
        for number, order_id in enumerate(ids)
    ]  # fmt: skip


async def reserve(hub: Hub, wants: Sequence[Want]) -> None:
    """Reserve all of *wants*: lines, reservations, ledger and balances, and a shortage for what is not there."""
    slices = iter([wants[start : start + SLICE] for start in range(0, len(wants), SLICE)])

    async def lane() -> None:
        for some in slices:
            async with hub.database.transaction({want.merchant_id for want in some}) as tx:
                await move_stock(tx, some, hub.clock())

    await asyncio.gather(*(lane() for _ in range(LANES)))
