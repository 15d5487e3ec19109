"""Decide lines: which of the orders that want the units of an incident go without, and to whom their units go."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from core.connector import Connector
from core.rules.incidents import Policy, choose_victims, in_order_of_cost
from core.store import claims, incidents, listings
from core.store.database import Connection, Row
from core.usecases.hand_over import Hand, claimant_of, hand_over
from core.usecases.hold_short import hold_short

Registry = Mapping[str, Connector]
Holders = Mapping[int, Sequence[Row]]  # connection -> lines that hold what its orders could have


@dataclass(slots=True)
class Plan:
    """*hands* are units that go from one order to another, *decisions* what becomes of the lines of incidents."""

    hands: list[Hand] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def orders(self) -> set[int]:
        return {hand.order_id for hand in self.hands} | {row["order_id"] for row in self.decisions}

    def decide(self, incident_id: int, line: Row, policy: Policy, why: str) -> None:
        self.decisions.append(
            {
                "incident_id": incident_id,
                "order_id": line["order_id"],
                "line_id": line["line_id"],
                "policy": str(policy),
                "why": why,
            }
        )

    def give(self, holder: Row, short: Row, units: int, why: str) -> None:
        """*units* that *holder* holds go to the line that is *short*."""
        for line, sign in ((holder, -1), (short, 1)):
            self.hands.append(
                Hand(
                    connection_id=line["connection_id"],
                    order_id=line["order_id"],
                    line_id=line["line_id"],
                    variant_id=holder["variant_id"],
                    location_id=holder["location_id"],
                    units=sign * units,
                    cause=f"incident:{short['incident_id']}",
                    kind=short["kind"],
                    incident_at=short["incident_at"],
                    told={"kind": "given_up", "to_order": short["name"], "chosen_because": why},
                    because=f"order {holder['name']} goes without",
                )
            )


async def holders_for(tx: Connection, merchant_id: int, short: Sequence[Row]) -> Holders:
    """Lines that hold, where orders of a connection are served from, what *short* lines of it miss."""
    wanted = sorted({(merchant_id, row["connection_id"]) for row in short})
    found = await listings.shelves_of(tx, wanted)
    default = [await listings.default_location(tx, merchant_id)]
    shelves = {connection_id: found.get(connection_id, default) for _, connection_id in wanted}
    pairs = {(row["variant_id"], location) for row in short for location in shelves[row["connection_id"]]}
    rows = await claims.holders(tx, merchant_id, sorted(pairs))
    return {
        connection_id: [row for row in rows if row["location_id"] in locations]
        for connection_id, locations in shelves.items()
    }


def plan_victims(
    short: Sequence[Row], holders: Holders, registry: Registry, refusal: Callable[[Row], str]
) -> Plan:
    """Each *short* line is cancelled, or a holder that costs less to let down is, and gives its units to it.

    *refusal* says why a holder may not be: then a person is asked about the line.
    """
    plan = Plan()
    given: Counter[tuple[int, str, int, int]] = Counter()
    for row in costliest_first(short, registry):
        variant_id = row["variant_id"]
        there = {
            _key(holder): holder
            for holder in holders[row["connection_id"]]
            if holder["variant_id"] == variant_id
        }
        claimants = [claimant_of(row, registry)]
        claimants += [
            replace(claimant_of(holder, registry), units=holder["units"] - given[key])
            for key, holder in there.items()
        ]
        for victim in choose_victims(claimants, row["units"]):
            lost = victim.claimant
            key = (lost.order_id, lost.line_id, variant_id, lost.location_id)
            if key not in there:
                plan.decide(row["incident_id"], row, Policy.CANCEL, victim.why)
            elif no := refusal(there[key]):
                why = f"order {there[key]['name']} should go without ({victim.why}), but {no}"
                plan.decide(row["incident_id"], row, Policy.ASK, why)
                break
            else:
                given[key] += victim.units
                plan.give(there[key], row, victim.units, victim.why)
                plan.decide(row["incident_id"], there[key], Policy.CANCEL, victim.why)
    return plan


def costliest_first(short: Sequence[Row], registry: Registry) -> Iterator[Row]:
    """*short* lines in the order in which they get units: first whom it costs most to let down."""
    by_line: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in short:
        by_line[row["order_id"], row["line_id"]].append(row)
    ordered = in_order_of_cost([claimant_of(rows[0], registry) for rows in by_line.values()])
    for claimant in reversed(ordered):
        yield from by_line[claimant.order_id, claimant.line_id]


def _key(holder: Row) -> tuple[int, str, int, int]:
    return (holder["order_id"], holder["line_id"], holder["variant_id"], holder["location_id"])


async def carry_out(tx: Connection, merchant_id: int, plan: Plan, now: datetime, *, by: str) -> None:
    """Do what *plan* says, whose orders and stock rows are locked. *by* is "policy" or a person."""
    if plan.hands:
        await hand_over(tx, merchant_id, plan.hands, now, actor="hub" if by == "policy" else by)
    rows = [{"merchant_id": merchant_id, **row} for row in plan.decisions]
    await incidents.decide(tx, rows, by, now)
    await hold_short(tx, merchant_id, sorted({row["order_id"] for row in rows}))
    said: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        said[row["incident_id"], row["policy"]].append(row)
    await incidents.say(
        tx,
        [
            {
                "merchant_id": merchant_id,
                "incident_id": incident_id,
                "kind": "decided",
                "actor": by,
                "detail": {
                    "policy": policy,
                    "orders": sorted({row["order_id"] for row in lines}),
                    "why": "; ".join(sorted({row["why"] for row in lines if row["why"]})),
                },
            }
            for (incident_id, policy), lines in said.items()
        ],
        now,
    )
