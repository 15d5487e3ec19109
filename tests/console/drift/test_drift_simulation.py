"""The simulation of drifts: every class is dealt, a real hub settles them, and the verdict is not bent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from console.cli.simulate import simulate
from console.drift.cases import WAYS, Case, How, draw
from console.drift.run import play
from console.drift.verdict import passed, scored
from core.flow import decode
from core.rules.drift import Drift

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_every_way_of_every_class_is_dealt_and_no_listing_has_two() -> None:
    plan = draw(3, 1000)

    assert len(plan.cases) >= 1000
    assert {case.truth for case in plan.cases} == set(Drift) - {Drift.NONE}
    assert {case.how for case in plan.cases} == {how for ways in WAYS.values() for how in ways}
    assert len({(case.shop, case.sku) for case in plan.cases}) == len(plan.cases)
    assert plan == draw(3, 1000)
    assert plan != draw(4, 1000)


async def test_a_hub_finds_every_drift_tells_them_apart_and_heals_none_that_an_order_explains(
    make_hub: Callable[..., Any],
) -> None:
    settings = (await make_hub(lease_s=20.0, call_deadline_s=9.0)).settings

    found = await play(settings, 11, 60, lambda _what, _share: None)

    told = {name: found[name] for name in ("wrongly_healed", "wrong", "unhealed", "unsettled", "violations")}
    assert told == {"wrongly_healed": [], "wrong": [], "unhealed": 0, "unsettled": 0, "violations": {}}
    assert found["injected"] == found["found"] >= 60
    assert found["classified_right"] >= 0.95 * found["injected"], found["taken_for_another"]
    assert found["orders_in_flight"] > 20
    assert found["heal_p95_s"] < 300
    assert found["passed"]


@pytest.mark.soak
def test_the_command_deals_a_thousand_drifts_and_says_what_became_of_them() -> None:
    played = CliRunner().invoke(simulate, ["drift", "--seed", "5", "--json"], standalone_mode=False)

    found = decode(played.output.encode())
    assert played.return_value == 0
    assert found["passed"]
    assert found["injected"] == found["found"] >= 1000
    assert (found["false_heals"], found["unhealed"]) == (0, 0)
    assert {row["class"] for row in found["classes"]} == set(Drift) - {Drift.NONE}


GOOD: dict[str, Any] = {
    "injected": 1000, "found": 1000, "classified_right": 950, "false_heals": 0, "heal_p95_s": 299.0, "unhealed": 0,
    "wrong_levels": 0, "unsettled": 0, "violations": {},
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"found": 999},
        {"classified_right": 949},
        {"false_heals": 1},
        {"heal_p95_s": 300.0},
        {"heal_p95_s": None},
        {"unhealed": 1},
        {"wrong_levels": 1},
        {"unsettled": 1},
        {"violations": {"balance": 1}},
    ],
)
def test_a_figure_that_is_not_reached_fails(wrong: dict[str, Any]) -> None:
    assert passed(GOOD)
    assert not passed({**GOOD, **wrong})


def test_the_score_is_by_what_the_hub_calls_a_drift_in_the_end_and_in_flight_by_what_it_said_at_once() -> (
    None
):
    edit = Case("shopify", "A", Drift.CHANNEL_EDIT, How.RAISED, 3, 1)
    lost = Case("shopify", "B", Drift.LOST_PUSH, How.CUT_LOST, 3, 1)
    missed = Case("shopify", "C", Drift.UNSEEN_ORDER, How.SELLING, 3, 1)
    flying = Case("shopify", "D", Drift.IN_FLIGHT, How.COUNTED, 3, 1)
    row = {"kind": "channel_edit", "found_at": NOW, "closed_at": NOW + timedelta(seconds=130)}
    rows = {("shopify", sku): row for sku in "ABD"}
    taken_for = {("shopify", "A"): "lost_push", ("shopify", "B"): "lost_push", ("shopify", "D"): "in_flight"}

    found = scored([edit, lost, missed, flying], taken_for, rows)

    assert (found["injected"], found["found"], found["classified_right"], found["unhealed"]) == (4, 3, 2, 0)
    assert found["heal_p95_s"] == 130.0
    assert found["taken_for_another"] == {f"{How.CUT_LOST}: channel_edit": 1, f"{How.SELLING}: none": 1}
