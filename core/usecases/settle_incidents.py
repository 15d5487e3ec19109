"""Settle incidents: where the merchant lets the hub cancel, say which order goes without. The channel is not told: its
order is held as `cancel_proposed`.
"""

from __future__ import annotations

from datetime import datetime

from core.failpoints import reach
from core.hub import Hub
from core.rules.incidents import Policy
from core.store import claims, connections, incidents, orders, stock
from core.store.database import Connection, Row
from core.store.policies import read_policies
from core.usecases.decide_lines import Plan, carry_out, holders_for, plan_victims
from core.usecases.run_log import recorded

BATCH = 100  # lines decided in one transaction


async def settle_incidents(hub: Hub) -> int:
    """Decide what is cancelled by policy; returns how many lines were decided."""
    async with hub.database.transaction([]) as tx:
        merchants = await incidents.merchants_that_cancel(tx, await connections.merchant_ids(tx))
    decided = 0
    for merchant_id in merchants:
        now = hub.clock()
        async with recorded(hub, "incidents", [merchant_id], now, merchant_id=merchant_id) as (tx, about):
            lines = await _settle(tx, hub, merchant_id, now)
            about.counts = {"decided": lines} if lines else {}
            if lines:
                await reach("incidents.storing")
        if lines:
            await reach("incidents.stored")
        decided += lines
    return decided


async def _settle(tx: Connection, hub: Hub, merchant_id: int, now: datetime) -> int:
    foreseen, variants = await _plan(tx, hub, merchant_id)
    await orders.lock_ids(tx, merchant_id, sorted(foreseen.orders))
    await stock.lock(tx, {(merchant_id, variant_id) for variant_id in variants})
    plan, _ = await _plan(tx, hub, merchant_id)  # again, now that nobody changes what it rests on
    if not plan.orders <= foreseen.orders:
        return 0  # another order came between: the next time
    await carry_out(tx, merchant_id, plan, now, by="policy")
    return len(plan.decisions)


async def _plan(tx: Connection, hub: Hub, merchant_id: int) -> tuple[Plan, set[int]]:
    short = await claims.to_cancel(tx, merchant_id, BATCH)
    policies = await read_policies(tx, [merchant_id])

    def refusal(holder: Row) -> str:
        allowed = policies.of(merchant_id, holder["connection_id"]) == Policy.CANCEL
        return "" if allowed else "the merchant lets nothing be cancelled there"

    plan = plan_victims(short, await holders_for(tx, merchant_id, short), hub.registry, refusal)
    return plan, {row["variant_id"] for row in short}
