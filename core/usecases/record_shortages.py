"""Record shortages: what order lines miss now, and the incidents that tell a person of it. Nobody writes one without the
other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from core.store import incidents, stock
from core.store.database import Connection
from core.store.incidents import LineOf
from core.store.policies import Policies, read_policies

SHOWN = 20  # orders that one event of an incident names


@dataclass(frozen=True, slots=True)
class Short:
    """*quantity* units of a variant that an order line misses now; 0: none any more.

    *oversold* are those missing since it came, *cause* says how (`core.rules.shortage`). Where it misses more than
    before, an incident of *kind* at *location_id* (0: anywhere) says so; where it misses less, *because* says why.
    *gave* says that it gave its units to another order: then no unit more is missing than before. *policy* is what a listing
    rule has decided, whatever the merchant wants of shortages else.
    """

    merchant_id: int
    connection_id: int
    order_id: int
    line_id: str
    variant_id: int
    quantity: int
    oversold: int = 0
    cause: dict[str, Any] = field(default_factory=dict)
    kind: str = "oversold"
    location_id: int = 0
    because: str = ""
    gave: bool = False
    policy: str = ""

    @property
    def line(self) -> LineOf:
        return (self.merchant_id, self.order_id, self.line_id, self.variant_id)


async def record_shortages(
    tx: Connection, shorts: Sequence[Short], now: datetime, *, actor: str = "hub"
) -> None:
    """Write *shorts* and open, grow, shrink or close their incidents. Their orders and stock rows are locked."""
    await stock.put_shortages(tx, [asdict(short) for short in shorts], now)
    known: dict[LineOf, list[tuple[int, int]]] = defaultdict(list)
    for row in await incidents.missing_of(tx, [short.line for short in shorts]):
        key = (row["merchant_id"], row["order_id"], row["line_id"], row["variant_id"])
        known[key].append((row["incident_id"], row["missing"]))
    more, less = [], []
    for short in shorts:
        change = short.quantity - sum(missing for _, missing in known[short.line])
        if change > 0:
            more.append((short, change))
        for incident_id, missing in known[short.line]:
            if change < 0:
                less.append((short, incident_id, min(missing, -change)))
                change += less[-1][2]
    said = [*await _grow(tx, more, now), *await _shrink(tx, less, now)]
    if said:
        await incidents.say(tx, [{**event, "actor": actor} for event in said], now)


async def _grow(tx: Connection, more: Sequence[tuple[Short, int]], now: datetime) -> list[dict[str, Any]]:
    if not more:
        return []
    policies = await read_policies(tx, [short.merchant_id for short, _ in more])
    concerned: dict[tuple[int, str, int, int], list[tuple[Short, int]]] = defaultdict(list)
    for short, units in more:
        concerned[short.merchant_id, short.kind, short.variant_id, short.location_id].append((short, units))
    names = ("merchant_id", "kind", "variant_id", "location_id")
    opened = await incidents.open_or_grow(
        tx,
        [
            {
                **dict(zip(names, key, strict=True)),
                "missing": sum(units for _, units in lines),
                "units": sum(units for short, units in lines if not short.gave),
                "cause": lines[0][0].cause,
            }
            for key, lines in concerned.items()
        ],
        now,
    )
    await incidents.grow_lines(
        tx,
        [
            {
                "merchant_id": short.merchant_id,
                "incident_id": opened[key][0],
                "order_id": short.order_id,
                "line_id": short.line_id,
                "units": units,
                **_decided(policies, short, now),
            }
            for key, lines in concerned.items()
            for short, units in lines
        ],
    )
    return [
        _event(
            key[0], *opened[key], "opened", "grew", [(short.order_id, units, "") for short, units in lines]
        )
        for key, lines in concerned.items()
    ]


def _decided(policies: Policies, short: Short, now: datetime) -> dict[str, Any]:
    """A policy that needs no further choice is the decision: to wait, or to look elsewhere."""
    if short.policy:
        return {"policy": short.policy, "decided_by": "listing rule", "decided_at": now}
    policy = policies.of(short.merchant_id, short.connection_id)
    settled = policy in ("backorder", "other_location")
    return {
        "policy": policy,
        "decided_by": "policy" if settled else "",
        "decided_at": now if settled else None,
    }


async def _shrink(
    tx: Connection, less: Sequence[tuple[Short, int, int]], now: datetime
) -> list[dict[str, Any]]:
    if not less:
        return []
    rows: list[dict[str, Any]] = [
        {
            "merchant_id": short.merchant_id,
            "incident_id": incident_id,
            "order_id": short.order_id,
            "line_id": short.line_id,
            "units": units,
            "because": short.because,
        }
        for short, incident_id, units in less
    ]
    await incidents.shrink_lines(tx, rows)
    concerned: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        concerned[row["merchant_id"], row["incident_id"]].append(row)
    totals = [
        {"merchant_id": key[0], "incident_id": key[1], "units": sum(line["units"] for line in lines)}
        for key, lines in sorted(concerned.items())
    ]
    closed = await incidents.shrink(tx, totals, now)
    return [
        _event(
            *key,
            key in closed,
            "closed",
            "shrank",
            [(line["order_id"], line["units"], line["because"]) for line in lines],
        )
        for key, lines in concerned.items()
    ]


def _event(
    merchant_id: int,
    incident_id: int,
    edge: bool,
    first: str,
    then: str,
    lines: Sequence[tuple[int, int, str]],
) -> dict[str, Any]:
    """*first* where the incident opens or closes by it (*edge*), *then* where it goes on."""
    because = sorted({line[2] for line in lines if line[2]})
    return {
        "merchant_id": merchant_id,
        "incident_id": incident_id,
        "kind": first if edge else then,
        "detail": {
            "units": sum(line[1] for line in lines),
            "orders": sorted({line[0] for line in lines})[:SHOWN],
            **({"because": "; ".join(because)} if because else {}),
        },
    }
