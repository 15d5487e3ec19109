"""Settle orders that waited for a match: a SKU that is known now reserves at last, and the hold goes."""

from __future__ import annotations

from itertools import groupby

from core.failpoints import reach
from core.flow import decode
from core.hub import Hub
from core.model.order import Order
from core.rules.intake import Intake
from core.rules.shipping import with_shipped
from core.sealing import associated
from core.store import connections, orders, stock
from core.store.database import declare
from core.usecases.move_stock import move_stock
from core.usecases.order_lines import OWN_HOLDS, Want
from core.usecases.run_log import recorded

BATCH = 200


async def settle_unmapped(hub: Hub) -> int:
    """Reserve for lines whose variant the catalogue has learnt since; returns how many orders were settled."""
    async with hub.database.transaction([]) as tx:
        await declare(tx, await connections.merchant_ids(tx))
        found = await orders.unmapped_but_known(tx, BATCH)
    settled = 0
    for merchant_id, group in groupby(found, key=lambda pair: pair[0]):
        settled += await _settle(hub, merchant_id, [order_id for _, order_id in group])
    return settled


async def _settle(hub: Hub, merchant_id: int, order_ids: list[int]) -> int:
    async with recorded(hub, "settle", [merchant_id], hub.clock(), merchant_id=merchant_id) as (tx, about):
        await orders.lock_ids(tx, merchant_id, order_ids)
        rows = await orders.documents(tx, merchant_id, order_ids)
        cause = f"match:{await stock.transaction_id(tx)}"
        left = await orders.units_left(tx, [merchant_id] * len(order_ids), order_ids)
        wants = []
        for row in rows:
            account = await hub.account(merchant_id, row["connection_id"])
            owner = associated("order", row["connection_id"], row["channel_order_id"])
            said = Order.model_validate(decode(account.box.open(row["document"], owner)))
            order = with_shipped(said, left.get(row["order_id"], {}))
            holds = [hold for hold in row["holds"] if hold["code"] not in OWN_HOLDS]
            await orders.put_holds(tx, [(merchant_id, row["order_id"], holds)])
            wants.append(
                Want(
                    merchant_id=merchant_id,
                    connection_id=row["connection_id"],
                    order_id=row["order_id"],
                    order=order,
                    intake=Intake(row["intake"]),
                    cause=cause,
                    received_at=row["stored_at"],
                    never_stock=account.never_stock,
                    holds=tuple(holds),
                    told=said,
                    rule=account.count_rule,
                )
            )
        if wants:
            await move_stock(tx, wants, hub.clock())
        about.counts = {"orders": len(wants)} if wants else {}
        await reach("unmapped.storing")
    await reach("unmapped.stored")
    return len(wants)
