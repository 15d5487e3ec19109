"""Catching up after an outage: real connectors, simulated shops, simulated time."""

from __future__ import annotations

from typing import Any

import pytest

from console.bench.catchup import Ask, bench_catchup


@pytest.fixture(scope="module")
async def found() -> dict[str, Any]:
    """80 missed orders, few enough for one bucket, and 300 listings."""
    return await bench_catchup(Ask(orders=320, listings=300), lambda _text, _done: None)


async def test_every_channel_is_said_and_whether_it_was_run_or_computed(found: dict[str, Any]) -> None:
    assert {row["channel"]: row["how"] for row in found["channels"]} == {
        "Shopify": "run", "WooCommerce": "run", "Amazon": "computed", "eBay": "computed",
    }  # fmt: skip
    assert set(found["sources"]) == {"Amazon", "eBay"}


async def test_what_was_run_was_never_turned_away_and_asked_no_more_than_it_had_to(
    found: dict[str, Any],
) -> None:
    shopify, woocommerce, *_ = found["channels"]
    assert shopify["turned_away"] == woocommerce["turned_away"] == 0
    # 80 orders in 4 pages, 300 counts in 2 batches, the locations and 2 pages read back.
    assert shopify["calls"] == pytest.approx(4 + 2 + 1 + 2, abs=1)
    # One page, 3 batches read and written, 3 pages read back and the empty one after them.
    assert woocommerce["calls"] == pytest.approx(1 + 6 + 4, abs=3)


async def test_only_what_was_run_is_held_against_a_gate(found: dict[str, Any]) -> None:
    assert len(found["gates"]) == 2
    assert all(gate["want"] == "<= 1.25" for gate in found["gates"])
