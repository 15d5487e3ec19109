"""Resolve an incident: a person says what becomes of its orders, and which of them goes without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import Busy, Missing, UsageProblem
from core.failpoints import reach
from core.hub import Hub
from core.rules.incidents import Policy
from core.store import claims, incidents, orders, stock
from core.store.database import Connection, Row, again
from core.usecases.decide_lines import Holders, Plan, carry_out, costliest_first, holders_for, plan_victims
from core.usecases.fill_shortages import fill_shortages
from core.usecases.hand_over import claimant_of


@dataclass(frozen=True, slots=True)
class Resolved:
    """*decided* order lines, *moved* units that went from one order to another; *missing* are units that still are."""

    decided: int
    moved: int
    missing: int


async def resolve_incident(
    hub: Hub, merchant_id: int, incident_id: int, policy: Policy, *, victim: int | None = None, by: str
) -> Resolved:
    """Do with the orders of an open incident what *policy* says; *victim* is the order that goes without, and whose units
    the others get. CANCEL proposes: the channel is not told.

    Raises `Missing` and `UsageProblem` where that cannot be, `Busy` where orders change at this very moment.
    """
    if policy is Policy.ASK or (policy is Policy.OTHER_LOCATION and victim is not None):
        raise UsageProblem(
            f"{policy} decides nothing for an order that goes without.", fix="Say backorder or cancel."
        )
    plan = await _decide(hub, merchant_id, incident_id, policy, victim, by)
    await reach("resolve.stored")
    if policy is Policy.OTHER_LOCATION:
        await fill_shortages(hub)
    await hub.wake.ring("relevel", [merchant_id])
    async with hub.database.transaction([merchant_id]) as tx:
        incident = await incidents.find(tx, merchant_id, incident_id)
    moved = sum(hand.units for hand in plan.hands if hand.units > 0)
    return Resolved(len(plan.decisions), moved, incident["missing"] if incident else 0)


@again
async def _decide(
    hub: Hub, merchant_id: int, incident_id: int, policy: Policy, victim: int | None, by: str
) -> Plan:
    now = hub.clock()
    async with hub.database.transaction([merchant_id]) as tx:
        foreseen, variant_id = await _plan(tx, hub, merchant_id, incident_id, policy, victim)
        await orders.lock_ids(tx, merchant_id, sorted(foreseen.orders))
        await stock.lock(tx, {(merchant_id, variant_id)})
        plan, _ = await _plan(tx, hub, merchant_id, incident_id, policy, victim)
        if not plan.orders <= foreseen.orders:
            raise Busy("Another order for the same units has just come in.", fix="Look again and repeat it.")
        await carry_out(tx, merchant_id, plan, now, by=by)
        await reach("resolve.storing")
    return plan


async def _plan(
    tx: Connection, hub: Hub, merchant_id: int, incident_id: int, policy: Policy, victim: int | None
) -> tuple[Plan, int]:
    incident = await incidents.find(tx, merchant_id, incident_id)
    if incident is None:
        raise Missing(f"There is no incident {incident_id}.", fix="See `fairway incidents`.")
    if incident["closed_at"] is not None:
        raise UsageProblem(f"Incident {incident_id} is closed: nothing is missing any more.")
    short = await claims.short_of(tx, merchant_id, incident_id)
    holders = await holders_for(tx, merchant_id, short)
    if victim is not None:
        return _let_down(hub, short, holders, policy, victim), incident["variant_id"]
    if policy is Policy.CANCEL:
        return plan_victims(short, holders, hub.registry, lambda _: ""), incident["variant_id"]
    plan = Plan()
    for row in short:
        plan.decide(incident_id, row, policy, "")
    return plan, incident["variant_id"]


def _let_down(hub: Hub, short: Sequence[Row], holders: Holders, policy: Policy, victim: int) -> Plan:
    """What the order *victim* holds goes to the other lines, and the policy is what becomes of it."""
    plan = Plan()
    given: Counter[tuple[str, int]] = Counter()
    for row in costliest_first([row for row in short if row["order_id"] != victim], hub.registry):
        wanted = row["units"]
        for holder in holders[row["connection_id"]]:
            key = (holder["line_id"], holder["location_id"])
            units = min(wanted, holder["units"] - given[key])
            if holder["order_id"] == victim and holder["variant_id"] == row["variant_id"] and units > 0:
                given[key] += units
                wanted -= units
                plan.give(holder, row, units, "a person chose it")
                plan.decide(row["incident_id"], holder, policy, "a person chose it")
    for row in short:
        if row["order_id"] == victim:
            plan.decide(row["incident_id"], row, policy, "a person chose it")
    if not plan.decisions:
        raise UsageProblem(
            f"Order {victim} has none of the units that are missing, and misses none.",
            fix="`fairway incidents show` lists the orders that do.",
        )
    if policy is Policy.CANCEL:
        _spare_marketplaces(hub, short, holders, victim)
    return plan


def _spare_marketplaces(hub: Hub, short: Sequence[Row], holders: Holders, victim: int) -> None:
    """No order of a marketplace is cancelled while one of an own shop has a unit that it could have."""
    rows = [*short, *(row for found in holders.values() for row in found)]
    if not any(claimant_of(row, hub.registry).marketplace for row in rows if row["order_id"] == victim):
        return
    for found in holders.values():
        for row in found:
            if row["order_id"] != victim and not claimant_of(row, hub.registry).marketplace:
                raise UsageProblem(
                    f"Order {victim} was sold at a marketplace, where a cancellation counts against the seller, and order "
                    f"{row['name']} of an own shop has units of the same.",
                    fix=f"Say --victim {row['order_id']}, or let order {victim} wait: --policy backorder.",
                )
