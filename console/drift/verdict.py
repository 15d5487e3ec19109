"""How well the hub did: every drift it was dealt, beside what it called it and how long that took to heal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from console.drift.cases import Case
from console.scenarios.verdict import p95
from core.rules.drift import Drift

LEAST_RIGHT = 0.95
LONGEST_HEAL_S = 300.0

Listing = tuple[str, str]  # shop, SKU
Rows = Mapping[Listing, Mapping[str, Any]]  # what the sweep found, as it was settled


def scored(cases: Sequence[Case], taken_for: Mapping[Listing, str], rows: Rows) -> dict[str, Any]:
    """Figures over all *cases*, and in "classes" those of each class. *taken_for* is what the hub took each listing for
    right after the sweep; only that says that nothing could be said of it. Times are seconds.
    """
    table = []
    others: Counter[str] = Counter()
    for kind in dict.fromkeys(case.truth for case in cases):
        mine = [case for case in cases if case.truth is kind]
        names = {key(case): _called(case, taken_for, rows) for case in mine}
        others.update(f"{case.how}: {names[key(case)]}" for case in mine if names[key(case)] != kind)
        heals = heal_times(mine, rows)
        table.append(
            {
                "class": kind.value,
                "injected": len(mine),
                "found": sum(taken_for.get(key(case), Drift.NONE) != Drift.NONE for case in mine),
                "classified_right": sum(name == kind for name in names.values()),
                "healed": len(heals),
                "heal_p95_s": p95(heals),
            }
        )
    return {
        **{name: sum(row[name] for row in table) for name in ("injected", "found", "classified_right")},
        "heal_p95_s": p95(heal_times(cases, rows)),
        "unhealed": sum(case.healed for case in cases) - len(heal_times(cases, rows)),
        "classes": table,
        "taken_for_another": dict(others.most_common()),
    }


def key(case: Case) -> Listing:
    return (case.shop, case.sku)


def _called(case: Case, taken_for: Mapping[Listing, str], rows: Rows) -> str:
    """What the hub calls it in the end."""
    row = rows.get(key(case))
    if row is None or case.truth is Drift.IN_FLIGHT:
        return taken_for.get(key(case), Drift.NONE)
    kind: str = row["kind"]
    return kind


def heal_times(cases: Sequence[Case], rows: Rows) -> list[float]:
    """From when a drift that has to be healed was found until the shop was told, or the ledger changed."""
    found = [rows[key(case)] for case in cases if case.healed and key(case) in rows]
    return [(row["closed_at"] - row["found_at"]).total_seconds() for row in found if row["closed_at"]]


def passed(numbers: Mapping[str, Any]) -> bool:
    """Whether every figure is reached."""
    nothing = ("false_heals", "unhealed", "wrong_levels", "unsettled", "violations")
    return (
        numbers["found"] == numbers["injected"]
        and numbers["classified_right"] >= LEAST_RIGHT * numbers["injected"]
        and numbers["heal_p95_s"] is not None
        and numbers["heal_p95_s"] < LONGEST_HEAL_S
        and not any(numbers[name] for name in nothing)
    )
