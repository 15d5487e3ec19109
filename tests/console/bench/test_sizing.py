"""Sizing is arithmetic on what an order cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.bench.sizing import DAY_S, Cost, cost_of, document

costs = st.builds(Cost, st.floats(1, 1e6), st.floats(1, 1e6), st.floats(0, 10))
shares = st.floats(0.05, 1)


@given(costs, shares)
def test_the_orders_of_a_day_use_just_the_part_of_the_core_that_is_planned_for(
    cost: Cost, used: float
) -> None:
    orders = cost.per_core_day(used)
    assert orders * cost.cpu_us / 1e6 == pytest.approx(used * DAY_S)
    assert cost.core_hours(orders, used) == pytest.approx(24)


@given(costs, st.floats(1, 1e9), st.floats(0, 10), st.floats(0, 10), st.floats(0, 100))
def test_twice_the_orders_cost_twice_as_much_and_free_machines_nothing(
    cost: Cost, orders: float, core: float, gb: float, months: float
) -> None:
    once = cost.price(orders, core, gb, months)
    assert cost.price(2 * orders, core, gb, months) == pytest.approx(2 * once)
    assert cost.price(orders, 0, 0, months) == 0


def test_one_known_order_by_hand() -> None:
    cost = Cost(cpu_us=500, bytes=4_000, calls=0.02)
    assert cost.per_core_day(0.5) == pytest.approx(86_400_000)
    assert cost.gb_per_million() == pytest.approx(4)
    assert cost.core_hours(10_000, 0.5) == pytest.approx(10 / 3600)
    assert cost.price(10_000, 0.36, 0.1, 10, 0.5) == pytest.approx(0.001 + 0.04)


def test_what_was_not_measured_costs_nothing_that_could_be_said() -> None:
    assert cost_of(None) is None
    assert cost_of({"cpu_us_per_order": 0, "bytes_per_order": 100}) is None
    assert document(None, None, "").count("Not measured") == 2


def test_the_document_says_the_orders_of_a_day_and_where_they_were_measured() -> None:
    loop = {
        "cpu_us_per_order": 500,
        "bytes_per_order": 4000,
        "push_calls_per_order": 0.02,
        "machine": "M",
        "at": "T",
    }
    text = document(loop, None, "")
    assert "**86,400,000 orders a day per core**" in text
    assert "**4.0 GB per million orders**" in text
    assert "(M, T)" in text
