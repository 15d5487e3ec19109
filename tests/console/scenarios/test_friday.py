"""The scenario of Black Friday: the same crowd for every policy, and checks that are not bent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from console.cli.scenario import scenario
from console.scenarios.cron import run_cron
from console.scenarios.crowd import CHANNELS, START, Plan, buyers, supply
from console.scenarios.friday import judge
from console.scenarios.market import Clock, open_shops
from console.scenarios.verdict import p95, sales_of
from core.flow import decode

SMALL = Plan(seed=3, orders=300, hours=1.0, hot=10, others=10, dead_minutes=15)


def test_the_same_seed_is_the_same_crowd_and_it_wants_more_of_the_hot_than_there_is() -> None:
    crowd, stock = buyers(SMALL), supply(SMALL)

    assert crowd == buyers(SMALL)
    assert crowd != buyers(Plan(seed=4, orders=300, hours=1.0, hot=10, others=10))
    assert {buyer.channel for buyer in crowd} == set(CHANNELS)
    assert all(START <= buyer.at <= SMALL.ends for buyer in crowd)
    for sku, units in stock.items():
        if sku.startswith("HOT"):
            assert 5 <= units <= 40
            assert sum(buyer.sku == sku for buyer in crowd) > units


def test_books_say_what_was_sold_that_nobody_had_and_which_of_it_at_the_dead_channel() -> None:
    clock = Clock(START)
    shops = open_shops(SMALL, clock)
    units = supply(SMALL)["HOT-000"]
    for _ in range(units):
        assert shops["shop"].buy("HOT-000")
    assert shops["auction"].buy("HOT-000")
    clock.now = SMALL.dies + timedelta(minutes=1)
    assert shops["boutique"].buy("HOT-000")

    found = sales_of(SMALL, shops)

    assert (found["oversold"], found["oversold_at_dead"], found["orders"]) == (2, 1, units + 2)


def test_a_hub_on_a_timer_oversells() -> None:
    found = run_cron(SMALL, lambda _share: None)

    assert found["oversold"] > 0
    assert found["sell_through"] > 0.9


def day(policy: str, **facts: Any) -> dict[str, Any]:
    return {
        "policy": policy, "orders": 100, "oversold": 0, "oversold_at_dead": 0, "per_10k": 0.0, "sell_through": 1.0,
        "lost": 0, "explained": 0, "violations": {}, "backlog_minutes": 1.0,
        "stop_sell_p95_s": dict.fromkeys(CHANNELS, 5.0), **facts,
    }  # fmt: skip


def judged(**strict: Any) -> dict[str, bool]:
    days = {"cron": day("cron", oversold=99), "pooled_then_strict": day("pooled_then_strict", **strict)}
    return {check["name"]: check["ok"] for check in judge({**days, "pooled": day("pooled")})}


@pytest.mark.parametrize(
    "wrong",
    [
        {"oversold": 1},
        {"sell_through": 0.97},
        {"lost": 1},
        {"backlog_minutes": 11.0},
        {"backlog_minutes": None},
        {"violations": {"todo_left": 1}},
    ],
)
def test_a_figure_that_is_not_reached_fails_its_check(wrong: dict[str, Any]) -> None:
    assert all(judged().values())  # what the timer's hub oversold is for comparison only
    assert list(judged(**wrong).values()).count(False) == 1


def test_the_95th_of_100_seconds() -> None:
    assert p95([float(second) for second in range(100)]) == 95.0
    assert p95([]) is None


def test_without_a_name_the_scenarios_are_listed() -> None:
    listed = CliRunner().invoke(scenario, ["--json"], standalone_mode=False)

    assert [row["name"] for row in decode(listed.output.encode())] == ["friday"]


@pytest.mark.soak
def test_a_small_friday_is_lived_through_by_every_policy() -> None:
    lived = CliRunner().invoke(scenario, ["friday", "--orders", "200", "--json"], standalone_mode=False)

    found = decode(lived.output.encode())
    got = {check["name"]: check["got"] for check in found["checks"]}
    assert got["pooled: orders lost"] == got["pooled_then_strict: orders lost"] == 0
    assert got["pooled: invariants violated"] == {}
    assert got["cron: oversold"] > got["pooled: oversold"]
