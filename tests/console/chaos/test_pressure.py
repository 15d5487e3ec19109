"""A run under pressure: the same seed sends the same, and its judge can say no."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import discover
from console.chaos.figures import Figure
from console.chaos.senders import slowest
from console.chaos.tenants import Sent, Tenant, make_orders
from core.connector import Delivery, OrderRead
from core.flow import decode

LOUD, QUIET = Tenant(1, 1, "loud"), Tenant(2, 2, "quiet")


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.0, 0.01, 0.1]))
def test_the_same_seed_sends_the_same_at_the_same_instants(seed: int, share: float) -> None:
    def told() -> list[tuple[object, ...]]:
        plan = make_orders(seed).plan({LOUD: 50.0, QUIET: 5.0}, 4.0, ("kill", "raise"), share)
        return [(one.tenant, one.order_id, one.at_s, one.poison) for one in plan]

    first = told()

    assert first == told()
    assert [row[2] for row in first] == sorted(row[2] for row in first)  # type: ignore[type-var]
    assert len({row[1] for row in first}) == len(first)
    poison = Counter(row[3] for row in first)
    assert poison["kill"] + poison["raise"] == round(len(first) * share)
    assert 0 <= poison["kill"] - poison["raise"] <= 1


def test_a_loud_merchant_sends_as_many_times_as_much_as_it_is_said_to() -> None:
    sent = Counter(one.tenant.token for one in make_orders(7).plan({LOUD: 100.0, QUIET: 1.0}, 60.0))

    assert 70 < sent["loud"] / sent["quiet"] < 140


def test_every_body_is_a_whole_order_of_its_own_and_poison_is_told_by_its_number() -> None:
    orders = make_orders(1)
    reader = discover()["woocommerce"]
    for one in (Sent(QUIET, 1_001, 0.0), Sent(QUIET, 1_002, 0.0, poison="kill")):
        body = orders.body(one, padding=20_000)
        reading = reader.read(Delivery("order.created", {}, body), {})

        assert len(body) > 20_000
        assert isinstance(reading, OrderRead)
        assert reading.order.channel_order_id == str(one.order_id)
        assert str(decode(body)["number"]).startswith("POISON-kill-" if one.poison else "W-")


def test_the_slowest_of_a_hundred_is_left_out_poison_does_not_count_and_nothing_seen_is_no_success() -> None:
    def took(seconds: float, poison: str = "") -> Sent:
        return Sent(QUIET, 1, 0.0, poison=poison, answered=10.0, visible=10.0 + seconds)

    fast = [took(0.1) for _ in range(200)]

    assert slowest([*fast, took(9.0), took(50.0, "raise")]) == pytest.approx(100)
    assert slowest([*fast, *(took(9.0) for _ in range(4))]) == pytest.approx(9_000)
    assert slowest([Sent(QUIET, 1, 0.0)]) == float("inf")


def test_a_figure_that_others_go_by_is_printed_and_judges_nothing() -> None:
    assert Figure("ms", 407.123, None).row() == {"ok": True, "name": "ms", "want": "", "got": 407.12}
