"""What the figures of a comparison say: which fixed buffer is the best, what was to be shown, and why if it was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]
BEST_BY = (
    "the fixed buffer that sells through nearest to lag_aware, but not more: a smaller one sells through more and "
    "oversells more, a larger one is compared in fixed_tried"
)
FEWER = 80.0  # percent


def verdict(
    policies: Mapping[str, Figures], tried: Sequence[Figures], million: Figures, strict_sales: int
) -> dict[str, Any]:
    """The comparison as plain data. *million* are the figures of the strict policy in all its weeks; its figures for the
    same buyers as the others' stand beside them.
    """
    lag = policies["lag_aware"]
    compared = [
        {
            **each,
            "lag_aware_oversells_fewer_percent": fewer(lag, each),
            "lag_aware_sell_through_more": round(lag["sell_through"] - each["sell_through"], 5),
        }
        for each in tried
    ]
    best = best_fixed(lag, compared)
    checks = [
        {
            "name": f"strict: sales, oversold ({million['replies_lost']} writes had no answer)",
            "want": f"{strict_sales} or more, 0",
            "got": f"{million['sales']}, {million['oversold']}",
            "ok": million["sales"] >= strict_sales and million["oversold"] == 0,
        },
        {
            "name": f"lag_aware: percent fewer oversold than the best fixed buffer ({best['buffer']})",
            "want": f"{FEWER} or more",
            "got": best["lag_aware_oversells_fewer_percent"],
            "ok": best["lag_aware_oversells_fewer_percent"] >= FEWER,
        },
        {
            "name": "lag_aware: sell-through, not below that of the best fixed buffer",
            "want": f"{best['sell_through']} or more",
            "got": lag["sell_through"],
            "ok": lag["sell_through"] >= best["sell_through"],
        },
    ]
    return {
        "passed": all(check["ok"] for check in checks),
        "checks": checks,
        "explained": explained(policies, best, million, checks),
        "policies": {
            "fixed": best,
            "lag_aware": dict(lag),
            "pooled": dict(policies["pooled"]),
            "strict": {**million, "same_buyers": dict(policies["strict"])},
            "pooled_then_strict": dict(policies["pooled_then_strict"]),
        },
        "fixed_best_by": BEST_BY,
        "fixed_tried": compared,
    }


def best_fixed(lag: Figures, tried: Sequence[Figures]) -> Figures:
    """The fixed buffer lag-aware has to beat: of those it sells through at least as much as, the one that sells through
    most; where it sells through less than all of them, the one that oversells least.
    """
    beaten = [each for each in tried if each["sell_through"] <= lag["sell_through"]]
    if beaten:
        return max(beaten, key=lambda each: (each["sell_through"], -each["oversold"]))
    return min(tried, key=lambda each: each["oversold"])


def fewer(one: Figures, other: Figures) -> float:
    """By how many percent *one* oversells less than *other*, for each order; negative where it oversells more."""
    if not other["oversold"]:
        return 100.0 if not one["oversold"] else -100.0
    mine, its = one["oversold"] / one["sales"], other["oversold"] / other["sales"]
    return float(round(100 * (1 - mine / its), 2))


def explained(
    policies: Mapping[str, Figures], best: Figures, million: Figures, checks: Sequence[Figures]
) -> list[str]:
    """A sentence for each figure that was not reached, from the figures themselves."""
    strict, fewer_, through = (check["ok"] for check in checks)
    lag = policies["lag_aware"]
    said = []
    if not strict:
        said.append(
            f"strict sold {million['oversold']} units too many in {million['sales']} sales: {_causes(million)}."
        )
    if not fewer_:
        said.append(
            f"lag_aware oversold {lag['oversold']} units ({_causes(lag)}) and a fixed buffer of {best['buffer']} "
            f"{best['oversold']} ({_causes(best)})."
        )
    if not through:
        said.append(
            f"lag_aware left {_unsold(lag)} % of the scarce units unsold and a fixed buffer of {best['buffer']} "
            f"{_unsold(best)} %."
        )
    return said


def _causes(figures: Figures) -> str:
    return ", ".join(
        f"{units} by {cause.replace('_', ' ')}"
        for cause, units in figures["oversold_by_cause"].items()
        if units
    )


def _unsold(figures: Figures) -> float:
    return float(round(100 * (1 - figures["sell_through"]), 2))
