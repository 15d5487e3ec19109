"""What a chaos run has found, in numbers, and the whole story of what was wrong. Judges nothing: the books do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from console.chaos.people import Run
from console.demo.books import Verdict
from console.demo.shops import Shops


def channels_story(shops: Shops, sku: str) -> dict[str, list[Any]]:
    """What the shops' own books say of *sku*, in the order of time."""
    found: dict[str, list[Any]] = {}
    for shop, books in (("shopify", shops.shopify.books), ("woocommerce", shops.woocommerce.books)):
        rows: list[tuple[str, Any]] = [("sold", one) for one in books.sales]
        rows += [("given back", one) for one in books.restocks]
        rows += [("written", one) for one in books.stock_writes]
        mine = sorted((row for row in rows if row[1].sku == sku), key=lambda row: row[1].at)
        found[shop] = [(word, asdict(one)) for word, one in mine]
    return found


def numbers_of(
    run: Run, verdict: Verdict, unstored: int, left: dict[str, int], seconds: float
) -> dict[str, Any]:
    by_kind: dict[str, int] = {}
    for one in run.struck:
        by_kind[one.fault] = by_kind.get(one.fault, 0) + 1
    return {
        "seed": run.plan.seed,
        "minutes": run.plan.minutes,
        "faults": len(run.struck),
        "faults_by_kind": by_kind,
        "strikes": [
            {
                "at_s": one.at_s,
                "fault": one.fault,
                "target": one.target,
                "for_s": one.for_s,
                "amount": one.amount,
            }
            for one in run.struck
        ],
        "acked": len(run.acked),
        "called_off": len(run.doomed),
        **verdict.figures(),
        "lost": verdict.lost + unstored,
        "wrong_states": verdict.wrong_states,
        "webhooks_switched_on_again": run.switched_on,
        "stuck": run.stuck,
        "left": left,
        "seconds": round(seconds, 1),
        "passed": verdict.passed and unstored == 0 and not run.stuck,
    }
