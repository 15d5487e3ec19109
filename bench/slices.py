"""Reservations as the hub makes them: a slice of orders at a time, in one transaction, by the use case that drains."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bench.drain import Place
from core.hub import Hub
from core.model.order import Order, OrderLine
from core.rules.intake import Intake
from core.rules.orders import Claim
from core.rules.shelves import LineStock, Shelves
from core.store import bench_fill, listings, stock
from core.store.database import Connection
from core.store.stock import Entry
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

    async def move(tx: Connection, some: Sequence[Want]) -> None:
        await move_stock(tx, some, hub.clock())

    await _by_slices(hub, wants, move)


async def take(hub: Hub, wants: Sequence[Want], variant_id: int) -> None:
    """Only move the balance of *variant_id*, with an entry of the ledger for each order: what is nearest to one UPDATE each.
    The parts are those that `reserve` is made of; no line is stored, so these books do not agree.
    """
    async with hub.database.transaction([wants[0].merchant_id]) as tx:
        preferred = [await listings.default_location(tx, wants[0].merchant_id)]

    async def move(tx: Connection, some: Sequence[Want]) -> None:
        shelves = Shelves()
        for row in await stock.lock(tx, {(some[0].merchant_id, variant_id)}):
            shelves.put(*row.values())
        for want in some:
            line = LineStock(want.merchant_id, want.order_id, "1", variant_id)
            shelves.settle(line, Claim(held=1, shipped=0), preferred)
        entries = [
            Entry(
                merchant_id=made.merchant_id,
                variant_id=made.variant_id,
                location_id=made.location_id,
                on_hand_delta=made.on_hand_delta,
                reserved_delta=made.reserved_delta,
                reason=made.reason,
                cause=f"bench:{made.order_id}",
                op_key=f"bench:{made.order_id}",
                order_id=made.order_id,
            )
            for made in shelves.moves
        ]
        await stock.post(tx, entries, hub.clock())

    await _by_slices(hub, wants, move)


async def _by_slices(
    hub: Hub, wants: Sequence[Want], move: Callable[[Connection, Sequence[Want]], Awaitable[None]]
) -> None:
    slices = iter([wants[start : start + SLICE] for start in range(0, len(wants), SLICE)])

    async def lane() -> None:
        for some in slices:
            async with hub.database.transaction({want.merchant_id for want in some}) as tx:
                await move(tx, some)

    await asyncio.gather(*(lane() for _ in range(LANES)))
